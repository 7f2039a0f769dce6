// `npm run check`: everything that can be judged without running dib. All checks run, so that all problems show at once.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { main, say, TOP, tryRun } from './host.mjs';

const bin = (name) => join(TOP, 'node_modules/.bin', name);

const CHECKS = [
  ['generated sources', ['node', 'scripts/generate.mjs']],
  ['lint and format', [bin('biome'), 'ci', '.']],
  ['types', [bin('tsc'), '--project', 'tsconfig.test.json']],
  ['import rules', [bin('depcruise'), '--config', '.dependency-cruiser.cjs', 'src']],
  ['unused code', [bin('knip')]],
  ['package', [bin('publint')]],
  ['shell scripts', ['shellcheck', '--external-sources', ...shellScripts()]],
];

await main(() => {
  const failed = [];
  for (const [name, argv] of CHECKS) {
    say(`\n${name}`);
    if (tryRun(argv) !== 0) failed.push(name);
  }
  say(failed.length === 0 ? '\nAll checks passed.' : `\nFailed: ${failed.join(', ')}.`);
  return failed.length === 0 ? 0 : 1;
});

/** Tracked files whose first line names a shell. */
function shellScripts() {
  const files = spawnSync('git', ['grep', '--files-with-matches', '--max-count=1', '-E', '^#!.*\\b(ba|da)?sh\\b'], {
    cwd: TOP,
    encoding: 'utf8',
  });
  return files.stdout.split('\n').filter((file) => file !== '' && !/\.(md|ts|mjs|json)$/.test(file));
}
