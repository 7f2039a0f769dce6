import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Project, smallImage } from './project.ts';

let project: Project;
beforeAll(() => {
  project = new Project(smallImage({ elements: ['./elements/tiny'] }));
});
afterAll(() => project.remove());

test('a failing hook is explained, its layer alone is thrown away, and once mended the next apply starts there', () => {
  const hook = project.hook(
    'tiny',
    'install.d/50-tiny',
    'touch /etc/half-done',
    'seq 1 30',
    'echo the disk is on fire >&2',
    'exit 7',
  );
  const { stdout, stderr } = project.apply([], { status: 1 });
  expect(stderr).toContain('The hook install.d/50-tiny of element tiny failed with exit status 7');
  expect(stderr).toContain('the disk is on fire');
  expect(stderr).toContain(`Mend ${hook} and run dib apply again: it goes on with layer.install, the layers below are kept.`);
  expect(stderr).toContain(`To read the whole log:\n    less +G ${project.path('.dib/logs')}`);
  expect(stdout).toMatch(/Apply failed\. Resources: \d+ added, 0 changed, 0 destroyed\./);
  const log = /The whole log: (\S+)/.exec(stderr)?.[1] ?? 'no log is named';
  expect(readFileSync(log, 'utf8')).toContain('\n1\n2\n3\n');
  project.expectNothingLeft();

  project.hook('tiny', 'install.d/50-tiny', '! [ -e /etc/half-done ]', 'echo mended > /etc/tiny');
  expect(project.planned().filter((each) => each.startsWith('layer.'))).toEqual([
    'layer.install: create',
    'layer.post-install: create',
    'layer.finalise: create',
  ]);
  const started = project
    .events(['apply', '--auto-approve'])
    .filter((event) => event.type === 'apply_start')
    .map((event) => `${event.hook?.resource.addr} ${event.hook?.action}`);
  expect(started.filter((each) => each.startsWith('layer.'))).toEqual([
    'layer.install create',
    'layer.post-install create',
    'layer.finalise create',
  ]);
  expect(project.run(['plan']).stdout).toContain('No changes.');
});

test('a changed hook is the reason, and only its layer and those above are made again', () => {
  project.hook('tiny', 'install.d/50-tiny', 'echo other > /etc/tiny');
  expect(project.reason('layer.install')).toContain('50-tiny');
  expect(project.planned()).toEqual([
    'layer.install: update',
    'layer.post-install: update',
    'layer.finalise: update',
    'mkfs.mkfs_root: delete create',
    'mount.mount_mkfs_root: delete create',
    'fstab.fstab_mount_mkfs_root: delete create',
    'output.raw: delete create',
  ]);
});

test('a package that does not exist: the element that asked for it is named', () => {
  const path = project.path('elements/tiny/package-installs.yaml');
  mkdirSync(project.path('elements/tiny'), { recursive: true });
  writeFileSync(path, 'no-such-package-anywhere:\n');
  const { stderr } = project.apply([], { status: 1 });
  expect(stderr).toContain('Unable to locate package no-such-package-anywhere');
  expect(stderr).toContain('Asked for by: no-such-package-anywhere (package-installs.yaml of element tiny).');
  writeFileSync(path, '{}\n');
});

