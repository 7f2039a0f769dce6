import { afterEach, expect, test } from 'vitest';
import type { DibError } from '../../src/diagnostics/errors.ts';
import type { Json } from '../../src/util/json.ts';
import { useMachine } from './support/machine.ts';
import { StackEngine, type StackOptions } from './support/stack-engine.ts';

// The machine plays a host that has groups and arrays of its own, with the names or the ids of those of the image.

const judge = useMachine();
const engines: StackEngine[] = [];

afterEach(async () => {
  while (engines.length > 0) await engines.pop()?.destroy();
  expect(await judge.run('dmsetup', 'ls')).toBe('No devices found');
  expect(await judge.run('cat', '/proc/mdstat')).not.toMatch(/^md/m);
  expect(await judge.run('losetup', '--list', '--noheadings')).toBe('');
});

function engine(tree: readonly Json[], options: Partial<StackOptions> = {}): StackEngine {
  const made = new StackEngine(judge.machine(), judge.directory, tree, { realisation: 'attached', shared: true, ...options });
  engines.push(made);
  return made;
}

/** A group with dashes in its name, with a linear volume that holds a file system. */
const GROUP: readonly Json[] = [
  { local_loop: { name: 'disk0', size: '64MiB' } },
  {
    lvm: {
      pvs: [{ name: 'pv0', base: 'disk0' }],
      vgs: [{ name: 'sys-tem', base: ['pv0'] }],
      lvs: [{ name: 'ro-ot', base: 'sys-tem', size: '16MiB' }],
    },
  },
  { mkfs: { name: 'fs', base: 'ro-ot', type: 'ext4' } },
];

const ARRAY: readonly Json[] = [
  { local_loop: { name: 'disk0', size: '32MiB' } },
  { local_loop: { name: 'disk1', size: '32MiB' } },
  { raid: { name: 'data', level: 1, base: ['disk0', 'disk1'] } },
  { mkfs: { name: 'fs', base: 'data', type: 'ext4' } },
];

/** Loop devices of the machine on files of its own. */
async function hostLoops(...names: string[]): Promise<string[]> {
  const loops: string[] = [];
  for (const name of names) {
    const file = `${judge.directory}/${name}-${engines.length}.raw`;
    await judge.run('truncate', '--size', '32M', file);
    loops.push(await judge.loop(file));
  }
  return loops;
}

/** While a group of the machine has the same name and the same volume, with a file system that is mounted: nothing of it may change. */
async function besideGroup(use: () => Promise<void>): Promise<void> {
  const [loop = ''] = await hostLoops('group');
  const volume = '/dev/mapper/sys--tem-ro--ot';
  await judge.run('pvcreate', '--yes', loop);
  await judge.run('vgcreate', 'sys-tem', loop);
  await judge.run('lvcreate', '--yes', '--size', '16m', '--name', 'ro-ot', 'sys-tem');
  await judge.run('mkfs.ext4', '-q', volume);
  await judge.run('mkdir', '--parents', '/run/host');
  await judge.run('mount', '-o', 'ro', volume, '/run/host');
  const look = async () => [
    await judge.run('vgs', '--noheadings', '--options', 'vg_name,vg_uuid,vg_seqno,lv_count', '--devices', loop),
    await judge.run('dmsetup', 'table', 'sys--tem-ro--ot'),
    await judge.run('findmnt', '--noheadings', '/run/host'),
    await judge.run('readlink', '/dev/sys-tem/ro-ot'),
    await judge.run('sha256sum', loop),
  ];
  const before = await look();
  try {
    await use();
    expect(await look()).toEqual(before);
  } finally {
    await judge.run('umount', '/run/host');
    await judge.run('vgchange', '--devices', loop, '--activate', 'n', 'sys-tem');
    await judge.run('losetup', '--detach', loop);
  }
}

/** While an array of the machine has the same name: nothing of it may change. */
async function besideArray(uuid: string, use: (device: string) => Promise<void>): Promise<void> {
  const loops = await hostLoops('array-a', 'array-b');
  const identity = ['--homehost=any', '--name=data', `--uuid=${uuid}`];
  const shape = ['--level=1', '--raid-devices=2', '--bitmap=none', '--assume-clean'];
  await judge.run('mdadm', '--create', '/dev/md/data', '--run', ...identity, ...shape, ...loops);
  const look = async () => [
    await judge.run('mdadm', '--detail', '--export', '/dev/md/data'),
    await judge.run('sha256sum', '/dev/md/data'),
  ];
  const before = await look();
  try {
    await use(await judge.run('readlink', '--canonicalize', '/dev/md/data'));
    expect(await look()).toEqual(before);
  } finally {
    await judge.run('mdadm', '--stop', '/dev/md/data');
    await judge.run('losetup', '--detach', ...loops);
  }
}

