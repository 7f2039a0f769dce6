import { expect, test } from 'vitest';
import { wipedRuns } from '../../../src/kinds/disk.ts';

const MIB = 1024 ** 2;
const runs = (size: number, ...partitions: [offset: number, length: number][]) =>
  wipedRuns(size * MIB, {
    known: true,
    blank: false,
    signatures: [],
    partitions: partitions.map(([offset, length], index) => ({ number: index + 1, offset: offset * MIB, length: length * MIB })),
    digest: '',
  }).map(([offset, length]) => [offset / MIB, length / MIB]);

test('both ends of the disk and of each partition are cleared, each byte once', () => {
  expect(runs(100)).toEqual([
    [0, 1],
    [99, 1],
  ]);
  expect(runs(100, [1, 10], [20, 30])).toEqual([
    [0, 2],
    [10, 1],
    [20, 1],
    [49, 1],
    [99, 1],
  ]);
  // An extended partition with a logical one in it; a partition of one sector; one that reaches to the end.
  expect(runs(100, [50, 50], [51, 0.5], [52, 48])).toEqual([
    [0, 1],
    [50, 1.5],
    [52, 1],
    [99, 1],
  ]);
});

test('a tiny device, and a table that tells of more than there is', () => {
  expect(runs(1.5)).toEqual([[0, 1.5]]);
  expect(runs(0.5)).toEqual([[0, 0.5]]);
  expect(runs(10, [8, 50], [20, 5])).toEqual([
    [0, 1],
    [8, 2],
  ]);
});

test('of a device that cannot be read, its ends', () => {
  expect(wipedRuns(10 * MIB, { known: false, why: '', partitions: 3 })).toEqual([
    [0, MIB],
    [9 * MIB, MIB],
  ]);
});
