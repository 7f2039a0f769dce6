import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { BlockDevices, DeviceExtent, StackLayout } from '../../../src/blockdev/devices.ts';
import { resolveStack } from '../../../src/blockdev/layout.ts';
import { lvmPieces, printedLvmId } from '../../../src/blockdev/lvm-metadata.ts';
import { readVolumeGroup } from '../../../src/blockdev/lvm-text.ts';
import type { Region } from '../../../src/blockdev/mbr.ts';
import { parseBlockDevices } from '../../../src/blockdev/parse.ts';
import { resolveSizes } from '../../../src/blockdev/resolve-sizes.ts';
import { type ReadBytes, readSignatures } from '../../../src/blockdev/signatures.ts';
import { stacksOf } from '../../../src/blockdev/stacks.ts';
import { linearGroups, offlineOnly } from '../../support/linear-groups.ts';
import { stackTrees } from './stacks.ts';

interface Case {
  readonly devices: BlockDevices;
  readonly stack: StackLayout;
}

/** Generated trees, as they are and with what needs the kernel for its content alone taken away: then more of them have places. */
const cases: fc.Arbitrary<Case> = fc.tuple(stackTrees, fc.boolean()).map(([{ tree, existing }, plain]) => {
  const read = parseBlockDevices(tree, { imageName: 'any', locate: () => undefined }).value as BlockDevices;
  const devices = plain ? offlineOnly(read) : read;
  const stack = resolveStack(devices, resolveSizes(devices, undefined, { existing }).disks).value as StackLayout;
  return { devices, stack };
});

const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0);

/** Extents that share bytes, as text. */
function overlaps(extents: readonly (DeviceExtent & { readonly of: string })[]): string[] {
  const sorted = extents.toSorted((a, b) => a.container.localeCompare(b.container) || a.offset - b.offset);
  return sorted.flatMap((extent, index) => {
    const next = sorted[index + 1];
    const clash = next?.container === extent.container && extent.offset + extent.length > next.offset;
    return clash ? [`${extent.of} and ${next.of}`] : [];
  });
}

/** Devices that nothing but content stands on: two of them never share a byte. */
function tops({ devices, stack }: Case): StackLayout['devices'] {
  const used = new Set([
    ...devices.tables.map(({ base }) => base),
    ...[...devices.raids, ...devices.luks, ...devices.pvs].flatMap(({ base }) => base),
  ]);
  return stack.devices.filter(({ name }) => !used.has(name));
}

test('every device has its size in whole sectors, and its extents lie inside of their containers', () => {
  const seen = { several: 0, inContainer: 0 };
  fc.assert(
    fc.property(cases, ({ devices, stack }) => {
      const count = sum(devices.tables.map(({ partitions }) => partitions.length));
      const volumes = devices.lvs.filter(({ type }) => type !== 'thin-pool');
      expect(stack.devices.length).toBe(
        count + devices.disks.length + devices.raids.length + devices.luks.length + volumes.length,
      );
      const sizeOf = new Map(stack.devices.map(({ name, size }) => [name, size]));
      for (const { size, sectorSize, extents } of stack.devices) {
        expect(size % sectorSize).toBe(0);
        expect(size).toBeGreaterThan(0);
        if (extents === undefined) continue;
        expect(sum(extents.map(({ length }) => length))).toBe(size);
        for (const { container, offset, length } of extents) {
          expect(offset).toBeGreaterThanOrEqual(0);
          expect(length).toBeGreaterThan(0);
          expect(offset + length).toBeLessThanOrEqual(sizeOf.get(container) ?? 0);
          if (devices.luks.some(({ name }) => name === container)) seen.inContainer++;
        }
        if (extents.length > 1) seen.several++;
      }
    }),
    { numRuns: 300 },
  );
  expect(Math.min(...Object.values(seen))).toBeGreaterThan(0);
});

test('nothing overlaps', () => {
  fc.assert(
    fc.property(cases, (each) => {
      const extents = tops(each).flatMap(({ name, extents = [] }) => extents.map((extent) => ({ ...extent, of: name })));
      expect(overlaps(extents)).toEqual([]);
    }),
    { numRuns: 300 },
  );
});

