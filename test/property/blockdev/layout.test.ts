import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { DiskLayout } from '../../../src/blockdev/devices.ts';
import { gptGeometry } from '../../../src/blockdev/gpt.ts';
import { resolveStack } from '../../../src/blockdev/layout.ts';
import { parseBlockDevices } from '../../../src/blockdev/parse.ts';
import { resolveSizes } from '../../../src/blockdev/resolve-sizes.ts';
import { trees } from './trees.ts';

test('a correct tree has a layout in which nothing overlaps and everything fits', () => {
  fc.assert(
    fc.property(trees, ({ tree, label, sectorSize }) => {
      const devices = parseBlockDevices(tree, { imageName: 'any', locate: () => undefined });
      expect(devices.diagnostics).toEqual([]);
      if (!devices.value) return;
      const stack = resolveStack(devices.value, resolveSizes(devices.value).disks);
      expect(stack.diagnostics).toEqual([]);
      const layout = stack.value?.disks[0] as DiskLayout;
      const total = Math.floor(layout.size / sectorSize);
      const last = label === 'gpt' ? gptGeometry(layout.size, sectorSize).lastUsable : total - 1;
      let end = (label === 'gpt' ? 2048 * 512 : 64 * 1024) / sectorSize - 1;
      for (const partition of layout.partitions) {
        // The record of a logical partition has a sector of its own in front.
        if (partition.ebrSector !== undefined) {
          expect(partition.ebrSector).toBeGreaterThan(end);
          expect(partition.startSector).toBeGreaterThan(partition.ebrSector);
        }
        expect(partition.startSector).toBeGreaterThan(end);
        expect(partition.sectors).toBeGreaterThan(0);
        expect(partition.offset).toBe(partition.startSector * sectorSize);
        expect(partition.length).toBe(partition.sectors * sectorSize);
        end = partition.startSector + partition.sectors - 1;
        expect(end).toBeLessThanOrEqual(last);
      }
    }),
    { numRuns: 500 },
  );
});

test('the notation does not matter, and the same tree has the same identifiers', () => {
  fc.assert(
    fc.property(trees, ({ tree }) => {
      const read = () => parseBlockDevices(tree, { imageName: 'any', locate: () => undefined }).value;
      expect(read()).toEqual(read());
      const other = parseBlockDevices(tree, { imageName: 'other', locate: () => undefined }).value;
      expect(other?.filesystems[0]?.uuid).not.toBe(read()?.filesystems[0]?.uuid);
    }),
    { numRuns: 50 },
  );
});

test('whatever stands in the list, there are diagnostics and never an exception', () => {
  const keys = fc.constantFrom(
    'local_loop',
    'partitioning',
    'partitions',
    'mkfs',
    'mount',
    'fstab',
    'disk',
    'raid',
    'raid_member',
    'luks',
    'lvm',
    'pvs',
    'vgs',
    'lvs',
    'lvm_pv',
    'btrfs',
    'subvolumes',
    'key',
    'vg',
    'level',
    'extents',
    'thin-pool',
    'path',
    'options',
    'name',
    'base',
    'size',
    'type',
    'label',
    'mount_point',
    'x',
  );
  const leaf = fc.oneof(
    fc.constantFrom<unknown>('d', '/', '1GiB', '100%', 'ext4', 'gpt', 'mbr', 'thin', 'thin-pool', '/dev/d', null, 1, 7, true, ''),
    fc.string().map((text) => text.replaceAll('?', '')),
  );
  const { json } = fc.letrec((tie) => ({
    json: fc.oneof(
      { maxDepth: 6 },
      leaf,
      fc.array(tie('json'), { maxLength: 4 }),
      fc.dictionary(keys, tie('json'), { maxKeys: 4 }),
    ),
  }));
  fc.assert(
    fc.property(fc.array(json, { maxLength: 5 }), (list) => {
      const checked = parseBlockDevices(list as never, { imageName: 'any', locate: () => undefined });
      for (const { code, summary, help } of checked.diagnostics) {
        expect(code).toMatch(/^DIB_BLOCKDEV_/);
        expect(summary).not.toMatch(/undefined|\[object|\?\//);
        expect(help).toMatch(/\S/);
      }
      expect(checked.value === undefined).toBe(checked.diagnostics.some(({ severity }) => severity === 'error'));
    }),
    { numRuns: 3000 },
  );
});
