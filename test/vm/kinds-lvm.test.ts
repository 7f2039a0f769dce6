import { afterEach, expect, test } from 'vitest';
import { printedLvmId } from '../../src/blockdev/lvm-metadata.ts';
import { GIB } from '../../src/blockdev/sizes.ts';
import type { DibError } from '../../src/diagnostics/errors.ts';
import { useMachine } from './support/machine.ts';
import { StackEngine, type StackOptions } from './support/stack-engine.ts';

const judge = useMachine();
const engines: StackEngine[] = [];

afterEach(async () => {
  while (engines.length > 0) await engines.pop()?.destroy();
  expect(await judge.run('dmsetup', 'ls')).toBe('No devices found');
  expect(await judge.run('losetup', '--list', '--noheadings')).toBe('');
});

/** A group with dashes in its name over two disks, with linear and thin volumes. */
const TREE = [
  { local_loop: { name: 'disk0', size: '300MiB' } },
  { local_loop: { name: 'disk1', size: '300MiB' } },
  {
    lvm: {
      pvs: [
        { name: 'pv0', base: 'disk0' },
        { name: 'pv1', base: 'disk1' },
      ],
      vgs: [{ name: 'sys-tem', base: ['pv0', 'pv1'] }],
      lvs: [
        { name: 'ro-ot', base: 'sys-tem', size: '64MiB' },
        { name: 'po-ol', base: 'sys-tem', size: '256MiB', type: 'thin-pool' },
        { name: 'th-in', base: 'sys-tem', size: '1GiB', type: 'thin', 'thin-pool': 'po-ol' },
      ],
    },
  },
  { mkfs: { name: 'fs_root', base: 'ro-ot', type: 'ext4' } },
  { mkfs: { name: 'fs_thin', base: 'th-in', type: 'ext4' } },
];

function engine(options: Partial<StackOptions> = {}, tree = TREE): StackEngine {
  const made = new StackEngine(judge.machine(), judge.directory, tree, { realisation: 'attached', ...options });
  engines.push(made);
  return made;
}

async function groups(made: StackEngine): Promise<string> {
  const devices = ['local_loop.disk0', 'local_loop.disk1'].map((address) => made.device(address)).join(',');
  return await judge.run('vgs', '--devices', devices, '--noheadings', '--options', 'vg_name,lv_count', '--separator', '/');
}

async function attachDisks(made: StackEngine): Promise<void> {
  for (const address of ['local_loop.disk0', 'local_loop.disk1']) await made.attach(address);
}

test('a thin pool: made, checked, filled, deactivated, activated again', async () => {
  const made = await engine().apply();
  expect(await judge.run('dmsetup', 'ls')).toBe('No devices found');
  expect(await made.probe('vgs.sys-tem')).toEqual({ state: 'present' });
  const thin = await made.attachWithBelow('lvs.th-in');
  const root = await made.attachWithBelow('lvs.ro-ot');
  expect([thin, root]).toEqual(['/dev/mapper/sys--tem-th--in', '/dev/mapper/sys--tem-ro--ot']);
  expect(await judge.run('blockdev', '--getsize64', thin)).toBe(String(GIB));
  for (const device of [thin, root]) await judge.run('e2fsck', '-fn', device);
  const report = await judge.run(
    'lvs',
    '--all',
    '--noheadings',
    '--units',
    'b',
    '--options',
    'lv_name,lv_size',
    '--separator',
    '/',
  );
  expect(report.split('\n').map((line) => line.trim())).toEqual([
    '[lvol0_pmspare]/4194304B',
    'po-ol/268435456B',
    '[po-ol_tdata]/268435456B',
    '[po-ol_tmeta]/4194304B',
    'ro-ot/67108864B',
    'th-in/1073741824B',
  ]);
  // Only what the file system wrote takes room of the pool.
  const used = Number(await judge.run('lvs', '--noheadings', '--options', 'data_percent', 'sys-tem/th-in'));
  expect(used).toBeLessThan(10);
  await made.detachAll();
  await attachDisks(made);
  expect(await groups(made)).toBe('  sys-tem/3');
});

