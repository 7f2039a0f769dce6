import { execFileSync } from 'node:child_process';
import {
  closeSync,
  mkdtempSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lvmPieces } from '../../../src/blockdev/lvm-metadata.ts';
import type { Kind, Paths, Presence, RecordedResource } from '../../../src/kinds/kind.ts';
import { tablePieces } from '../../../src/kinds/partitioning.ts';
import { kindRegistry } from '../../../src/kinds/registry.ts';
import type { JsonObject } from '../../../src/util/json.ts';

const MiB = 1024 ** 2;
const UUID = '3d2f1f0e-6c5b-4a39-8f27-1e0d9c8b7a65';
const OTHER = '00000000-1111-2222-3333-444444444444';
const kinds = kindRegistry();

let directory: string;
let file: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'dib-unit-probes-'));
  file = join(directory, 'image0.raw');
  writeFileSync(file, '');
  truncateSync(file, 64 * MiB);
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function recordOf(kind: string, outputs: JsonObject, more: Partial<RecordedResource> = {}): RecordedResource {
  const keyDocument = { kind, inputs: {}, dependencies: {} };
  return {
    address: `${kind}.x`,
    kind,
    name: 'x',
    status: 'created',
    inputs: {},
    outputs,
    key: '',
    keyDocument,
    dependsOn: [],
    ...more,
  };
}

function paths(): Paths {
  return { image: directory, state: directory, work: directory, cache: directory, scratch: directory };
}

async function probe(recorded: RecordedResource): Promise<Presence> {
  return (kinds.get(recorded.kind) as Kind).probe(recorded, paths(), () => undefined);
}

