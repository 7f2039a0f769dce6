import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { BlockDevices } from '../../src/blockdev/devices.ts';
import { printedLvmId } from '../../src/blockdev/lvm-metadata.ts';
import { parseBlockDevices } from '../../src/blockdev/parse.ts';
import { stackTrees } from '../property/blockdev/stacks.ts';
import { linearGroups, offlineOnly } from '../support/linear-groups.ts';
import { DiskFiles } from './support/disk-files.ts';
import { useMachine } from './support/machine.ts';

const judge = useMachine();

/** Trees with volume groups that dib writes itself, on partitions, whole disks of either sector size, containers and other volumes. */
const trees = stackTrees
  .map(({ tree, existing }) => {
    const devices = parseBlockDevices(tree, { imageName: 'any', locate: () => undefined }).value as BlockDevices;
    return { devices: offlineOnly(devices), existing };
  })
  .filter(
    ({ devices }) =>
      devices.lvs.length > 1 &&
      devices.raids.length === 0 &&
      devices.lvs.every(({ type }) => type === 'linear') &&
      // All that shares a disk with a container in a container is made on devices: LVM makes those groups.
      devices.luks.every(({ base }) => devices.luks.every(({ name }) => name !== base)),
  );

test.each(fc.sample(trees, { numRuns: 6, seed: 20_261_121 }))(
  'what LVM reports of a random tree is its plan (%#)',
  async ({ devices, existing }) => {
    // Files of their own: hostfs keeps pages of a file that was written anew outside.
    const files = new DiskFiles(mkdtempSync(join(judge.directory, 'tree-')), devices, existing);
    const loops: string[] = [];
    const loop = async (container: string): Promise<void> => {
      loops.push(await judge.loop(files.file(container), files.stack.devices.find(({ name }) => name === container)?.sectorSize));
    };
    for (const { name } of [...devices.disks, ...devices.luks]) await loop(name);
    // A group may stand on a volume of another: they are placed in that order.
    for (const { group } of files.stack.groups) await judge.run('vgchange', '--activate', 'y', group);
    const volumes = await judge.report('lvs', 'vg_name,lv_name,lv_uuid,lv_size');
    const physical = await judge.report('pvs', 'vg_name,pv_uuid,dev_size,pv_pe_count');
    const segments = await judge.report('pvs', 'pv_uuid,lv_name,pvseg_start,pvseg_size', '--segments');
    const groups = linearGroups(devices, files.stack);
    expect(new Set(volumes)).toEqual(
      new Set(
        groups.flatMap(({ name, extentSize, lvs }) =>
          lvs.map(({ volume, id, segments: runs }) => ({
            vg_name: name,
            lv_name: volume,
            lv_uuid: printedLvmId(id),
            lv_size: String(runs.reduce((sum, { count }) => sum + count, 0) * extentSize),
          })),
        ),
      ),
    );
    expect(new Set(physical)).toEqual(
      new Set(
        groups.flatMap(({ name, pvs }) =>
          pvs.map(({ id, size, extents }) => ({
            vg_name: name,
            pv_uuid: printedLvmId(id),
            dev_size: String(size),
            pv_pe_count: String(extents),
          })),
        ),
      ),
    );
    expect(new Set(segments.filter((row) => row['lv_name'] !== ''))).toEqual(
      new Set(
        groups.flatMap(({ pvs, lvs }) =>
          lvs.flatMap(({ volume, segments: runs }) =>
            runs.map(({ pv, start, count }) => ({
              pv_uuid: printedLvmId(pvs.find(({ name }) => name === pv)?.id ?? ''),
              lv_name: volume,
              pvseg_start: String(start),
              pvseg_size: String(count),
            })),
          ),
        ),
      ),
    );
    for (const { group } of files.stack.groups.toReversed()) await judge.run('vgchange', '--activate', 'n', group);
    await judge.run('losetup', '--detach', ...loops);
  },
);
