import { describe, expect, test } from 'vitest';
import type { BlockDevices, LocalLoop } from '../../../src/blockdev/devices.ts';
import { resolveStack } from '../../../src/blockdev/layout.ts';
import { checkContentFits, resolveSizes } from '../../../src/blockdev/resolve-sizes.ts';
import { GIB, MIB } from '../../../src/blockdev/sizes.ts';
import { deviceSize } from '../../../src/blockdev/stack-layout.ts';
import { disk, luks, lv, mkfs, mount, pv, raid, table, tree, vg } from '../../support/device-nodes.ts';

const auto = (name: string, size: 'auto' | 'computed' = 'auto'): LocalLoop => ({ ...disk(name, 0), size });
const usage = { '/': { bytes: 600 * MIB, inodes: 30_000 }, '/var': { bytes: 100 * MIB, inodes: 1000 } };

/** Resolves all sizes, and checks that nothing is too small and one MiB less would be. */
function tight(devices: BlockDevices, names: readonly string[] = ['d']) {
  const { disks, partitions } = resolveSizes(devices, usage);
  const problems = (sizes: ReadonlyMap<string, number>) => {
    const { value, diagnostics } = resolveStack(devices, sizes, { partitionSizes: partitions });
    return [...diagnostics, ...(value ? checkContentFits(devices, value, usage) : [])].map(({ code }) => code);
  };
  expect(problems(disks)).toEqual([]);
  for (const name of names) {
    const smaller = new Map(disks).set(name, (disks.get(name) ?? 0) - MIB);
    expect(problems(smaller)).not.toEqual([]);
  }
  return disks;
}

describe('the smallest disk', () => {
  const root = { filesystems: [mkfs('root')], mounts: [mount('fs-root', '/')] };

  test('for volumes of fixed and of relative sizes', () => {
    const devices = tree({
      disks: [auto('d')],
      tables: [table('d', { boot: 100 * MIB, main: '100%' })],
      pvs: [pv('p', 'main')],
      vgs: [vg('vg', ['p'])],
      lvs: [lv('var', 'vg', 200 * MIB), lv('root', 'vg', '100%FREE')],
      filesystems: [mkfs('root'), mkfs('var')],
      mounts: [mount('fs-root', '/'), mount('fs-var', '/var')],
    });
    const size = tight(devices).get('d') ?? 0;
    expect((size - 103 * MIB) % (4 * MIB)).toBe(0);
  });

  test('for a container on a mirror on two disks', () => {
    const devices = tree({
      disks: [auto('d'), auto('e')],
      raids: [raid('r', 1, ['d', 'e'])],
      luks: [luks('crypt', 'r')],
      ...root,
      filesystems: [{ ...mkfs('crypt'), name: 'fs-root' }],
    });
    tight(devices, ['d', 'e']);
  });

  test('for two members of a group, one of them written down', () => {
    const devices = tree({
      disks: [auto('d'), disk('e', 301 * MIB)],
      pvs: [pv('p', 'd'), pv('q', 'e')],
      vgs: [vg('vg', ['p', 'q'])],
      lvs: [lv('root', 'vg', '100%FREE')],
      ...root,
    });
    tight(devices);
  });

  test('for a pool with thin volumes', () => {
    const thin = { type: 'thin' as const, pool: 'pool' };
    const devices = tree({
      disks: [auto('d', 'computed')],
      pvs: [pv('p', 'd')],
      vgs: [vg('vg', ['p'])],
      lvs: [lv('pool', 'vg', '100%FREE', { type: 'thin-pool' }), lv('root', 'vg', 2 * GIB, thin)],
      ...root,
    });
    // 600 MiB / 0.6 and a journal of 64 MiB, metadata and spare of an extent each, and the start of the physical volume.
    expect(resolveSizes(devices, usage).disks.get('d')).toBe((1064 + 8 + 1) * MIB);
  });

  test('where no size is enough, the sum is told', () => {
    const devices = tree({
      disks: [auto('d')],
      pvs: [pv('p', 'd')],
      vgs: [vg('vg', ['p'])],
      lvs: [lv('a', 'vg', '60%VG'), lv('b', 'vg', '60%VG')],
    });
    const { diagnostics } = resolveStack(devices, resolveSizes(devices, usage).disks);
    expect(diagnostics.map(({ code, summary }) => `${code}: ${summary}`)).toEqual([
      'DIB_BLOCKDEV_LV_OVERFLOW: The logical volumes do not fit into volume group `vg`: 1200 extents of 4 MiB needed, 1000 there',
    ]);
  });
});

test('a partition that is as small as its container allows', () => {
  const partitions = table('d', { boot: 100 * MIB, main: '100%' });
  const devices = tree({
    disks: [disk('d', 4 * GIB)],
    tables: [
      {
        ...partitions,
        partitions: partitions.partitions.map((each) => (each.name === 'main' ? { ...each, size: 'auto' } : each)),
      },
    ],
    luks: [luks('crypt', 'main')],
    filesystems: [mkfs('crypt', 'xfs')],
  });
  expect(resolveSizes(devices).disks.size).toBe(0);
  const sizes = resolveSizes(devices, {});
  const { value } = resolveStack(devices, sizes.disks, { partitionSizes: sizes.partitions });
  expect(value && deviceSize(value, 'crypt')).toBe(300 * MIB);
});

test('existing disks have the size that was found', () => {
  const existing = {
    plugin: 'disk',
    name: 'd',
    pointer: '/0',
    path: '/dev/sdx',
    wipe: true,
    size: 'device',
    blockSize: 512,
  } as const;
  const devices = tree({ disks: [existing], tables: [table('d', { root: '100%' })] });
  expect(resolveSizes(devices, {}).disks.size).toBe(0);
  const { disks } = resolveSizes(devices, undefined, { existing: new Map([['d', GIB]]) });
  expect(resolveStack(devices, disks).value?.devices.map(({ name, size }) => [name, size])).toEqual([
    ['d', GIB],
    ['root', 1022 * MIB],
  ]);
});

test('subvolumes fill their file system together', () => {
  const devices = tree({
    disks: [disk('d', 700 * MIB)],
    filesystems: [mkfs('d', 'btrfs')],
    subvolumes: [{ plugin: 'subvolume', name: 'home', pointer: '/subvolume/home', base: 'fs-d', path: '@home' }],
    mounts: [mount('fs-d', '/'), mount('home', '/var')],
  });
  const { value } = resolveStack(devices, resolveSizes(devices).disks);
  expect(value && checkContentFits(devices, value, usage).map(({ summary, detail }) => [summary, detail])).toEqual([
    [
      'The files at `/` may not fit into `d`: 1.06 GiB needed, 700 MiB there',
      '700 MiB in 31000 files and directories, and what btrfs itself takes.',
    ],
  ]);
});
