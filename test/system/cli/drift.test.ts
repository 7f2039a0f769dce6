import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, unlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { disk, Project, tinyImage } from './project.ts';

const ROOT_UUID = '3d2f1f0e-6c5b-4a39-8f27-1e0d9c8b7a65';
const OTHER_UUID = '00000000-1111-4222-8333-444444444444';

let project: Project;
let raw: string;
let work: string;
let built: string;
beforeAll(() => {
  const mkfs = (mount_point: string, more = {}) => ({ type: 'ext4', mount: { mount_point, fstab: {} }, ...more });
  project = new Project(
    tinyImage({
      block_device: disk('96MiB', [
        { name: 'boot', size: '32MiB', mkfs: mkfs('/boot') },
        { name: 'root', size: '100%', mkfs: mkfs('/', { uuid: ROOT_UUID }) },
      ]),
    }),
  );
  raw = project.path('small.raw');
  work = project.path('.dib/work/image0.raw');
  project.apply();
  built = sha256(raw);
});
afterAll(() => project.remove());

interface Drifted {
  readonly address: string;
  readonly action_reason: string;
  readonly reason: string;
  readonly change: { readonly actions: readonly string[]; readonly before: Content; readonly after: Content | null };
}
interface Content {
  readonly outputs: Readonly<Record<string, unknown>>;
  readonly used_by?: readonly string[];
}
interface PlanJson {
  readonly mode: string;
  readonly resource_drift?: readonly Drifted[];
  readonly teardown?: readonly {
    readonly what: string;
    readonly name: string;
    readonly action: string;
    readonly known: boolean;
  }[];
}

