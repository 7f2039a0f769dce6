import { expect, test } from 'vitest';
import { type Disk, NO_DEVICES } from '../../../src/blockdev/devices.ts';
import type { ImageConfig, OutputConfig } from '../../../src/config/image.ts';
import { checkOutputs, wantedOutputs } from '../../../src/plan/disk-outputs.ts';
import { disk } from '../../support/device-nodes.ts';

const existing: Disk = {
  plugin: 'disk',
  name: 'sdb',
  pointer: '/0',
  path: '/dev/sdb',
  wipe: false,
  size: 'device',
  blockSize: 512,
};
const file = disk('image0', 1024 ** 3);
const devices = (...disks: Disk[]) => ({ ...NO_DEVICES, disks });
const output = (format: OutputConfig['format'], name?: string): OutputConfig => ({
  format,
  path: 'x',
  compression: 'none',
  disk: name,
  pointer: '/outputs/0',
});
const config = (outputs: readonly OutputConfig[]) => ({ outputs }) as ImageConfig;
const written = { start: { line: 1, column: 1, offset: 0 }, end: { line: 1, column: 2, offset: 1 }, file: 'image.yaml' };

test('without a word about outputs: a qcow2, unless all disks are there already', () => {
  const wanted = (...disks: Disk[]) => wantedOutputs(config([output('qcow2')]), devices(...disks), () => undefined).length;
  expect(wanted(file)).toBe(1);
  expect(wanted(file, existing)).toBe(1);
  expect(wanted(existing)).toBe(0);
  expect(wantedOutputs(config([output('tar')]), devices(existing), () => written)).toHaveLength(1);
});

test.each([
  ['a qcow2 of an existing disk', [output('qcow2', 'sdb')], [existing, file], 'DIB_DISK_OUTPUT'],
  ['a raw where all disks are existing ones', [output('raw')], [existing], 'DIB_DISK_OUTPUT'],
  ['a disk that is not declared', [output('raw', 'image1')], [file], 'DIB_CONFIG_OUTPUT_DISK'],
  ['nothing at all', [], [file], 'DIB_CONFIG_NO_OUTPUT'],
  ['a raw of the first disk that is a file', [output('raw')], [existing, file], undefined],
  ['a raw of a disk file', [output('raw', 'image0')], [file], undefined],
  ['an archive beside an existing disk', [output('tar')], [existing], undefined],
  ['only an existing disk', [], [existing], undefined],
] as const)('%s', (_, outputs, disks, code) => {
  expect(checkOutputs(outputs, devices(...disks), () => undefined).map((found) => found.code)).toEqual(code ? [code] : []);
});

test('a mistyped disk', () => {
  const [found] = checkOutputs([output('raw', 'imgae0')], devices(file), () => undefined);
  expect(found).toMatchObject({
    summary: 'There is no disk `imgae0`',
    help: 'Did you mean `image0`?',
    pointer: '/outputs/0/disk',
  });
});