test('a daemon that a hook leaves behind is killed and named, and of a flood of output the log keeps both ends', () => {
  project.hook(
    'tiny',
    'install.d/50-tiny',
    'setsid sleep 31415 </dev/null >/dev/null 2>&1 &',
    'echo the beginning',
    'head -c 60000000 /dev/zero | tr "\\0" x',
    'seq 1 200000',
  );
  const events = project.events(['apply', '--auto-approve']);
  const log = events.find((event) => event.hook?.resource.addr === 'layer.install')?.hook?.log ?? '';
  expect(statSync(log).size).toBeLessThan(10_000_000);
  const text = readFileSync(log, 'latin1');
  expect(text).toContain('\nthe beginning\n');
  expect(text).toMatch(/\n\[dib left out \d{8} bytes of output here\]\n/);
  expect(text).toContain('\n199999\n200000\n');
  expect(text).toMatch(/Time of each step:\nSECONDS {2}STEP.*\n(.*\n)* +\d+\.\d{3} {2}install\.d\/50-tiny +tiny\n/);
  const warning = events.find((event) => event.diagnostic?.code === 'DIB_HOOK_LEFT_RUNNING')?.diagnostic;
  expect(warning?.summary).toBe('install.d/50-tiny (tiny) left a process running');
  expect(warning?.detail).toBe('dib killed it:\n  sleep 31415');
  expect(spawnSync('pgrep', ['--full', 'sleep 31415'], { encoding: 'utf8' }).stdout).toBe('');
  project.expectNothingLeft();
});

test('a hook that hangs is killed with all that it started, and said what it did', () => {
  project.hook('tiny', 'install.d/50-tiny', 'echo waiting for Godot', 'trap "" TERM', 'sleep 27182');
  const { stderr } = project.apply(['--hook-timeout', '4s'], { status: 1 });
  expect(stderr).toContain(
    'error[DIB_HOOK_TIMEOUT]: layer.install: The hook install.d/50-tiny of element tiny was killed after 4 s',
  );
  expect(stderr).toContain('sleep 27182');
  expect(stderr).toContain('Its last line:\n    waiting for Godot');
  expect(stderr).toContain('--hook-timeout or DIB_HOOK_TIMEOUT sets another time');
  expect(spawnSync('pgrep', ['--full', 'sleep 27182'], { encoding: 'utf8' }).stdout).toBe('');
  project.expectNothingLeft();
  const bad = project.apply([], { status: 64, env: { DIB_HOOK_TIMEOUT: 'soon' } });
  expect(bad.stderr).toContain('DIB_HOOK_TIMEOUT is soon, which is no time');
  const cache = project.apply([], { status: 64, env: { DIB_CACHE_MAX_SIZE: 'nonsense' } });
  expect(cache.stderr).toContain('DIB_CACHE_MAX_SIZE is nonsense, which is no size above zero');
});

test('links that a hook leaves in the tree do not lead dib to files of the builder', () => {
  const victim = mkdtempSync('/tmp/dib-test-victim-');
  const files = { tmp: 'tmp/keep', log: 'log/keep.log', fstab: 'fstab', hostname: 'hostname' };
  for (const name of ['tmp', 'log']) mkdirSync(`${victim}/${name}`, { recursive: true });
  for (const file of Object.values(files)) writeFileSync(`${victim}/${file}`, 'precious');
  project.hook(
    'tiny',
    'install.d/50-tiny',
    'rm -rf /var/tmp /var/log /etc/fstab /etc/hostname',
    `ln -s ${victim}/tmp /var/tmp`,
    `ln -s ${victim}/log /var/log`,
    `ln -s ${victim}/fstab /etc/fstab`,
    `ln -s ${victim}/hostname /etc/hostname`,
    `ln -s ${victim} /etc/out && echo hello > /etc/out/new || true`,
  );
  project.apply();
  for (const file of Object.values(files)) expect([file, readFileSync(`${victim}/${file}`, 'utf8')]).toEqual([file, 'precious']);
  expect(existsSync(`${victim}/new`)).toBe(false);
  rmSync(victim, { recursive: true });
});

test('a hook cannot make a file immutable, which nobody could remove from the cache, in the image or on the builder', () => {
  const refused = (file: string) => [
    `message=$(chattr +i ${file} 2>&1) && exit 9`,
    '[[ $message == *"Operation not permitted"* ]] || { echo "$message" >&2; exit 8; }',
  ];
  project.hook('tiny', 'install.d/50-tiny', ...refused('/etc/resolv.conf'));
  project.hook('tiny', 'post-root.d/50-tiny', ...refused('"$TARGET_ROOT/etc/passwd"'));
  project.apply();
});