function sha256(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

function planned(...args: readonly string[]): PlanJson {
  return JSON.parse(project.run(['plan', '--json', ...args]).stdout) as PlanJson;
}

/** `address: actions reason` of all drift. */
function drift(...args: readonly string[]): string[] {
  return (planned(...args).resource_drift ?? []).map(
    ({ address, change, reason }) => `${address}: ${change.actions[0]}, ${reason}`,
  );
}

/** A loop device of somebody else, on the root partition or on all of the disk. */
function loop(...args: readonly string[]): string {
  return execFileSync('losetup', ['--find', '--show', ...args, work], { encoding: 'utf8' }).trim();
}

/** A loop device whose maker is gone with its mount namespace: the kernel names the file as it was there. */
function loopOfTheDead(): string {
  const script = 'mount --bind "$0" /mnt && losetup --find --show /mnt/image0.raw';
  const argv = ['--mount', '--propagation', 'private', 'sh', '-c', script, project.path('.dib/work')];
  const device = execFileSync('unshare', argv, { encoding: 'utf8' }).trim();
  expect(readFileSync(`/sys/block/${basename(device)}/loop/backing_file`, 'utf8')).toBe('/image0.raw\n');
  return device;
}

/** Byte of the root partition. */
function rootOffset(): number {
  const { partitiontable } = JSON.parse(execFileSync('sfdisk', ['--json', work], { encoding: 'utf8' })) as {
    partitiontable: { partitions: { start: number }[] };
  };
  return (partitiontable.partitions[1]?.start ?? 0) * 512;
}

function expectRepaired(): void {
  project.apply();
  expect(sha256(raw)).toBe(built);
  expect(planned()).not.toHaveProperty('resource_drift');
  expect(project.run(['plan']).stdout).toContain('No changes.');
  project.expectNothingLeft();
}

test('where nothing changed there is no drift, and no time is spent on contents', () => {
  expect(planned()).not.toHaveProperty('resource_drift');
  expect(planned('--refresh-only')).toMatchObject({ mode: 'refresh-only', resource_changes: [] });
  const { stdout } = project.run(['plan', '--refresh-only', '--detailed-exitcode']);
  expect(stdout).toContain('No changes. All objects still match the state.');
  expect(project.apply(['--refresh-only']).stdout).toContain('No changes.');
});

test('a disk file that is gone is made again, the same byte for byte', () => {
  unlinkSync(work);
  const found = drift();
  expect(found).toContain('local_loop.image0: delete, has been deleted');
  expect(found).toContain('mkfs.mkfs_root: delete, has been deleted');
  const { stdout } = project.run(['plan']);
  expect(stdout).toContain('Note: Objects have changed outside of dib');
  expect(stdout).toContain('  # local_loop.image0 has been deleted\n  - disk file of 96 MiB');
  expect(stdout).toContain('Unless you have made equivalent changes to your configuration');
  expectRepaired();
});

test('with --refresh=false the state is believed', () => {
  const kept = `${raw}.kept`;
  execFileSync('mv', [raw, kept]);
  expect(project.run(['plan', '--refresh=false']).stdout).toContain('No changes.');
  expect(planned('--refresh=false')).not.toHaveProperty('resource_drift');
  expect(drift()).toEqual(['output.raw: delete, has been deleted']);
  execFileSync('mv', [kept, raw]);
  expect(drift()).toEqual([]);
});

test('a changed output: its facts as they are, recorded on request and not before', () => {
  appendFileSync(raw, 'x');
  const [found] = planned().resource_drift ?? [];
  expect(found).toMatchObject({
    address: 'output.raw',
    action_reason: 'drift_because_changed',
    change: {
      actions: ['update'],
      before: { outputs: { sha256: built, size: 96 * 1024 ** 2 } },
      after: { outputs: { sha256: sha256(raw), size: 96 * 1024 ** 2 + 1 } },
    },
  });
  project.run(['plan', '--refresh-only', '--detailed-exitcode'], { status: 2 });
  const { stdout } = project.run(['plan', '--refresh-only']);
  expect(stdout).toContain('This is a refresh-only plan, so dib will not take any actions to undo these.');
  const before = [sha256(raw), readFileSync(project.path('.dib/state.json'), 'utf8')];
  expect(project.run(['apply', '--refresh-only'], { status: 64 }).stderr).toContain('Apply needs an answer');
  expect([sha256(raw), readFileSync(project.path('.dib/state.json'), 'utf8')]).toEqual(before);

  const saved = project.path('refresh.json');
  project.run(['plan', '--refresh-only', '--out', saved]);
  expect(project.run(['apply', saved]).stdout).toContain('Apply complete! Resources: 0 added, 0 changed, 0 destroyed.');
  expect(sha256(raw)).toBe(before[0]);
  expect(project.run(['plan']).stdout).toContain('No changes.');
  expect(project.run(['apply', saved], { status: 1 }).stderr).toContain('is stale: the serial of the state changed');
  rmSync(saved);

  unlinkSync(raw);
  const events = project.events(['apply', '--refresh-only', '--auto-approve']);
  expect(events.map(({ type }) => type)).toEqual(['version', 'resource_drift', 'change_summary', 'change_summary']);
  expect(project.run(['state', 'list']).stdout).not.toContain('output.raw');
  expect(project.planned()).toEqual(['output.raw: create']);
  expectRepaired();
});

test('another UUID: undone by apply, or recorded and then undone because the configuration wants its own', () => {
  const change = () => execFileSync('tune2fs', ['-f', '-U', OTHER_UUID, `${work}?offset=${rootOffset()}`], { stdio: 'pipe' });
  change();
  expect(drift()).toContain(`mkfs.mkfs_root: update, has changed: it has the UUID ${OTHER_UUID} instead of ${ROOT_UUID}`);
  expect(project.run(['plan']).stdout).toContain(`  ~ uuid: "${ROOT_UUID}" -> "${OTHER_UUID}"`);
  expectRepaired();
  change();
  project.apply(['--refresh-only']);
  expect(drift()).toEqual([]);
  expect(project.reason('mkfs.mkfs_root')).toContain(`must be replaced: uuid ${OTHER_UUID} -> ${ROOT_UUID}`);
  expect(project.reason('local_loop.image0')).toBe('is up to date');
  expectRepaired();
});

test('another partition table, and no file system any more', () => {
  execFileSync('sfdisk', ['--quiet', '--part-label', work, '2', 'theirs'], { stdio: 'pipe' });
  expect(drift()).toContain(
    `partitioning.partitioning_image0: delete, is not there any more: the partition table of ${work} was changed`,
  );
  expectRepaired();
  execFileSync('dd', ['if=/dev/zero', `of=${work}`, 'bs=1M', 'count=4', `seek=${rootOffset() / 1024 ** 2}`, 'conv=notrunc'], {
    stdio: 'pipe',
  });
  expect(drift().join('\n')).toContain(`there is no ext4 file system in ${work} at byte ${rootOffset()} any more`);
  expectRepaired();
});

test('a mount of the disk file by somebody else is shown, kept while it is in use, and stopped', async () => {
  const point = project.path('theirs');
  mkdirSync(point);
  const device = loop(`--offset=${rootOffset()}`);
  execFileSync('mount', [device, point]);
  const { resource_drift, teardown } = planned();
  const held = resource_drift?.find(({ address }) => address === 'local_loop.image0');
  expect(held?.change.after?.used_by?.[0]).toMatch(new RegExp(`^mount ${point}, ext4 of /dev/loop\\d+$`));
  expect(teardown?.map(({ what, known }) => [what, known])).toEqual([
    ['mount', false],
    ['loop', false],
  ]);
  expect(project.run(['plan']).stdout).toMatch(
    new RegExp(`  - umount --no-mtab ${point} +# ext4 of /dev/loop\\d+, not in the state`),
  );

  const user = worksIn(point);
  const { stderr } = project.apply([], { status: 1 });
  expect(stderr).toContain(`error[DIB_STOP_BUSY]: Cannot stop the mount ${point}`);
  expect(stderr).toContain(`process ${user.pid} (sleep) works in ${point}`);
  expect(existsSync(work)).toBe(true);
  user.kill();
  await user.ended;

  const events = project.events(['apply', '--auto-approve']);
  expect(events.filter(({ type }) => type === 'planned_teardown')).toHaveLength(2);
  expect(
    events.flatMap(({ type, hook }) => (type === 'apply_complete' && hook?.action === 'detach' ? [hook.resource.addr] : [])),
  ).toEqual([`mount ${point}`, `loop ${device}`]);
  expectRepaired();
});

test('a loop device that only reads: nothing to make again, and stopped all the same', () => {
  const device = loop('--read-only');
  expect(drift()).toEqual([`local_loop.image0: update, is used by others: loop device ${device}, shows ${work}`]);
  expect(project.planned()).toEqual([]);
  project.run(['plan', '--detailed-exitcode'], { status: 2 });
  expect(project.apply(['--refresh-only']).stdout).toContain('is used by others');
  const before = statSync(raw).mtimeMs;
  project.apply();
  expect(statSync(raw).mtimeMs).toBe(before);
  expectRepaired();
});

test('what was attached and taken away by hand is told, and forgotten by the next apply', () => {
  project.run(['attach']);
  const point = project.path('.dib/work/mnt');
  execFileSync('umount', ['--recursive', point]);
  const loops = execFileSync('losetup', ['--noheadings', '--output', 'NAME', '--associated', work], { encoding: 'utf8' });
  execFileSync('losetup', ['--detach', ...loops.trim().split(/\s+/)]);
  const detached = (address: string) =>
    expect.stringMatching(new RegExp(`^${address}: update, is not attached any more: /dev/loop\\d+ is detached$`));
  expect(drift().sort()).toEqual([
    detached('local_loop.image0'),
    `mount.mount_mkfs_boot: update, is not attached any more: nothing is mounted at ${point}/boot any more`,
    `mount.mount_mkfs_root: update, is not attached any more: nothing is mounted at ${point} any more`,
    detached('partition.boot'),
    detached('partition.root'),
  ]);
  project.apply();
  expect(project.run(['state', 'list']).stdout).not.toContain('attached');
  expect(drift()).toEqual([]);
});

test('destroy stops what nobody recorded, shows it before, and says so in JSON', () => {
  const point = project.path('theirs');
  mkdirSync(point, { recursive: true });
  execFileSync('mount', [loop(`--offset=${rootOffset()}`), point]);
  execFileSync('mount', ['--bind', '/tmp', `${point}/mnt`]);
  loop();
  const dead = loopOfTheDead();
  const { mode, teardown } = planned('--destroy');
  expect(mode).toBe('destroy');
  const shown = teardown?.map(({ what, name }) => (what === 'mount' ? name : what));
  expect(shown).toEqual([`${point}/mnt`, point, 'loop', 'loop', 'loop']);
  expect(project.run(['plan', '--destroy']).stdout).toContain(
    'What keeps the disk files in use is stopped first, deepest first:',
  );
  const stopped = project
    .events(['destroy', '--auto-approve'])
    .flatMap(({ type, hook }) => (type === 'apply_complete' && hook?.action === 'detach' ? [hook.resource.addr] : []));
  expect(stopped.slice(0, 2)).toEqual([`mount ${point}/mnt`, `mount ${point}`]);
  expect(stopped).toHaveLength(5);
  expect(execFileSync('losetup', ['--list', '--noheadings', '--output', 'NAME'], { encoding: 'utf8' })).not.toMatch(
    new RegExp(`^${dead} *$`, 'm'),
  );
  project.expectNothingLeft();
  expect([existsSync(raw), existsSync(project.path('.dib/work'))]).toEqual([true, false]);
});

test('contradictions are refused', () => {
  for (const [args, said] of [
    [['plan', '--refresh-only', '--refresh=false'], '--refresh-only cannot be given with --refresh=false'],
    [['plan', '--refresh-only', '--replace', 'output.raw'], '--refresh-only cannot be given with --replace'],
    [['plan', '--destroy', '--refresh-only'], '--destroy cannot be given with --refresh-only'],
    [['plan', '--destroy', '--out', 'x'], '--destroy cannot be given with --out'],
    [['apply', '--refresh-only', '--upgrade'], '--refresh-only cannot be given with --upgrade'],
  ] as const) {
    expect(project.run(args, { status: 64 }).stderr).toContain(said);
  }
});

/** A process that works in a directory until it is killed. */
function worksIn(directory: string) {
  const child = spawn('sleep', ['1000'], { cwd: directory, stdio: 'ignore' });
  return {
    pid: child.pid as number,
    kill: () => child.kill('SIGKILL'),
    ended: new Promise<void>((resolve) => {
      child.once('close', () => resolve());
    }),
  };
}
