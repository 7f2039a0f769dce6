// Compiles src/ to dist/: generated sources first, then the type check, then one bundle for each program that dib starts.
//
// Bundled, because starting up is most of the time of `dib plan`: some two hundred small modules, ours and those of the libraries, cost three
// times as much to find and to load as to run. What is imported lazily stays in files of its own, which are only read when they are needed.
import { copyFileSync, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { main, run, TOP } from './host.mjs';

/**
 * Programs by their place in dist/. Everything shared lies in dist/chunks/, so code that looks for files beside it stands exactly one
 * directory below src/ and starts with `../`: that leads to the same place from there, from dist/ and from dist/chunks/.
 */
const PROGRAMS = ['cli/main', 'engine/worker-main', 'engine/prune-main', 'engine/shell-main'];

/** Files that the program reads, in the same place below dist/ as below src/. */
const DATA_FILES = ['exec/tools.json'];

await main(async () => {
  if (existsSync(join(TOP, 'scripts/generate.mjs'))) run(['node', 'scripts/generate.mjs']);
  run([join(TOP, 'node_modules/.bin/tsc'), '--project', 'tsconfig.json', '--noEmit']);
  // Made elsewhere and then moved: a failed build leaves the old one, and nothing of a removed source file stays.
  const fresh = join(TOP, 'node_modules/.dib-build');
  rmSync(fresh, { recursive: true, force: true });
  await bundle(fresh);
  for (const file of DATA_FILES) {
    mkdirSync(dirname(join(fresh, file)), { recursive: true });
    copyFileSync(join(TOP, 'src', file), join(fresh, file));
  }
  rmSync(join(TOP, 'dist'), { recursive: true, force: true });
  renameSync(fresh, join(TOP, 'dist'));
});

async function bundle(directory) {
  // Not imported above: on a fresh clone this file is read before anything is installed.
  const { build } = await import('rolldown');
  await build({
    cwd: TOP,
    input: Object.fromEntries(PROGRAMS.map((name) => [name, join(TOP, 'src', `${name}.ts`)])),
    platform: 'node',
    transform: { target: 'node20.19' },
    output: {
      dir: directory,
      format: 'esm',
      entryFileNames: '[name].js',
      chunkFileNames: 'chunks/[name].js',
      // Names stay as they are, for stacks; comments and white space would only be read at every start.
      minify: { compress: false, mangle: false, codegen: true },
      comments: { legal: true },
      sourcemap: true,
    },
  });
}
