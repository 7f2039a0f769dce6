import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { DeviceContents, DeviceFacts, DeviceSighting } from '../../../src/blockdev/device-facts.ts';
import { type BlockDevices, type ExistingDisk, NO_DEVICES } from '../../../src/blockdev/devices.ts';
import { digestOfUse } from '../../../src/host/device-contents.ts';
import type { RecordedResource } from '../../../src/kinds/kind.ts';
import { deviceFacts, judgeDisks, type SeenDisk, seeDisks, withNotes, writtenDisks } from '../../../src/plan/existing-disks.ts';
import { isOurs } from '../../../src/plan/own-contents.ts';
import type { ResourceChange } from '../../../src/plan/plan.ts';

const BLANK: DeviceContents = { known: true, blank: true, signatures: [], partitions: [], digest: 'blank' };
const DATA: DeviceContents = {
  known: true,
  blank: false,
  signatures: [{ type: 'ext4', id: 'aaaaaaaa-0000', label: 'photos' }],
  partitions: [],
  digest: 'data',
};
const UNREADABLE: DeviceContents = { known: false, why: 'this user may not read it', partitions: 0 };

const disk = (name: string, more: Partial<ExistingDisk> = {}): ExistingDisk => ({
  plugin: 'disk',
  name,
  pointer: `/${name}`,
  path: `/dev/disk/by-id/${name}`,
  wipe: false,
  size: 'device',
  blockSize: 512,
  ...more,
});

const facts = (more: Partial<DeviceFacts> = {}): DeviceFacts => ({
  identity: { path: '/dev/disk/by-id/a', size: 1024 ** 3, sectorSize: 512, model: 'Maker Model', serial: '4711' },
  node: '/dev/sdb',
  number: '8:16',
  whole: '8:16',
  type: 'disk',
  readOnly: false,
  uses: [],
  contents: BLANK,
  ...more,
});

const found = (more: Partial<DeviceFacts> = {}): DeviceSighting => ({ state: 'found', facts: facts(more) });

const seen = (sighting: DeviceSighting, more: Partial<SeenDisk> & { readonly wipe?: boolean } = {}): SeenDisk => {
  const { wipe = false, ...rest } = more;
  return { disk: disk('a', { wipe }), address: 'disk.a', sighting, ours: false, ...rest };
};

function judge(disks: readonly SeenDisk[], { applying = false, written = ['disk.a', 'disk.b'] } = {}) {
  const judgement = judgeDisks(disks, { written: new Set(written), applying });
  return {
    fates: judgement.disks.map(({ fate }) => fate),
    codes: judgement.diagnostics.map(({ severity, code }) => `${severity} ${code}`),
    summaries: judgement.diagnostics.map(({ summary }) => summary),
    warnings: judgement.warnings,
  };
}

