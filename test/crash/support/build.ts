import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';

/** Compiles src/ and this directory to JavaScript, for processes that run without vitest; gives the directory of the compiled support files. */
export function buildSupport(): string {
  const out = join('node_modules', '.cache', `dib-crash-${process.pid}`);
  rmSync(out, { recursive: true, force: true });
  for (const directory of ['src', 'test/crash/support']) {
    for (const name of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
      const [from, to] = [join(directory, name), join(out, directory, name)];
      if (name.endsWith('.ts')) emit(from, to.replace(/\.ts$/, '.js'));
      else if (name.endsWith('.json')) cpSync(from, to);
    }
  }
  return join(process.cwd(), out, 'test/crash/support');
}

/** The same, with the product's worker replaced by one that can be told where it is to be killed; gives the program of the front. */
export function buildProduct(): string {
  const support = buildSupport();
  const top = join(support, '../../..');
  for (const name of ['elements', 'libexec', 'package.json']) cpSync(name, join(top, name), { recursive: true });
  writeFileSync(join(top, 'src/engine/worker-main.js'), "await import('../../test/crash/support/product-worker.js');\n");
  return join(support, 'product-front.js');
}

function emit(from: string, to: string): void {
  const { outputText } = ts.transpileModule(readFileSync(from, 'utf8'), {
    fileName: from,
    compilerOptions: {
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.ESNext,
      verbatimModuleSyntax: true,
      rewriteRelativeImportExtensions: true,
    },
  });
  mkdirSync(join(to, '..'), { recursive: true });
  writeFileSync(to, outputText);
}
