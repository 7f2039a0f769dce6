import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CACHE } from '../../support/caches.ts';
import { Project, smallImage } from './project.ts';

let project: Project;
beforeAll(() => {
  project = new Project(smallImage({ elements: ['./elements/tiny'], outputs: ['raw'] }));
  project.hook('tiny', 'install.d/50-tiny', 'echo trouble > /etc/tiny');
});
afterAll(() => project.remove());

/** Runs dib where a program is not to be had, hidden in a mount namespace: dib also looks where the PATH of users does not. */
function without(program: string): { prefix: readonly string[] } {
  writeFileSync(project.path('nothing'), '', { mode: 0o644 });
  const script = 'mount --bind "$0" "$1" && shift && exec "$@"';
  return { prefix: ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', script, project.path('nothing'), program] };
}

test('a missing program: exit status 69, what it is for and which package has it; nothing was begun', () => {
  const { stderr } = project.apply([], { status: 69, ...without('/usr/sbin/mke2fs') });
  expect(stderr).toMatch(/error\[DIB_APPLY_TOOLS\]: Programs are missing: mkfs\.ext4/);
  expect(stderr).toContain('apt-get install e2fsprogs');
  expect(existsSync(project.path('.dib/state.json'))).toBe(false);
  project.expectNothingLeft();
});

test('no worker can run: exit status 69 and what to do', () => {
  const { stderr } = project.apply([], { status: 69, ...without('/usr/bin/setpriv') });
  expect(stderr).toMatch(/error\[DIB_APPLY_(WORKER|TOOLS)\]/);
  expect(stderr).toContain('util-linux');
  project.expectNothingLeft();
});

test('a full disk is said to be full, nothing half-made keeps a final name, and with room the next apply ends', () => {
  const small = project.path('full');
  mkdirSync(small);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=60M', 'tmpfs', small]);
  try {
    const { stderr } = project.apply(['--state-dir', `${small}/state`], { status: 1 });
    expect(stderr).toContain(`No space is left on this machine, where the ext4 file system is made: ${small}/state/work`);
    expect(stderr).not.toContain('This is a bug');
    expect(readdirSync(project.directory).filter((name) => name.startsWith('small.'))).toEqual([]);
    project.destroy(['--state-dir', `${small}/state`]);
    expect(existsSync(`${small}/state/work/image0.raw`)).toBe(false);

    project.change({ outputs: [{ format: 'raw', path: 'full/small.raw' }] });
    const output = project.apply([], { status: 1 });
    expect(output.stderr).toMatch(/output\.raw.*(no space left|not enough space|is full)/is);
    expect(output.stderr).not.toContain('This is a bug');
    expect(readdirSync(small).filter((name) => name !== 'state')).toEqual([]);
  } finally {
    execFileSync('umount', [small]);
  }
  project.change({ outputs: ['raw'] });
  project.apply();
  expect(existsSync(project.path('small.raw'))).toBe(true);
  project.expectNothingLeft();
});

test('a directory that cannot be written to is named', () => {
  const readonly = project.path('readonly');
  mkdirSync(readonly);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'ro', 'tmpfs', readonly]);
  try {
    const state = project.apply(['--state-dir', `${readonly}/state`], { status: 1 });
    expect(state.stderr).toContain(readonly);
    expect(state.stderr).not.toContain('This is a bug');
    project.change({ outputs: ['raw', { format: 'tar', path: 'readonly/small.tar' }] });
    const output = project.apply([], { status: 1 });
    expect(output.stderr).toMatch(/readonly/);
    expect(output.stderr).not.toMatch(/This is a bug|Internal error/);
    const saved = project.run(['plan', '--out', `${readonly}/plan`], { status: 1 });
    expect(saved.stderr).toContain(`${readonly}/plan`);
  } finally {
    execFileSync('umount', [readonly]);
  }
  project.change({ outputs: ['raw'] });
  project.apply();
});