describe('what becomes of a disk', () => {
  const REFUSED: readonly [string, DeviceSighting, string][] = [
    ['a file', { state: 'other', what: 'a file' }, 'DIB_DISK_NOT_BLOCK'],
    ['no medium', found({ identity: { path: '/dev/sr0', size: 0, sectorSize: 512 } }), 'DIB_DISK_NO_MEDIUM'],
    ['read-only', found({ readOnly: true }), 'DIB_DISK_READ_ONLY'],
    ['odd sectors', found({ identity: { path: '/dev/sdb', size: 520_000, sectorSize: 520 } }), 'DIB_DISK_SECTORS'],
    ['mounted', found({ uses: [{ what: 'mount', on: '/dev/sdb1', by: '/srv' }] }), 'DIB_DISK_IN_USE'],
    ['swap', found({ uses: [{ what: 'swap', on: '/dev/sdb1', by: '' }] }), 'DIB_DISK_IN_USE'],
    ['in a volume group', found({ uses: [{ what: 'lvm', on: '/dev/sdb1', by: '/dev/mapper/x' }] }), 'DIB_DISK_IN_USE'],
    ['open', found({ uses: [{ what: 'open', on: '/dev/sdb', by: '' }] }), 'DIB_DISK_IN_USE'],
    ['of this machine', found({ uses: [{ what: 'root', on: '/dev/sdb', by: '/' }] }), 'DIB_DISK_HOST_ROOT'],
  ];
  test.each(REFUSED)('%s: refused, whatever it holds and whatever was agreed to', (_, sighting, code) => {
    for (const wipe of [false, true]) {
      for (const applying of [false, true]) {
        expect(judge([seen(sighting, { wipe })], { applying })).toMatchObject({ fates: ['refused'], codes: [`error ${code}`] });
      }
    }
  });

  test('blank, or made by dib: written to without a question', () => {
    expect(judge([seen(found())])).toEqual({ fates: ['written'], codes: [], summaries: [], warnings: [] });
    expect(judge([seen(found({ contents: DATA }), { ours: true })])).toMatchObject({ fates: ['written'], codes: [] });
  });

  test('not empty: refused, or lost where the image says so', () => {
    const refused = judge([seen(found({ contents: DATA }))]);
    expect(refused).toMatchObject({ fates: ['refused'], summaries: ['`/dev/disk/by-id/a` is not empty'] });
    expect(judge([seen(found({ contents: DATA }), { wipe: true })])).toEqual({
      fates: ['lost'],
      codes: [],
      summaries: [],
      warnings: ['Everything on /dev/disk/by-id/a (Maker Model, serial 4711, 1 GiB) will be lost: ext4 "photos".'],
    });
  });

  test('a plan may be made where the disk is not, or by somebody who may not read it; an apply not', () => {
    expect(judge([seen({ state: 'absent' })])).toEqual({
      fates: ['refused'],
      codes: [],
      summaries: [],
      warnings: ['The disk `/dev/disk/by-id/a` is not on this machine. What depends on it is known after apply.'],
    });
    expect(judge([seen({ state: 'absent' })], { applying: true }).codes).toEqual(['error DIB_DISK_ABSENT']);
    expect(judge([seen(found({ contents: UNREADABLE }))])).toMatchObject({ fates: ['written'], codes: [] });
    expect(judge([seen(found({ contents: UNREADABLE }))]).warnings[0]).toContain('contents unknown: this user may not read it');
    expect(judge([seen(found({ contents: UNREADABLE }))], { applying: true }).codes).toEqual(['error DIB_DISK_NOT_EMPTY']);
    expect(judge([seen(found({ contents: { ...UNREADABLE, partitions: 2 } }))]).codes).toEqual(['error DIB_DISK_NOT_EMPTY']);
    expect(judge([seen(found({ contents: UNREADABLE }), { wipe: true })], { applying: true }).fates).toEqual(['lost']);
  });

  test('one that the plan does not write to may be mounted, full, or away', () => {
    for (const sighting of [
      found({ contents: DATA, uses: [{ what: 'mount', on: '/dev/sdb', by: '/' }] }),
      { state: 'absent' } as const,
    ]) {
      expect(judge([seen(sighting)], { written: [], applying: true })).toMatchObject({ fates: ['untouched'], codes: [] });
    }
  });

  test('the same disk by two names, or a disk and its partition', () => {
    const other = { disk: disk('b'), address: 'disk.b' };
    expect(judge([seen(found()), seen(found(), other)]).codes).toEqual(['error DIB_DISK_TWICE']);
    const part = found({ number: '8:17', whole: '8:16', type: 'partition' });
    expect(judge([seen(found()), seen(part, other)]).codes).toEqual(['error DIB_DISK_TWICE', 'warning DIB_DISK_PART']);
    const neighbour = found({ number: '8:32', whole: '8:32' });
    expect(judge([seen(found()), seen(neighbour, other)]).codes).toEqual([]);
  });

  test('a partition or a volume: with a warning', () => {
    expect(judge([seen(found({ type: 'partition' }))])).toMatchObject({ fates: ['written'], codes: ['warning DIB_DISK_PART'] });
    expect(judge([seen(found({ type: 'mapping' }))])).toMatchObject({ fates: ['written'], codes: ['warning DIB_DISK_PART'] });
  });
});

test('who a disk is stays known while it is away, as long as the path is the same', () => {
  const away = seen({ state: 'absent' });
  const identity = { path: '/dev/disk/by-id/a', size: 5, sectorSize: 512 };
  expect(deviceFacts([away], { devices: { a: identity, other: identity } })).toEqual({ devices: { a: identity } });
  expect(deviceFacts([away], { devices: { a: { ...identity, path: '/dev/elsewhere' } } })).toEqual({ devices: {} });
  expect(deviceFacts([seen(found())], { devices: { a: identity } })).toEqual({ devices: { a: facts().identity } });
  expect(deviceFacts([], { devices: { a: identity } })).toEqual({ devices: undefined });
});

test('the disks that a plan writes to: those below whatever is made', () => {
  const change = (address: string, depends_on: string[], actions: string[]) =>
    ({ address, kind: address.split('.')[0], depends_on, change: { actions } }) as unknown as ResourceChange;
  const tree = (disk: string[], mkfs: string[]) => [
    change('disk.a', [], disk),
    change('disk.b', [], ['no-op']),
    change('partition.p', ['disk.a'], ['no-op']),
    change('mkfs.f', ['partition.p'], mkfs),
    change('mkfs.g', ['disk.b'], ['delete']),
  ];
  expect([...writtenDisks(tree(['no-op'], ['no-op']))]).toEqual([]);
  expect([...writtenDisks(tree(['create'], ['create']))]).toEqual(['disk.a']);
  expect([...writtenDisks(tree(['no-op'], ['delete', 'create']))]).toEqual(['disk.a']);
});

test('the plan shows who it is and what it holds', () => {
  const planned = { address: 'disk.a', label: 'gpt', sectorSize: 512, segments: [] };
  const note = (sighting: DeviceSighting, fate: 'lost' | 'refused') =>
    withNotes([planned], [{ ...seen(sighting, { wipe: true }), fate }])[0]?.device;
  expect(note(found({ contents: DATA }), 'lost')).toEqual({
    path: '/dev/disk/by-id/a',
    present: true,
    node: '/dev/sdb',
    model: 'Maker Model',
    serial: '4711',
    holds: 'ext4 "photos"',
    ours: false,
    lost: true,
  });
  expect(note({ state: 'absent' }, 'refused')).toEqual({ path: '/dev/disk/by-id/a', present: false });
});

