import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'rolldown';

/**
 * The product in few files, as scripts/build.mjs makes it, with its worker replaced by one that can be told where it is to be killed; gives the
 * program of the front. It starts in a third of the time that buildProduct() gives, which hundreds of runs notice.
 */
export async function bundleProduct(): Promise<string> {
  const top = join(process.cwd(), 'node_modules', '.cache', `dib-crash-stacks-${process.pid}`);
  rmSync(top, { recursive: true, force: true });
  for (const name of ['elements', 'libexec', 'package.json']) cpSync(name, join(top, name), { recursive: true });
  cpSync('src/exec/tools.json', join(top, 'dist/exec/tools.json'));
  const support = join(process.cwd(), 'test/crash/support');
  await build({
    input: {
      'cli/front': join(support, 'product-front.ts'),
      'engine/worker-main': join(support, 'product-worker.ts'),
      'engine/prune-main': join(process.cwd(), 'src/engine/prune-main.ts'),
    },
    platform: 'node',
    transform: { target: 'node20.19' },
    output: {
      dir: join(top, 'dist'),
      format: 'esm',
      entryFileNames: '[name].js',
      chunkFileNames: 'chunks/[name].js',
    },
  });
  return join(top, 'dist/cli/front.js');
}

/** Removes what bundleProduct() made. */
export function removeProduct(front: string): void {
  rmSync(join(front, '../../..'), { recursive: true });
}