test('extents of a group are used once, and none is lost', () => {
  fc.assert(
    fc.property(cases, ({ devices, stack }) => {
      for (const { group, extentSize, pvs, lvs, free } of stack.groups) {
        expect(sum(pvs.map(({ extents }) => extents))).toBe(free + sum(lvs.map(({ extents }) => extents)));
        for (const { size, start, extents } of pvs) {
          expect(start + extents * extentSize).toBeLessThanOrEqual(size);
          expect(start + (extents + 1) * extentSize).toBeGreaterThan(size);
        }
        const used = lvs.flatMap(({ name, segments }) =>
          segments.map(({ pv, start, count }) => ({ of: name, container: pv, offset: start, length: count })),
        );
        expect(overlaps(used)).toEqual([]);
        for (const { container, offset, length } of used) {
          expect(offset + length).toBeLessThanOrEqual(pvs.find(({ name }) => name === container)?.extents ?? 0);
        }
        const reason = stacksOf(devices).find(({ disks }) => disks.includes(diskUnder(devices, group)))?.reason;
        for (const { size, segments } of lvs) {
          expect(sum(segments.map(({ count }) => count)) * extentSize).toBe(reason === undefined ? size : 0);
        }
      }
    }),
    { numRuns: 300 },
  );
});

test('every disk is in one stack, and extents are there where the stack needs no kernel', () => {
  fc.assert(
    fc.property(cases, ({ devices, stack }) => {
      const stacks = stacksOf(devices);
      expect(stacks.flatMap(({ disks }) => disks).toSorted()).toEqual(devices.disks.map(({ name }) => name).toSorted());
      for (const { reason, disks } of stacks) {
        const inside = (name: string) => disks.includes(diskUnder(devices, name));
        for (const { name } of [...devices.luks, ...devices.lvs.filter(({ type }) => type === 'linear')].filter((node) =>
          inside(node.name),
        )) {
          const { extents } = stack.devices.find((device) => device.name === name) ?? {};
          expect(extents === undefined).toBe(reason !== undefined);
        }
      }
    }),
    { numRuns: 300 },
  );
});

/** One of the disks that a device or group stands on. */
function diskUnder(devices: BlockDevices, name: string): string {
  const { tables, luks, raids, pvs, vgs, lvs } = devices;
  const node = [...tables.flatMap(({ partitions }) => partitions), ...luks, ...raids, ...pvs, ...vgs, ...lvs].find(
    (candidate) => candidate.name === name,
  );
  return node === undefined ? name : diskUnder(devices, [node.base].flat()[0] ?? '');
}

test('what is written as metadata is read again', async () => {
  await fc.assert(
    fc.asyncProperty(cases, async ({ devices, stack }) => {
      for (const group of linearGroups(devices, stack)) {
        for (const [name, pieces] of lvmPieces(group)) {
          const pv = group.pvs.find((candidate) => candidate.name === name);
          const read = reader(pieces);
          expect(await readSignatures(read, pv?.size ?? 0)).toEqual([{ type: 'LVM2_member', uuid: printedLvmId(pv?.id ?? '') }]);
          expect(await readVolumeGroup(read)).toEqual({
            name: group.name,
            id: printedLvmId(group.id),
            seqno: 1,
            pvs: group.pvs.map(({ id }) => ({ id: printedLvmId(id) })),
            lvs: group.lvs.map(({ volume, id }) => ({ name: volume, id: printedLvmId(id) })),
          });
        }
      }
    }),
    { numRuns: 100 },
  );
});

/** Reads from a device that has these pieces and zeroes. */
function reader(pieces: readonly Region[]): ReadBytes {
  return async (offset, length) => {
    const buffer = Buffer.alloc(length);
    for (const piece of pieces) {
      const from = Math.max(offset, piece.offset);
      const to = Math.min(offset + length, piece.offset + piece.bytes.length);
      if (from < to) piece.bytes.copy(buffer, from - offset, from - piece.offset, to - piece.offset);
    }
    return buffer;
  };
}
