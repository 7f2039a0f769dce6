import { execFileSync } from 'node:child_process';
import { afterEach, describe, expect, test } from 'vitest';
import { privateName } from '../../src/kinds/private-name.ts';
import type { Json } from '../../src/util/json.ts';
import { useMachine } from './support/machine.ts';
import { StackEngine } from './support/stack-engine.ts';

const judge = useMachine();
const engines: StackEngine[] = [];

afterEach(async () => {
  while (engines.length > 0) await engines.pop()?.destroy();
  expect(await judge.run('cat', '/proc/mdstat')).not.toMatch(/^md/m);
  expect(await judge.run('losetup', '--list', '--noheadings')).toBe('');
});

/** An array over some disks, the first of them partitioned, with an ext4 file system on it. */
function engine(members: number, raid: Record<string, Json>): StackEngine {
  const disks = Array.from({ length: members }, (_, index) => `disk${index}`);
  const tree = [
    ...disks.map((name) => ({ local_loop: { name, size: '48MiB' } })),
    { partitioning: { base: 'disk0', label: 'gpt', partitions: [{ name: 'part0', type: 'FD00', size: '100%' }] } },
    { raid: { name: 'data', base: ['part0', ...disks.slice(1)], ...raid } },
    { mkfs: { name: 'fs', base: 'data', type: 'ext4' } },
  ];
  const made = new StackEngine(judge.machine(), judge.directory, tree, { realisation: 'attached' });
  engines.push(made);
  return made;
}

const uuid = (made: StackEngine) => String(made.inputs('raid.data')['uuid']);

describe.each([
  [0, 2, {}],
  [1, 2, { metadata: '1.0' }],
  [5, 3, { chunk: '64KiB' }],
  [6, 4, {}],
  [10, 4, { options: ['--layout=f2'] }],
])('level %s over %s members with %j', (level, members, more) => {
  test('is made in the planned size, assembled, checked clean and stopped', async () => {
    const made = await engine(members, { level, ...more }).apply();
    expect(await judge.run('cat', '/proc/mdstat')).not.toMatch(/^md/m);
    expect(await made.probe('raid.data')).toEqual({ state: 'present' });
    const device = await made.attachWithBelow('raid.data');
    const size = Number(made.inputs('raid.data')['size']);
    expect(await judge.run('blockdev', '--getsize64', device)).toBe(String(size));
    expect(await judge.run('mdadm', '--detail', device)).toMatch(/State : (clean|active) *$/m);
    expect(await judge.run('blkid', '-p', '-o', 'value', '-s', 'TYPE', device)).toBe('ext4');
    await judge.run('e2fsck', '-fn', device);
    if (level !== 0) {
      // What was never synchronised is in step all the same: the kernel compares copies, and parity with data.
      await judge.run('sh', '-c', `echo check >/sys/block/${device.slice(5)}/md/sync_action`);
      await judge.run('mdadm', '--wait', device).catch(() => {});
      expect(await judge.run('cat', `/sys/block/${device.slice(5)}/md/mismatch_cnt`)).toBe('0');
    }
    await made.detachAll();
    await made.detach('raid.data');
    // Level 6 is started as level 5 is.
    if (level !== 6) await expectReadable(made, level, members);
  });
});

/** For looking: the array is whole, all of it can be read, and not a byte of its members changes. Level 0 has no bitmap and is left to mdadm. */
async function expectReadable(made: StackEngine, level: number, members: number): Promise<void> {
  const before = await digests(made, members);
  const device = await made.attachWithBelow('raid.data', true);
  const directory = `/sys/block/${device.slice('/dev/'.length)}/md`;
  expect(await judge.run('cat', `${directory}/array_state`)).toBe('readonly');
  if (level !== 0) expect(await judge.run('cat', `${directory}/degraded`)).toBe('0');
  expect(await judge.run('mdadm', '--detail', device)).toMatch(/State : (clean|readonly) *$/m);
  expect(await judge.run('blockdev', '--getro', device)).toBe('1');
  expect(await judge.run('blockdev', '--getsize64', device)).toBe(String(made.inputs('raid.data')['size']));
  await judge.run('e2fsck', '-fn', device);
  await made.detachAll();
  expect(await digests(made, members)).toBe(before);
  expect(await judge.run('sh', '-c', 'ls -d /sys/block/md_* || true')).toBe('');
}

async function digests(made: StackEngine, members: number): Promise<string> {
  await judge.run('sync');
  const files = Array.from({ length: members }, (_, index) => `${made.paths.work}/disk${index}.raw`);
  return execFileSync('sha256sum', files, { encoding: 'utf8' });
}

test('a made array is started again by its UUID alone', async () => {
  const made = await engine(2, { level: 1 }).apply('raid.data');
  const device = await made.attachWithBelow('raid.data');
  const detail = await judge.run('mdadm', '--detail', '--export', device);
  expect(detail).toContain(`MD_UUID=${uuid(made).replaceAll('-', '').match(/.{8}/g)?.join(':')}`);
  expect(detail).toMatch(/^MD_DEVICES=2$/m);
});

test('an attach that was interrupted is undone from its marker', async () => {
  const made = await engine(2, { level: 1 }).apply('raid.data');
  for (const address of made.below('raid.data')) await made.attach(address);
  await made.attachInterrupted('raid.data');
  expect(await judge.run('cat', '/proc/mdstat')).toMatch(/^md/m);
  const marker = made.record('raid.data').attachment?.marker;
  await made.detach('raid.data');
  expect(await judge.run('cat', '/proc/mdstat')).not.toMatch(/^md/m);
  // One for looking that knows no member yet is in no list of arrays.
  await judge.run('sh', '-c', `echo md_${privateName(made.paths, 'raid.data')} >/sys/module/md_mod/parameters/new_array`);
  made.setAttachment('raid.data', { status: 'attaching', bootId: '', outputs: {}, readOnly: true, marker });
  await made.detach('raid.data');
  expect(await judge.run('sh', '-c', 'ls -d /sys/block/md_* || true')).toBe('');
});

test('a creation that is killed leaves an array that its marker finds', async () => {
  const made = engine(2, { level: 1 });
  await made.apply('partition.part0');
  for (const address of made.below('raid.data')) await made.attach(address);
  const { kind, name, inputs, dependsOn } = made.resource('raid.data');
  const keyDocument = { kind, inputs, dependencies: {} };
  const outputs = {};
  made.records.set('raid.data', {
    address: 'raid.data',
    kind,
    name,
    inputs,
    dependsOn,
    keyDocument,
    key: '',
    outputs,
    status: 'creating',
  });
  made.setAttachment('raid.data', { status: 'attaching', bootId: '', outputs: {} });
  await made.kind('raid').create(inputs, made.context('raid.data'));
  expect(await judge.run('cat', '/proc/mdstat')).toMatch(/^md/m);
  await made.detachAll();
  expect(await judge.run('cat', '/proc/mdstat')).not.toMatch(/^md/m);
  // And it can be made again over what was left.
  await made.apply();
});

test('the probe says what is wrong with the members', async () => {
  const made = await engine(2, { level: 1 }).apply('raid.data');
  const { areas } = made.record('raid.data').outputs as unknown as { areas: { file: string; offset: number }[][] };
  const [{ file, offset }] = areas[1] as [{ file: string; offset: number }];
  await judge.run('dd', 'if=/dev/zero', `of=${file}`, 'bs=4096', `seek=${offset / 4096 + 1}`, 'count=1', 'conv=notrunc,fsync');
  expect(await made.probe('raid.data')).toEqual({ state: 'drifted', reason: `there is no RAID member in ${file} any more` });
});