/** The diagnostic of a failure. */
async function refused(action: Promise<unknown>) {
  const error = await action.then(
    () => undefined,
    (failed: Error) => failed.cause as DibError,
  );
  return error?.diagnostics[0];
}

/** Names of the groups on the disk of an engine. */
async function groups(made: StackEngine): Promise<string> {
  await made.attach('local_loop.disk0');
  const device = made.device('local_loop.disk0');
  const found = await judge.run('vgs', '--devices', device, '--noheadings', '--options', 'vg_name,lv_count', '--separator', '/');
  return found.trim();
}

test("a group of the host's with the same name, mounted: neither touched nor confused", async () => {
  await besideGroup(async () => {
    const made = await engine(GROUP).apply();
    const root = await made.attachWithBelow('lvs.ro-ot');
    expect(root).toMatch(/^\/dev\/mapper\/dib--[0-9a-f]{16}-ro--ot$/);
    await judge.run('e2fsck', '-fn', root);
    await made.detachAll();
    expect(await groups(made)).toBe('sys-tem/1');
    // One that is only looked at keeps its name.
    expect(await refused(made.attachWithBelow('vgs.sys-tem', true))).toMatchObject({
      code: 'DIB_LVM_NAME_IN_USE',
      summary: 'This machine has a volume group of the same name: `sys-tem`',
    });
    await made.detachAll();
  });
});

test('for looking: nothing is written, and the group keeps its name', async () => {
  const made = await engine(GROUP).apply();
  const file = `${made.paths.work}/disk0.raw`;
  const before = await judge.run('sha256sum', file);
  const root = await made.attachWithBelow('lvs.ro-ot', true);
  expect(root).toBe('/dev/mapper/sys--tem-ro--ot');
  expect(await judge.run('blockdev', '--getro', root)).toBe('1');
  await judge.run('e2fsck', '-fn', root);
  await made.detachAll();
  await judge.run('sync');
  expect(await judge.run('sha256sum', file)).toBe(before);
});

test('an active copy of the same group is told, and left alone', async () => {
  const made = await engine(GROUP, { realisation: 'offline' }).apply();
  const copy = `${judge.directory}/copy.raw`;
  await judge.run('cp', '--sparse=always', `${made.paths.work}/disk0.raw`, copy);
  const loop = await judge.loop(copy);
  await judge.run('vgchange', '--devices', loop, '--activate', 'y', 'sys-tem');
  const table = await judge.run('dmsetup', 'table', 'sys--tem-ro--ot');
  try {
    expect(await refused(made.attachWithBelow('lvs.ro-ot'))).toMatchObject({
      code: 'DIB_LVM_ID_IN_USE',
      summary: 'Another copy of this volume group is active on this machine: `/dev/mapper/sys--tem-ro--ot`',
    });
    await made.detachAll();
    expect(await judge.run('dmsetup', 'table', 'sys--tem-ro--ot')).toBe(table);
  } finally {
    await judge.run('vgchange', '--devices', loop, '--activate', 'n', 'sys-tem');
    await judge.run('losetup', '--detach', loop);
  }
});

test("an array of the host's with the same name is left alone, and one that was quicker gives way", async () => {
  await besideArray('fedcba98-7654-3210-fedc-ba9876543210', async () => {
    const made = await engine(ARRAY).apply();
    await made.detachAll();
    for (const address of made.below('raid.data')) await made.attach(address);
    const members = ['local_loop.disk0', 'local_loop.disk1'].map((address) => made.device(address));
    await judge.run('mdadm', '--assemble', '--config=none', '/dev/md/data_0', ...members);
    const device = await made.attachWithBelow('raid.data');
    expect(await judge.run('mdadm', '--detail', '--export', device)).toMatch(/^MD_DEVNAME=dib-[0-9a-f]{16}$/m);
    expect(await judge.run('blkid', '-p', '-o', 'value', '-s', 'TYPE', device)).toBe('ext4');
    await made.detachAll();
  });
});

test('an array of the host with the same UUID is told, and left alone', async () => {
  const made = await engine(ARRAY).apply('raid.data');
  await besideArray(String(made.inputs('raid.data')['uuid']), async (device) => {
    expect(await refused(made.attachWithBelow('raid.data'))).toMatchObject({
      code: 'DIB_RAID_ID_IN_USE',
      summary: `Another copy of this array runs on this machine: \`${device}\``,
    });
    await made.detachAll();
  });
});