function run(program: string, ...args: readonly string[]): void {
  execFileSync(program, args, { stdio: 'pipe', env: { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin:/sbin` } });
}

function write(offset: number, bytes: Uint8Array): void {
  const handle = openSync(file, 'r+');
  writeSync(handle, bytes, 0, bytes.length, offset);
  closeSync(handle);
}

describe('mkfs', () => {
  const extents = [{ file: '', offset: MiB, length: 32 * MiB }];
  const filesystem = (type: string, uuid = UUID, label = 'root') =>
    recordOf('mkfs', { uuid, label, type, length: 32 * MiB, extents: extents.map((extent) => ({ ...extent, file })) });

  function makeExt4(): void {
    run('mkfs.ext4', '-q', '-F', '-U', UUID, '-L', 'root', '-E', `offset=${MiB}`, file, '32768k');
  }

  it('is present as it was made, whichever of the ext family its features make it', async () => {
    makeExt4();
    expect(await probe(filesystem('ext4'))).toEqual({ state: 'present' });
    expect(await probe(filesystem('ext3'))).toEqual({ state: 'present' });
  });

  it('has another UUID or label', async () => {
    makeExt4();
    expect(await probe(filesystem('ext4', OTHER))).toEqual({
      state: 'drifted',
      reason: `it has the UUID ${UUID} instead of ${OTHER}`,
      found: { outputs: { uuid: UUID } },
    });
    run('e2label', `${file}?offset=${MiB}`, '');
    expect(await probe(filesystem('ext4', OTHER))).toEqual({
      state: 'drifted',
      reason: `it has the UUID ${UUID} instead of ${OTHER} and the label none instead of root`,
      found: { outputs: { uuid: UUID, label: '' } },
    });
  });

  it('is not there any more, or another is', async () => {
    expect(await probe(filesystem('ext4'))).toEqual({
      state: 'drifted',
      reason: `there is no ext4 file system in ${file} at byte ${MiB} any more`,
    });
    makeExt4();
    expect(await probe(filesystem('xfs'))).toEqual({
      state: 'drifted',
      reason: `there is no xfs file system in ${file} at byte ${MiB} any more, but ext4`,
    });
    rmSync(file);
    expect(await probe(filesystem('ext4'))).toEqual({ state: 'absent' });
  });

  it('is found in pieces', async () => {
    makeExt4();
    const half = 16 * MiB;
    const pieces = [
      { file, offset: MiB, length: half },
      { file, offset: MiB + half, length: half },
    ];
    expect(await probe(recordOf('mkfs', { uuid: UUID, label: 'root', type: 'ext4', extents: pieces }))).toEqual({
      state: 'present',
    });
  });

  it('is believed where only the kernel could read it', async () => {
    expect(await probe(recordOf('mkfs', { uuid: UUID, label: 'root', type: 'ext4' }))).toEqual({ state: 'present' });
  });
});

describe('vgs and lvs', () => {
  const [groupId, rootId, homeId] = ['g', 'r', 'h'].map((letter) => letter.repeat(32)) as [string, string, string];
  const area = () => [{ file, offset: 0, length: MiB }];
  const group = (realisation: string, attachment?: RecordedResource['attachment']) =>
    recordOf(
      'vgs',
      { name: 'data', id: groupId, volumes: ['root', 'home'], areas: [area()] },
      { inputs: { realisation }, attachment },
    );
  const volume = (id: string, name: string) => recordOf('lvs', { id }, { inputs: { group: 'vgs.x', volume: name } });
  const probeIn = (recorded: RecordedResource) =>
    (kinds.get(recorded.kind) as Kind).probe(recorded, paths(), () => group('attached'));
  const lost = (recorded: RecordedResource) => (kinds.get('vgs') as Kind).probeLost?.(recorded);
  const attached = { status: 'attached', bootId: 'earlier', outputs: { group: 'dib-1', finalName: 'data' } } as const;

  function writeGroup(name: string, ...lvs: readonly (readonly [string, string])[]): void {
    const pieces = lvmPieces({
      name,
      id: groupId,
      extentSize: 4 * MiB,
      epoch: 0,
      pvs: [{ name: 'pv', id: 'p'.repeat(32), size: 64 * MiB, start: MiB, extents: 15 }],
      lvs: lvs.map(([volumeName, id]) => ({ volume: volumeName, id, segments: [] })),
    });
    for (const { offset, bytes } of pieces.get('pv') ?? []) write(offset, bytes);
  }

  it('are present as they were made', async () => {
    writeGroup('data', ['root', rootId], ['home', homeId]);
    for (const recorded of [group('offline'), group('attached'), volume(rootId, 'root'), volume(homeId, 'home')])
      expect(await probeIn(recorded)).toEqual({ state: 'present' });
  });

  it('miss a volume: offline the group must be written again, attached the volume is made again', async () => {
    writeGroup('data', ['root', rootId]);
    expect(await probeIn(group('offline'))).toEqual({
      state: 'drifted',
      reason: `the volume group in ${file} has no volume home any more`,
    });
    expect(await probeIn(group('attached'))).toEqual({ state: 'present' });
    expect(await probeIn(volume(rootId, 'root'))).toEqual({ state: 'present' });
    expect(await probeIn(volume(homeId, 'home'))).toEqual({
      state: 'absent',
      reason: `the volume group in ${file} has no volume home of its id`,
    });
  });

  it('keep the private name of a machine that went down', async () => {
    writeGroup('dib-1', ['root', rootId], ['home', homeId]);
    expect(await probe(group('attached', attached))).toEqual({ state: 'present' });
    expect(await lost(group('attached', attached))).toEqual({
      state: 'drifted',
      reason: `the volume group in ${file} is called dib-1`,
    });
    writeGroup('data', ['root', rootId], ['home', homeId]);
    expect(await lost(group('attached', attached))).toEqual({ state: 'present' });
  });

  it('may keep it where only the kernel could read the group', async () => {
    const unseen = (more: object) =>
      recordOf('vgs', { name: 'data', id: groupId, volumes: [], areas: [] }, { attachment: { ...attached, ...more } });
    expect(await lost(unseen({}))).toEqual({
      state: 'drifted',
      reason: 'the machine went down while it had the name dib-1',
    });
    expect(await lost(unseen({ readOnly: true }))).toEqual({ state: 'present' });
    expect(await lost(unseen({ outputs: { group: 'data', finalName: 'data' } }))).toEqual({ state: 'present' });
  });
});

describe('local_loop', () => {
  const facts = () => {
    const { size, ino, dev } = statSync(file);
    return { file, size, ino, dev, sectorSize: 512 };
  };
  const stampOf = async (recorded: RecordedResource) => ({
    ...recorded,
    stamp: await (kinds.get('local_loop') as Kind).stamp?.(recorded),
  });

  it('is stamped with the time of its last change, to the nanosecond', async () => {
    utimesSync(file, 1_700_000_000.25, 1_700_000_000.25);
    const recorded = await stampOf(recordOf('local_loop', facts()));
    expect(recorded.stamp).toEqual({ changed: '2023-11-14T22:13:20.250000000Z' });
    expect(await probe(recorded)).toEqual({ state: 'present' });
  });

  it('was written to', async () => {
    utimesSync(file, 1_700_000_000, 1_700_000_000);
    const recorded = await stampOf(recordOf('local_loop', facts()));
    utimesSync(file, 1_700_000_001, 1_700_000_001);
    const changed = '2023-11-14T22:13:21.000000000Z';
    expect(await probe(recorded)).toMatchObject({
      state: 'drifted',
      reason: 'its content was changed at 2023-11-14 22:13:21Z',
      found: { stamp: { changed } },
    });
    expect(await probe(recordOf('local_loop', facts()))).toEqual({ state: 'present' });
  });

  it('has another size, is another file, is none, is gone', async () => {
    const recorded = recordOf('local_loop', facts());
    truncateSync(file, 65 * MiB);
    const { ino, dev } = statSync(file);
    expect(await probe(recorded)).toEqual({
      state: 'drifted',
      reason: `${file} has ${65 * MiB} bytes instead of ${64 * MiB}`,
      found: { outputs: { size: 65 * MiB, ino, dev } },
    });
    writeFileSync(`${file}.new`, '');
    truncateSync(`${file}.new`, 64 * MiB);
    renameSync(`${file}.new`, file);
    expect(await probe(recorded)).toMatchObject({ state: 'drifted', reason: `${file} was replaced by another file` });
    rmSync(file);
    expect(await probe(recorded)).toEqual({ state: 'absent' });
    const place = recordOf('local_loop', { ...factsOf(directory), file: directory });
    expect(await probe(place)).toEqual({ state: 'drifted', reason: `${directory} is not a file any more` });
  });
});

function factsOf(path: string) {
  const { size, ino, dev } = statSync(path);
  return { size, ino, dev, sectorSize: 512 };
}

describe('partitioning', () => {
  const layout = {
    disk: 'image0',
    size: 64 * MiB,
    sectorSize: 512,
    label: 'gpt' as const,
    diskId: UUID,
    partitions: [
      {
        name: 'root',
        number: 1,
        kind: 'gpt' as const,
        startSector: 2048,
        sectors: 65_536,
        offset: MiB,
        length: 32 * MiB,
        type: '0FC63DAF-8483-4772-8E79-3D69D8477DE4',
        uuid: OTHER,
        boot: false,
      },
    ],
  };
  const table = () =>
    recordOf(
      'partitioning',
      { file, extents: [] },
      { inputs: { disk: 'local_loop.image0', label: 'gpt', layout: layout as unknown as JsonObject } },
    );

  it('is there byte for byte, or was changed by somebody', async () => {
    for (const { offset, bytes } of tablePieces(layout)) write(offset, bytes);
    expect(await probe(table())).toEqual({ state: 'present' });
    run('sfdisk', '--quiet', '--part-uuid', file, '1', UUID);
    expect(await probe(table())).toEqual({ state: 'drifted', reason: `the partition table of ${file} was changed` });
    write(510, Buffer.alloc(2));
    expect(await probe(table())).toEqual({ state: 'drifted', reason: `${file} has no partition table any more` });
  });
});