test('detaching twice, and what is gone already, is no error', async () => {
  const made = await engine().apply('lvs.th-in');
  await made.attachWithBelow('lvs.th-in');
  const record = made.record('lvs.th-in');
  const group = made.record('vgs.sys-tem');
  await judge.run('vgchange', '--activate', 'n', 'sys-tem');
  for (const address of ['lvs.th-in', 'vgs.sys-tem']) await made.detach(address);
  made.records.set('lvs.th-in', record);
  made.records.set('vgs.sys-tem', group);
  for (const address of ['lvs.th-in', 'vgs.sys-tem']) await made.detach(address);
});

test('an attach that was interrupted is undone from its marker', async () => {
  const made = await engine({ shared: true }).apply('lvs.th-in');
  await attachDisks(made);
  await made.attachInterrupted('vgs.sys-tem');
  expect(await groups(made)).toMatch(/^ {2}dib-[0-9a-f]{16}\/3$/);
  await made.detach('vgs.sys-tem');
  expect(await groups(made)).toBe('  sys-tem/3');
  await made.attach('vgs.sys-tem');
  await made.attachInterrupted('lvs.th-in');
  expect(await judge.run('dmsetup', 'ls')).toMatch(/^dib--[0-9a-f]{16}-th--in\t/m);
  await made.detach('lvs.th-in');
  expect(await judge.run('dmsetup', 'ls')).toBe('No devices found');
});

test('a group that a killed lvcreate left active is deactivated with the group', async () => {
  const made = await engine({ shared: true }).apply('lvs.ro-ot');
  await made.attachWithBelow('vgs.sys-tem');
  const group = made.record('vgs.sys-tem').attachment?.outputs['group'];
  await judge.run('lvcreate', '--yes', '--size', '8m', '--name', 'lvol7', String(group));
  await made.detachAll();
  // What nobody declared is removed when the space is needed again.
  await made.create('lvs.ro-ot');
  expect(await groups(made)).toMatch(/\/1$/);
});

test('what an interrupted creation left is made anew', async () => {
  const made = await engine().apply('lvs.th-in');
  await made.create('lvs.ro-ot');
  await made.detach('vgs.sys-tem');
  await made.create('vgs.sys-tem');
  expect(await groups(made)).toBe('  sys-tem/0');
});

test('the probe knows a group that was renamed, and one that is not there', async () => {
  const made = await engine().apply('lvs.ro-ot');
  await attachDisks(made);
  await judge.run('vgrename', 'sys-tem', 'other');
  await judge.run('sync');
  const file = `${made.paths.work}/disk0.raw`;
  expect(await made.probe('vgs.sys-tem')).toEqual({
    state: 'drifted',
    reason: `the volume group in ${file} is called other`,
  });
  await judge.run('vgremove', '--yes', '--force', 'other');
  await judge.run('sync');
  expect(await made.probe('vgs.sys-tem')).toEqual({
    state: 'drifted',
    reason: `there is no volume group in ${file} any more`,
  });
});

/** A volume group as the machine has it already: same name, same volumes, a file system on one of them that is in use. */
async function withHostGroup(use: () => Promise<void>): Promise<void> {
  const file = `${judge.directory}/host.raw`;
  await judge.run('rm', '--force', file);
  await judge.run('truncate', '--size', '200M', file);
  const loop = await judge.loop(file);
  await judge.run('pvcreate', '--yes', loop);
  await judge.run('vgcreate', 'sys-tem', loop);
  await judge.run('lvcreate', '--yes', '--size', '64m', '--name', 'ro-ot', 'sys-tem');
  await judge.run('mkfs.ext4', '-q', '/dev/mapper/sys--tem-ro--ot');
  await judge.run('mkdir', '--parents', '/run/host');
  await judge.run('mount', '/dev/mapper/sys--tem-ro--ot', '/run/host');
  try {
    const look = async () =>
      [
        await judge.run('vgs', '--noheadings', '--options', 'vg_name,vg_uuid,vg_seqno', '--devices', loop),
        await judge.run('dmsetup', 'table', 'sys--tem-ro--ot'),
        await judge.run('findmnt', '--noheadings', '/run/host'),
        await judge.run('readlink', '/dev/sys-tem/ro-ot'),
      ].join('\n');
    const before = await look();
    await use();
    expect(await look()).toBe(before);
  } finally {
    await judge.run('umount', '/run/host');
    await judge.run('vgchange', '--devices', loop, '--activate', 'n', 'sys-tem');
    await judge.run('losetup', '--detach', loop);
  }
}

