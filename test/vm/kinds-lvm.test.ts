import { afterEach, expect, test } from 'vitest';
import { MIB } from '../../src/blockdev/sizes.ts';
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
        { name: 'th-in', base: 'sys-tem', size: '320MiB', type: 'thin', 'thin-pool': 'po-ol' },
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
  expect(await judge.run('blockdev', '--getsize64', thin)).toBe(String(320 * MIB));
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
    'th-in/335544320B',
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

/** A pool with two thin volumes. */
const TWO_THIN = [
  { local_loop: { name: 'disk0', size: '64MiB' } },
  {
    lvm: {
      pvs: [{ name: 'pv0', base: 'disk0' }],
      vgs: [{ name: 'sys', base: ['pv0'] }],
      lvs: [
        { name: 'pool', base: 'sys', size: '32MiB', type: 'thin-pool' },
        { name: 'used', base: 'sys', size: '32MiB', type: 'thin', 'thin-pool': 'pool' },
        { name: 'left', base: 'sys', size: '32MiB', type: 'thin', 'thin-pool': 'pool' },
      ],
    },
  },
  { mkfs: { name: 'fs', base: 'used', type: 'ext4' } },
];

test('a thin volume that an interrupted creation left is made anew while another of its pool is active', async () => {
  const made = await engine({}, TWO_THIN).apply('lvs.left');
  const before = made.record('lvs.left').outputs['id'];
  await made.attachWithBelow('lvs.used');
  const { id } = await made.create('lvs.left');
  expect(id).not.toBe(before);
  expect(await made.attachWithBelow('lvs.left')).toBe('/dev/mapper/sys-left');
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
