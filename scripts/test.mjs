// `npm test`: set-up, then all checks and every test. Ends with the line `N passed, N failed`.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { createInterface } from 'node:readline';
import { main, ROOT, run, SEARCH_PATH, say, TOP } from './host.mjs';
import { setUp } from './setup.mjs';

/** Runs of vitest beside each other. Most keep one processor busy, and wait now and then: two of them leave a quarter of two processors unused. */
const LANES = 3;

/** `npm run check`. */
const CHECKS = join(TOP, 'scripts/check.mjs');

/** How many of the longest test files are listed at the end. */
const LONGEST = 20;

/** The ordinary user that unprivileged builds are tested with: test/support/ordinary-user.ts. */
const TEST_USER = 'dib-test';

await main(async () => {
  setUp(['build', 'optional', 'test']);
  if (ROOT) addTestUser();
  else
    say('Not root: tests that need root will fail. `sudo npm test` runs all of them, `npm run test:unit` those that need none.');
  const { passed, failed, status, files, checksPassed } = await withFreshCaches(runAll);
  sayLongest(files);
  if (!checksPassed) say('\nThe checks failed: see `npm run check`.');
  say(`\n${passed} passed, ${failed} failed`);
  return checksPassed && status === 0 && passed > 0 ? 0 : 1;
});

/** Layers that an earlier run left, perhaps by an earlier dib, must not hide what this one does wrong. All tests of a run share the caches. */
async function withFreshCaches(body) {
  const directory = mkdtempSync('/var/tmp/dib-test-cache-');
  chmodSync(directory, 0o755);
  process.env.DIB_IMAGE_CACHE ??= join(directory, 'root');
  process.env.TEST_USER_CACHE ??= join(directory, 'user');
  try {
    return await body();
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** First what can be told at once, then the longest; what is short fills the lanes at the end. */
async function runAll() {
  const boots = readdirSync(join(TOP, 'test/boot')).filter((name) => name.endsWith('.test.ts'));
  const queue = [
    { name: 'checks' },
    { name: 'unit', only: ['--project', 'unit', '--project', 'property'] },
    { name: 'vm', only: ['--project', 'vm'] },
    { name: 'cli', only: ['--project', 'system', 'test/system/cli/'] },
    { name: 'elements', only: ['--project', 'system', 'test/system/elements/'] },
    { name: 'crash', only: ['--project', 'crash'] },
    { name: 'distros', only: ['--project', 'system', 'test/system/distros/'] },
    { name: 'system', only: ['--project', 'system', '--exclude', 'test/system/{cli,elements,distros}/**'] },
    ...boots.map((file) => ({ name: `boot ${file.split('.')[0]}`, only: ['--project', 'boot', `test/boot/${file}`] })),
  ];
  const total = { passed: 0, failed: 0, status: 0, files: [], checksPassed: false };
  const add = ({ passed, failed, status, files }) => {
    total.passed += passed;
    total.failed += failed;
    total.files.push(...files);
    if (status !== 0) total.status = 1;
  };
  const lane = async () => {
    for (let job = queue.shift(); job !== undefined; job = queue.shift()) {
      const started = performance.now();
      if (job.only === undefined) total.checksPassed = (await runPrefixed(job.name, [process.execPath, CHECKS])) === 0;
      else add(await runTests(job));
      say(`${job.name.padEnd(8)} | done in ${((performance.now() - started) / 1000).toFixed(0)} s`);
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  return total;
}

/** Which files to shorten when the whole takes too long. */
function sayLongest(files) {
  say('\nThe files that took longest, in seconds, with others beside them:');
  for (const { file, seconds } of files.sort((left, right) => right.seconds - left.seconds).slice(0, LONGEST))
    say(`${seconds.toFixed(0).padStart(6)}  ${relative(TOP, file)}`);
}

/** useradd also grants the subordinate ids that a user namespace needs. */
function addTestUser() {
  if (spawnSync('id', [TEST_USER], { stdio: 'ignore' }).status === 0) return;
  say(`Adding the user ${TEST_USER}, as whom unprivileged builds are tested.`);
  run(['useradd', '--create-home', '--shell', '/bin/bash', TEST_USER]);
}

/**
 * Each run has a mount namespace of its own (mount_namespaces(7)): a process that another run starts in a new namespace would otherwise take a copy
 * of its mounts along, and so keep devices busy. A file that could not even be loaded counts as one failed test.
 */
async function runTests({ name, only }) {
  const directory = mkdtempSync(join(tmpdir(), 'dib-test-report-'));
  const report = join(directory, 'report.json');
  const apart = ROOT ? ['unshare', '--mount', '--propagation', 'private'] : [];
  const vitest = [process.execPath, join(TOP, 'node_modules/vitest/vitest.mjs'), 'run', ...only];
  try {
    const status = await runPrefixed(name, [
      ...apart,
      ...vitest,
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${report}`,
    ]);
    if (!existsSync(report)) return { status, passed: 0, failed: 1, files: [] };
    const { numPassedTests, numFailedTests, testResults } = JSON.parse(readFileSync(report, 'utf8'));
    const unloaded = testResults.filter((file) => file.status === 'failed' && file.assertionResults.length === 0).length;
    const files = testResults.map(({ name: file, startTime, endTime }) => ({ file, seconds: (endTime - startTime) / 1000 }));
    return { status, passed: numPassedTests, failed: numFailedTests + unloaded, files };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Runs a command beside others, its name before every line that it prints; gives its exit status. */
async function runPrefixed(name, [file, ...args]) {
  const env = { ...process.env, PATH: SEARCH_PATH.join(':') };
  const child = spawn(file, args, { cwd: TOP, env, stdio: ['ignore', 'pipe', 'pipe'] });
  for (const stream of [child.stdout, child.stderr])
    createInterface({ input: stream }).on('line', (line) => {
      if (line.trim() !== '') say(`${name.padEnd(8)} | ${line}`);
    });
  const [status] = await once(child, 'close');
  return status ?? 1;
}
