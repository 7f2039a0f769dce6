import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { BlockDevices } from '../../../src/blockdev/devices.ts';
import { resolveStack } from '../../../src/blockdev/layout.ts';
import { parseBlockDevices } from '../../../src/blockdev/parse.ts';
import { resolveSizes } from '../../../src/blockdev/resolve-sizes.ts';
import { stackTrees } from './stacks.ts';

const CONTEXT = { imageName: 'any', locate: () => undefined };

function names(devices: BlockDevices): readonly string[] {
  const { tables, mounts, fstabs, ...rest } = devices;
  const partitions = tables.flatMap((table) => table.partitions);
  return [...Object.values(rest).flat(), ...tables, ...partitions, ...mounts, ...fstabs].map(({ name }) => name);
}

test('a correct tree of stacks is read without an error, and nothing in it is lost', () => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(stackTrees, ({ tree, kinds }) => {
      const checked = parseBlockDevices(tree, CONTEXT);
      expect(
        checked.diagnostics.filter(({ severity, code }) => severity === 'error' || code !== 'DIB_BLOCKDEV_RAID_ONE_DISK'),
      ).toEqual([]);
      const devices = checked.value as BlockDevices;
      for (const kind of kinds) seen.add(kind);
      expect(new Set(names(devices)).size).toBe(names(devices).length);
      // Every base is there.
      const all = new Set(names(devices));
      const { raids, luks, pvs, vgs, lvs, filesystems, subvolumes, mounts } = devices;
      for (const { base } of [...raids, ...luks, ...pvs, ...vgs, ...lvs, ...filesystems, ...subvolumes, ...mounts])
        for (const name of [base].flat()) expect(all).toContain(name);
      const identifiers = [...pvs, ...vgs, ...lvs]
        .map(({ id }) => id)
        .concat([...filesystems, ...luks, ...raids].map(({ uuid }) => uuid));
      expect(new Set(identifiers).size).toBe(identifiers.length);
      for (const vg of vgs) expect(vg.base.length).toBeGreaterThan(0);
    }),
    { numRuns: 200 },
  );
  // The generator reaches everything there is.
  for (const kind of [
    'local_loop',
    'disk',
    'partitioning',
    'raid',
    'raid_member',
    'luks',
    'lvm',
    'lvm_pv',
    'thin',
    'mkfs',
    'btrfs',
  ])
    expect(seen).toContain(kind);
});

test('everything in a correct tree has room', () => {
  fc.assert(
    fc.property(stackTrees, ({ tree, existing }) => {
      const devices = parseBlockDevices(tree, CONTEXT).value as BlockDevices;
      const { diagnostics } = resolveStack(devices, resolveSizes(devices, undefined, { existing }).disks);
      expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
    }),
    { numRuns: 200 },
  );
});

test('the order of entries does not matter, but for disks and members', () => {
  fc.assert(
    fc.property(stackTrees, fc.nat(), ({ tree, kinds }, seed) => {
      fc.pre(!kinds.has('raid_member') && !kinds.has('lvm_pv'));
      const rotated = [...tree.slice(seed % tree.length), ...tree.slice(0, seed % tree.length)];
      const read = (list: typeof tree) => parseBlockDevices(list, CONTEXT).value as BlockDevices;
      expect([...names(read(rotated))].sort()).toEqual([...names(read(tree))].sort());
    }),
    { numRuns: 100 },
  );
});

test('a base that leads back is told as a circle, whatever it leads through', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 8 }), fc.nat(), (length, seed) => {
      const ring = Array.from({ length }, (_, index) => ({
        luks: { name: `c${index}`, base: `c${(index + 1) % length}`, key: 'prompt' },
      }));
      const at = seed % length;
      const tree = [
        { local_loop: { name: 'd', size: '1GiB', mkfs: { mount: { mount_point: '/' } } } },
        ...ring.slice(at),
        ...ring.slice(0, at),
      ];
      const { diagnostics } = parseBlockDevices(tree, CONTEXT);
      expect(diagnostics.map(({ code }) => code)).toEqual(['DIB_BLOCKDEV_CYCLE']);
    }),
    { numRuns: 50 },
  );
});