/** A file system of its own in a file, mounted for one run alone, so that nobody else keeps it: what goes before the program of that run. */
function onDisk(file: string, directory: string): { prefix: readonly string[] } {
  const script = 'mount -o loop,errors=remount-ro "$0" "$1" && shift && exec "$@"';
  return { prefix: ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', script, file, directory] };
}

test('a disk that turns read-only under a running build: it is named, nothing is left attached, and the next apply goes on', async () => {
  const [file, directory] = [project.path('disk'), project.path('disk.d')];
  const args = ['--auto-approve', '--realisation', 'attached', '--state-dir', `${directory}/state`];
  mkdirSync(directory);
  execFileSync('truncate', ['--size=2G', file]);
  execFileSync('mkfs.ext4', ['-q', file]);
  const build = project.start(['apply', ...args], onDisk(file, directory));
  await build.until(/^mkfs\.mkfs_root: Creating/m);
  const loop = execFileSync('losetup', ['--noheadings', '--output', 'NAME', '--associated', file], { encoding: 'utf8' });
  // As if the disk had failed: with `errors=remount-ro` the kernel stops all writing, files that are open included.
  writeFileSync(`/sys/fs/ext4/${basename(loop.trim())}/trigger_fs_error`, 'a test of dib');
  const { status, output } = await build.ended;
  expect([status, output]).toEqual([1, expect.stringMatching(/error\[DIB_(DISK_READ_ONLY|STATE_WRITE)\]/)]);
  expect(output).toContain(`${directory}/state`);
  expect(output).toContain('Mount it for writing');
  expect(output).not.toMatch(/This is a bug|DIB_INTERNAL/);
  project.expectNothingLeft();

  // 1: what the kernel noted of the failure is mended.
  expect(spawnSync('e2fsck', ['-p', file]).status).toBe(1);
  project.run(['apply', ...args], onDisk(file, directory));
  project.run(['destroy', '--auto-approve', '--state-dir', `${directory}/state`], onDisk(file, directory));
  rmSync(file);
  project.expectNothingLeft();
});

test('a file system that its content does not fit in: the arithmetic is shown', () => {
  project.change({
    block_device: [
      { local_loop: { name: 'image0', size: '128MiB' } },
      { mkfs: { base: 'image0', type: 'ext4', name: 'mkfs_root', mount: { mount_point: '/', fstab: {} } } },
    ],
  });
  const { stderr } = project.run(['apply', '--auto-approve'], { status: 1 });
  expect(stderr).toMatch(/do not fit into '?image0'?: \d+ MiB needed, 128 MiB there/);
  project.expectNothingLeft();
});

test('two builds at once share the cache: one makes a layer, the other takes it', async () => {
  const other = new Project(
    smallImage({
      name: 'other',
      elements: ['tiny'],
      elements_path: [project.path('elements')],
      outputs: ['tar'],
      block_device: undefined,
    }),
  );
  try {
    project.change({
      block_device: undefined,
      outputs: ['tar'],
      name: 'other',
      elements: ['tiny'],
      elements_path: ['./elements'],
    });
    project.hook('tiny', 'install.d/50-tiny', 'sleep 3', 'date +%s%N > /etc/tiny');
    const builds = [project, other].map((each) => each.start(['apply', '--auto-approve']));
    const ends = await Promise.all(builds.map((build) => build.ended));
    expect(ends.map(({ status, output }) => (status === 0 ? '' : output))).toEqual(['', '']);
    const content = [project, other].map((each) =>
      execFileSync('tar', ['-xOf', each.path('other.tar'), './etc/tiny'], { encoding: 'utf8' }),
    );
    expect(content[0]).toBe(content[1]);
  } finally {
    other.remove();
  }
});

/** A cache with the layers of an image: taking some away there takes them from no other test. */
function ownCache(): string {
  project.apply();
  const state = project.run(['state', 'show', 'layer.finalise']).stdout;
  const { layers } = (JSON.parse(state) as { outputs: { layers: string[] } }).outputs;
  const cache = mkdtempSync('/var/tmp/dib-test-cache-');
  mkdirSync(join(cache, 'layers'));
  for (const id of layers) execFileSync('cp', ['--archive', '--reflink=auto', join(CACHE, 'layers', id), join(cache, 'layers')]);
  execFileSync('cp', ['--archive', join(CACHE, 'mapping'), cache]);
  return cache;
}

test('the cache lists and prunes layers: least recently used first, none that a build uses', async () => {
  const own = new Project(smallImage({ elements: ['./elements/tiny'] }), ownCache());
  const listed = () =>
    JSON.parse(own.run(['cache', 'list', '--json']).stdout) as { directory: string; layers: { id: string; size: number }[] };
  own.hook('tiny', 'install.d/50-tiny', 'sleep infinity');
  try {
    const before = listed();
    expect(before.directory).toBe(own.cache);
    expect(own.run(['cache', 'list']).stdout).toContain(`${before.layers.length} layers, `);
    expect(own.run(['cache', 'prune', '--max-size', '1TiB']).stdout).toBe('Removed 0 layers, 0 B.\n');
    expect(own.run(['cache', 'prune', '--max-size', 'much'], { status: 64 }).stderr).toContain(
      'Give a number with MiB, GiB or TiB',
    );
    const total = before.layers.reduce((sum, layer) => sum + layer.size, 0);
    const { removed } = JSON.parse(own.run(['cache', 'prune', '--json', '--max-size', `${total - 1}B`]).stdout) as {
      removed: { id: string }[];
    };
    expect(removed).toHaveLength(1);

    const build = own.start(['apply', '--auto-approve']);
    await build.until(/^layer\.install: install\.d\/50-tiny/m);
    const used = JSON.parse(own.run(['state', 'show', 'layer.packages']).stdout) as { outputs: { layers: string[] } };
    own.run(['cache', 'prune', '--max-size', '0MiB', '--json']);
    const left = listed().layers.map(({ id }) => id);
    expect(used.outputs.layers.filter((id) => !left.includes(id))).toEqual([]);
    // Signals that are not taken yet are merged: signal(7).
    const again = setInterval(() => build.signal('SIGINT'), 100);
    expect((await build.ended).status).toBe(130);
    clearInterval(again);
    own.remove();
  } finally {
    rmSync(own.cache, { recursive: true });
  }
});
