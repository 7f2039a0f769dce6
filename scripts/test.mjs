// `npm test`: set-up, all checks, then every test. Ends with the line `N passed, N failed`.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { main, ROOT, run, say, TOP, tryRun } from './host.mjs';
import { setUp } from './setup.mjs';

/** Vitest's projects, quickest first: what can be told at once is told before the long ones begin. */
const RUNS = [['unit'], ['system', 'crash', 'vm', 'boot']];

/** The ordinary user that unprivileged builds are tested with: test/support/ordinary-user.ts. */
const TEST_USER = 'dib-test';

await main(() => {
  setUp(['build', 'optional', 'test']);
  if (ROOT) addTestUser();
  else
    say('Not root: tests that need root will fail. `sudo npm test` runs all of them, `npm run test:unit` those that need none.');
  const checksPassed = tryRun(['node', 'scripts/check.mjs']) === 0;
  const { passed, failed, status } = withFreshCaches(runAll);
  if (!checksPassed) say('\nThe checks before the tests failed: see `npm run check`.');
  say(`\n${passed} passed, ${failed} failed`);
  return checksPassed && status === 0 && passed > 0 ? 0 : 1;
});

/** Layers that an earlier run left, perhaps by an earlier dib, must not hide what this one does wrong. All tests of a run share the caches. */
function withFreshCaches(body) {
  const directory = mkdtempSync('/var/tmp/dib-test-cache-');
  chmodSync(directory, 0o755);
  process.env.DIB_IMAGE_CACHE ??= join(directory, 'root');
  process.env.DIB_TEST_USER_CACHE ??= join(directory, 'user');
  try {
    return body();
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function runAll() {
  const total = { passed: 0, failed: 0, status: 0 };
  for (const projects of RUNS) {
    const { passed, failed, status } = runProjects(projects);
    total.passed += passed;
    total.failed += failed;
    if (status !== 0) total.status = 1;
  }
  return total;
}

/** useradd also grants the subordinate ids that a user namespace needs. */
function addTestUser() {
  if (spawnSync('id', [TEST_USER], { stdio: 'ignore' }).status === 0) return;
  say(`Adding the user ${TEST_USER}, as whom unprivileged builds are tested.`);
  run(['useradd', '--create-home', '--shell', '/bin/bash', TEST_USER]);
}

/** A file that could not even be loaded counts as one failed test. */
function runProjects(projects) {
  say(`\nTests: ${projects.join(', ')}`);
  const directory = mkdtempSync(join(tmpdir(), 'dib-test-report-'));
  const report = join(directory, 'report.json');
  try {
    const vitest = [join(TOP, 'node_modules/.bin/vitest'), 'run', ...projects.flatMap((project) => ['--project', project])];
    const status = tryRun([...vitest, '--reporter=default', '--reporter=json', `--outputFile.json=${report}`]);
    if (!existsSync(report)) return { status: status ?? 1, passed: 0, failed: 1 };
    const { numPassedTests, numFailedTests, testResults } = JSON.parse(readFileSync(report, 'utf8'));
    const unloaded = testResults.filter((file) => file.status === 'failed' && file.assertionResults.length === 0).length;
    return { status: status ?? 1, passed: numPassedTests, failed: numFailedTests + unloaded };
  } finally {
    rmSync(directory, { recursive: true });
  }
}
