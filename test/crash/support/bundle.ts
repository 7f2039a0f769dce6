import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'rolldown';

// Programs of tests in few files, as scripts/build.mjs makes those of the product. They start in a third of the time that src/ file by file would take,
// which hundreds of runs notice.

const SUPPORT = join(process.cwd(), 'test/crash/support');

/** The product with its worker replaced by one that can be told where it is to be killed; gives the program of the front. */
export async function bundleProduct(): Promise<string> {
  const top = topOf('product');
  for (const name of ['elements', 'libexec', 'package.json']) cpSync(name, join(top, name), { recursive: true });
  await bundle(top, {
    'cli/front': join(SUPPORT, 'product-front.ts'),
    'engine/worker-main': join(SUPPORT, 'product-worker.ts'),
    'engine/prune-main': join(process.cwd(), 'src/engine/prune-main.ts'),
  });
  return join(top, 'dist/cli/front.js');
}

/** Removes what bundleProduct() made. */
export function removeProduct(front: string): void {
  rmSync(join(front, '../../..'), { recursive: true });
}

/** The front and the worker around small kinds; gives their directory. */
export async function bundleEngine(): Promise<string> {
  const top = topOf('engine');
  await bundle(top, {
    'engine/front-under-test': join(SUPPORT, 'front-under-test.ts'),
    'engine/worker-under-test': join(SUPPORT, 'worker-under-test.ts'),
  });
  return join(top, 'dist/engine');
}

/** Removes what bundleEngine() made. */
export function removeEngine(directory: string): void {
  rmSync(join(directory, '../..'), { recursive: true });
}

function topOf(name: string): string {
  const top = join(process.cwd(), 'node_modules', '.cache', `dib-crash-${name}-${process.pid}`);
  rmSync(top, { recursive: true, force: true });
  return top;
}

async function bundle(top: string, input: Readonly<Record<string, string>>): Promise<void> {
  cpSync('src/exec/tools.json', join(top, 'dist/exec/tools.json'));
  await build({
    input: { ...input },
    platform: 'node',
    transform: { target: 'node20.19' },
    output: {
      dir: join(top, 'dist'),
      format: 'esm',
      entryFileNames: '[name].js',
      chunkFileNames: 'chunks/[name].js',
    },
  });
}