test("the machine's own group of the same name, active and mounted, is neither touched nor confused", async () => {
  await withHostGroup(async () => {
    const made = await engine({ shared: true }).apply();
    const root = await made.attachWithBelow('lvs.ro-ot');
    const thin = await made.attachWithBelow('lvs.th-in');
    expect(root).toMatch(/^\/dev\/mapper\/dib--[0-9a-f]{16}-ro--ot$/);
    for (const device of [root, thin]) await judge.run('e2fsck', '-fn', device);
    await made.detachAll();
    await attachDisks(made);
    expect(await groups(made)).toBe('  sys-tem/3');
    await made.detachAll();
  });
});

test('a read-only attach keeps the name, and is refused beside a group of that name', async () => {
  const made = await engine({ shared: true }).apply();
  await withHostGroup(async () => {
    await expect(made.attachWithBelow('vgs.sys-tem', true)).rejects.toThrow('DIB_LVM_NAME_IN_USE');
    await made.detachAll();
  });
  const before = await judge.run('sha256sum', `${made.paths.work}/disk0.raw`, `${made.paths.work}/disk1.raw`);
  expect(await made.attachWithBelow('lvs.ro-ot', true)).toBe('/dev/mapper/sys--tem-ro--ot');
  const thin = await made.attachWithBelow('lvs.th-in', true);
  await judge.run('e2fsck', '-fn', thin);
  await made.detachAll();
  await judge.run('sync');
  expect(await judge.run('sha256sum', `${made.paths.work}/disk0.raw`, `${made.paths.work}/disk1.raw`)).toBe(before);
});

test('an active copy of the same group is never taken for ours', async () => {
  const made = await engine({ shared: true, realisation: 'offline' }, [
    { local_loop: { name: 'disk0', size: '300MiB' } },
    {
      lvm: {
        pvs: [{ name: 'pv0', base: 'disk0' }],
        vgs: [{ name: 'data', base: ['pv0'] }],
        lvs: [{ name: 'srv', base: 'data', size: '64MiB' }],
      },
    },
    { mkfs: { name: 'fs', base: 'srv', type: 'ext4' } },
  ]).apply();
  const copy = `${judge.directory}/copy.raw`;
  await judge.run('cp', '--sparse=always', `${made.paths.work}/disk0.raw`, copy);
  const loop = await judge.loop(copy);
  await judge.run('vgchange', '--devices', loop, '--activate', 'y', 'data');
  const table = await judge.run('dmsetup', 'table', 'data-srv');
  try {
    const failed = await made.attachWithBelow('lvs.srv').then(
      () => undefined,
      (error: Error) => error.cause,
    );
    expect((failed as DibError).diagnostics[0]).toMatchObject({
      code: 'DIB_LVM_ID_IN_USE',
      summary: 'Another copy of this volume group is active on this machine: `/dev/mapper/data-srv`',
    });
    expect(await judge.run('dmsetup', 'table', 'data-srv')).toBe(table);
  } finally {
    await made.detachAll();
    await judge.run('vgchange', '--devices', loop, '--activate', 'n', 'data');
    await judge.run('losetup', '--detach', loop);
  }
});

test('a group that dib wrote as bytes is attached under its ids', async () => {
  const made = await engine(
    { realisation: 'offline' },
    TREE.slice(0, 2).concat([
      {
        lvm: {
          pvs: [
            { name: 'pv0', base: 'disk0' },
            { name: 'pv1', base: 'disk1' },
          ],
          vgs: [{ name: 'da-ta', base: ['pv0', 'pv1'] }],
          lvs: [{ name: 'span', base: 'da-ta', extents: '100%VG' }],
        },
      } as unknown as (typeof TREE)[0],
      { mkfs: { name: 'fs', base: 'span', type: 'ext4' } } as unknown as (typeof TREE)[0],
    ]),
  ).apply();
  const span = await made.attachWithBelow('lvs.span');
  await judge.run('e2fsck', '-fn', span);
  const id = String(made.record('vgs.da-ta').outputs['id']);
  expect((await judge.run('vgs', '--noheadings', '--options', 'vg_uuid', 'da-ta')).trim()).toBe(printedLvmId(id));
});