test('loop devices that an earlier run left are not somebody else’s', async () => {
  const record = (address: string, dependsOn: string[], attachment?: object) =>
    ({ address, kind: 'x', dependsOn, inputs: {}, outputs: {}, attachment }) as unknown as RecordedResource;
  const recorded = [
    record('disk.a', [], { outputs: {}, marker: { offset: 0, length: 0 } }),
    record('partition.p', ['disk.a'], { outputs: { offset: 1024, length: 2048 } }),
    record('partition.q', ['local_loop.x'], { outputs: { offset: 1, length: 1 } }),
  ];
  const devices: BlockDevices = { ...NO_DEVICES, disks: [disk('a')] };
  let own: unknown;
  await seeDisks(devices, recorded, async (_path, options) => {
    own = options.own;
    return { state: 'absent' };
  });
  expect(own).toEqual([
    { offset: 0, length: 0 },
    { offset: 1024, length: 2048 },
  ]);
});

describe('whether what a disk holds was made by dib', () => {
  let directory: string;
  let node: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'dib-unit-ours-'));
    node = join(directory, 'disk');
    writeFileSync(node, Buffer.alloc(4 * 1024 ** 2));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  const ID = 'ABCD-1234-5678';
  const MADE: DeviceContents = {
    known: true,
    blank: false,
    signatures: [{ type: 'gpt', id: '11111111-2222' }],
    partitions: [{ number: 1, offset: 1024 ** 2, length: 1024 ** 2, signature: { type: 'LVM2_member', id: ID } }],
    digest: 'made',
  };
  const IDENTITY = { size: 4 * 1024 ** 2, sectorSize: 512, serial: '4711' };
  const here = (contents: DeviceContents, more = {}) =>
    facts({ identity: { path: '/dev/sdb', ...IDENTITY, ...more }, node, contents });

  const resource = (address: string, more: object) =>
    ({ address, kind: 'x', status: 'created', dependsOn: [], inputs: {}, outputs: {}, ...more }) as unknown as RecordedResource;
  const past = (record: object) => [
    resource('disk.a', { outputs: { file: '/dev/sdb', ...IDENTITY }, marker: { owned: false }, ...record }),
    resource('partitioning.p', { dependsOn: ['disk.a'], inputs: { layout: { diskId: '11111111-2222' } } }),
    resource('pvs.v', { dependsOn: ['partitioning.p'], inputs: { id: 'abcd12345678' } }),
    resource('mkfs.other', { inputs: { uuid: 'aaaaaaaa-0000' } }),
  ];

  test('an interrupted run: everything bears an identifier of this state', async () => {
    expect(await isOurs(here(MADE), 'disk.a', past({}))).toBe(true);
    expect(await isOurs(here(DATA), 'disk.a', past({}))).toBe(false);
    expect(await isOurs(here({ ...MADE, signatures: [...MADE.signatures, { type: 'atari' }] }), 'disk.a', past({}))).toBe(false);
    expect(await isOurs(here(UNREADABLE), 'disk.a', past({}))).toBe(false);
    expect(await isOurs(here(MADE), 'disk.b', past({}))).toBe(false);
    expect(await isOurs(here(MADE), 'disk.a', [])).toBe(false);
  });

  test('another disk, though it holds the same', async () => {
    expect(await isOurs(here(MADE, { serial: '4712' }), 'disk.a', past({}))).toBe(false);
    expect(await isOurs(here(MADE, { size: 8 * 1024 ** 2 }), 'disk.a', past({}))).toBe(false);
  });

  test('clearing that did not end: only where nothing foreign was on it', async () => {
    const begun = (owned: boolean) => past({ status: 'creating', outputs: {}, marker: { path: '/dev/sdb', ...IDENTITY, owned } });
    expect(await isOurs(here(MADE), 'disk.a', begun(true))).toBe(true);
    expect(await isOurs(here(MADE), 'disk.a', begun(false))).toBe(false);
  });

  test('an imported disk was never cleared', async () => {
    expect(await isOurs(here(MADE), 'disk.a', past({ marker: undefined }))).toBe(false);
  });

  test('a complete run: as long as nobody used it since', async () => {
    const plain: DeviceContents = { ...MADE, partitions: [] };
    const used = await digestOfUse(node, IDENTITY.size, plain);
    expect(await isOurs(here(plain), 'disk.a', past({ stamp: { used } }))).toBe(true);
    const bytes = Buffer.alloc(IDENTITY.size);
    bytes[100] = 1;
    writeFileSync(node, bytes);
    expect(await isOurs(here(plain), 'disk.a', past({ stamp: { used } }))).toBe(false);
    // Of volumes nobody can tell.
    expect(await isOurs(here(MADE), 'disk.a', past({ stamp: { used: '' } }))).toBe(false);
  });
});
