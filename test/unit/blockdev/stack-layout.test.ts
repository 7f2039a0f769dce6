import { describe, expect, test } from 'vitest';
import type { BlockDevices } from '../../../src/blockdev/devices.ts';
import { resolveStack } from '../../../src/blockdev/layout.ts';
import { resolveSizes } from '../../../src/blockdev/resolve-sizes.ts';
import { GIB, MIB } from '../../../src/blockdev/sizes.ts';
import { deviceSize } from '../../../src/blockdev/stack-layout.ts';
import { kernelReasons, stacksOf } from '../../../src/blockdev/stacks.ts';
import { parseYaml } from '../../../src/config/yaml/parse.ts';
import { SourceText } from '../../../src/diagnostics/source-text.ts';
import { disk, luks, lv, mkfs, mount, pv, raid, table, tree, vg } from '../../support/device-nodes.ts';
import { devicesOf, findings } from './support.ts';

const layoutOf = (devices: BlockDevices) => resolveStack(devices, resolveSizes(devices).disks);
const stackOf = (devices: BlockDevices) => {
  const { value, diagnostics } = layoutOf(devices);
  if (!value) throw new Error(JSON.stringify(diagnostics));
  return value;
};
const device = (devices: BlockDevices, name: string) => stackOf(devices).devices.find((each) => each.name === name);
const problems = (devices: BlockDevices) => layoutOf(devices).diagnostics.map(({ code, pointer }) => `${code} ${pointer}`);

describe('linear volumes', () => {
  const devices = tree({
    disks: [disk('d', GIB)],
    tables: [table('d', { boot: 100 * MIB, main: '100%' })],
    pvs: [pv('p', 'main')],
    vgs: [vg('vg', ['p'])],
    lvs: [lv('root', 'vg', 512 * MIB + 5), lv('var', 'vg', '50%FREE'), lv('home', 'vg', '10')],
  });

  test('follow one another from 1 MiB of their partition on', () => {
    const from = 102 * MIB;
    expect(device(devices, 'root')).toEqual({
      name: 'root',
      size: 512 * MIB,
      sectorSize: 512,
      extents: [{ container: 'd', offset: from, length: 512 * MIB }],
    });
    // 921 MiB are 230 extents; half of the 102 that are left.
    expect(device(devices, 'var')?.extents).toEqual([{ container: 'd', offset: from + 512 * MIB, length: 51 * 4 * MIB }]);
    expect(device(devices, 'home')?.extents).toEqual([{ container: 'd', offset: from + 716 * MIB, length: 40 * MIB }]);
    expect(stackOf(devices).groups).toEqual([
      {
        group: 'vg',
        extentSize: 4 * MIB,
        pvs: [{ name: 'p', size: 922 * MIB, start: MIB, extents: 230 }],
        lvs: [
          { name: 'root', extents: 128, size: 512 * MIB, segments: [{ pv: 'p', start: 0, count: 128 }] },
          { name: 'var', extents: 51, size: 204 * MIB, segments: [{ pv: 'p', start: 128, count: 51 }] },
          { name: 'home', extents: 10, size: 40 * MIB, segments: [{ pv: 'p', start: 179, count: 10 }] },
        ],
        free: 41,
      },
    ]);
  });

  test('go whole onto the first volume with room, else over several, in a container or not', () => {
    const spanned = tree({
      disks: [disk('a', 101 * MIB), disk('b', 217 * MIB)],
      luks: [luks('crypt', 'b')],
      pvs: [pv('p1', 'a'), pv('p2', 'crypt')],
      vgs: [vg('data', ['p1', 'p2'])],
      lvs: [lv('large', 'data', 120 * MIB), lv('small', 'data', 80 * MIB), lv('rest', 'data', '100%FREE')],
    });
    expect(device(spanned, 'large')?.extents).toEqual([{ container: 'crypt', offset: MIB, length: 120 * MIB }]);
    expect(device(spanned, 'small')?.extents).toEqual([{ container: 'a', offset: MIB, length: 80 * MIB }]);
    expect(device(spanned, 'rest')?.extents).toEqual([
      { container: 'a', offset: 81 * MIB, length: 20 * MIB },
      { container: 'crypt', offset: 121 * MIB, length: 80 * MIB },
    ]);
    expect(deviceSize(stackOf(spanned), 'rest')).toBe(100 * MIB);
  });

  test('LUKS on a volume in two pieces has extents of its own', () => {
    const nested = tree({
      disks: [disk('a', 33 * MIB), disk('b', 33 * MIB)],
      pvs: [pv('p1', 'a'), pv('p2', 'b')],
      vgs: [vg('data', ['p1', 'p2'])],
      lvs: [lv('both', 'data', '100%VG')],
      luks: [luks('crypt', 'both')],
    });
    expect(device(nested, 'crypt')?.extents).toEqual([{ container: 'crypt', offset: 0, length: 48 * MIB }]);
  });
});

describe('what only the kernel knows', () => {
  test('RAID: size, but no place', () => {
    const members = { disks: ['a', 'b', 'c', 'e'].map((name) => disk(name, GIB)) };
    const sizeOf = (level: 0 | 1 | 5 | 6 | 10) =>
      device(tree({ ...members, raids: [raid('r', level, ['a', 'b', 'c', 'e'])] }), 'r')?.size;
    const data = GIB - 2 * MIB;
    expect([0, 1, 5, 6, 10].map((level) => sizeOf(level as 0))).toEqual([4 * data, data, 3 * data, 2 * data, 2 * data]);
    expect(device(tree({ ...members, raids: [raid('r', 1, ['a', 'b'])] }), 'r')).not.toHaveProperty('extents');
  });

  test('thin volumes take nothing, their pool its data, metadata and a spare', () => {
    const thin = { type: 'thin' as const, pool: 'pool' };
    const devices = tree({
      disks: [disk('d', GIB)],
      pvs: [pv('p', 'd')],
      vgs: [vg('vg', ['p'])],
      lvs: [lv('pool', 'vg', 800 * MIB, { type: 'thin-pool' }), lv('root', 'vg', 600 * MIB, thin), lv('home', 'vg', GIB, thin)],
    });
    expect(stackOf(devices).groups[0]).toMatchObject({
      lvs: [
        { name: 'pool', extents: 202, size: 800 * MIB, segments: [], metadata: { extents: 1, spare: 1, chunk: 65536 } },
        { name: 'root', extents: 0, size: 600 * MIB },
        { name: 'home', extents: 0, size: GIB },
      ],
      free: 53,
    });
    expect(device(devices, 'root')).toEqual({ name: 'root', size: 600 * MIB, sectorSize: 512 });
    expect(layoutOf(devices).diagnostics.map(({ code, severity, summary }) => ({ code, severity, summary }))).toEqual([
      {
        code: 'DIB_BLOCKDEV_THIN_OVERCOMMIT',
        severity: 'warning',
        summary: 'The volumes of thin pool `pool` promise 1.59 GiB, the pool has 800 MiB',
      },
    ]);
  });

  test('a pool of all that is free leaves room for its metadata twice', () => {
    const devices = tree({
      disks: [disk('d', 10 * GIB)],
      pvs: [pv('p', 'd')],
      vgs: [vg('vg', ['p'])],
      lvs: [lv('pool', 'vg', '100%FREE', { type: 'thin-pool' })],
    });
    expect(stackOf(devices).groups[0]?.lvs[0]).toMatchObject({
      extents: 2559,
      size: (2559 - 6) * 4 * MIB,
      metadata: { extents: 3 },
    });
    expect(stackOf(devices).groups[0]?.free).toBe(0);
  });

  test('in a stack that needs the kernel, partitions keep their place and volumes have none', () => {
    const devices = tree({
      disks: [disk('d', GIB)],
      tables: [table('d', { p1: '100%' })],
      luks: [luks('crypt', 'p1')],
      pvs: [pv('p', 'crypt')],
      vgs: [vg('vg', ['p'])],
      lvs: [lv('root', 'vg', 512 * MIB)],
      filesystems: [mkfs('root', 'xfs')],
      mounts: [mount('fs-root', '/')],
    });
    expect(device(devices, 'p1')?.extents).toEqual([{ container: 'd', offset: MIB, length: 1022 * MIB }]);
    expect(device(devices, 'crypt')).toEqual({ name: 'crypt', size: 1006 * MIB, sectorSize: 512 });
    expect(device(devices, 'root')).toEqual({ name: 'root', size: 512 * MIB, sectorSize: 512 });
  });
});

describe('stacks', () => {
  const devices = tree({
    disks: [disk('a', GIB), disk('b', GIB), disk('c', GIB), disk('e', GIB)],
    tables: [table('c', { c1: '50%', c2: '100%' })],
    pvs: [pv('p1', 'a'), pv('p2', 'c1')],
    vgs: [vg('vg', ['p1', 'p2'])],
    filesystems: [mkfs('b', 'ext4'), mkfs('c2', 'xfs')],
    mounts: [mount('fs-b', '/'), mount('fs-c2', '/srv')],
  });

  test('a group joins its disks, and what stands beside it needs the kernel with it', () => {
    expect(stacksOf(devices)).toEqual([
      { disks: ['a', 'c'], reason: expect.stringMatching(/^mkfs\.fs-c2: .*must be mounted$/) },
      { disks: ['b'] },
      { disks: ['e'] },
    ]);
    expect([...kernelReasons(devices).keys()].toSorted()).toEqual(['a', 'c', 'c1', 'c2', 'p1', 'p2', 'vg']);
  });

  test.each([
    ['RAID', { raids: [raid('r', 1, ['b', 'e'])] }, 'raid.r: the kernel makes a RAID'],
    ['thin', { lvs: [lv('t', 'vg', GIB, { type: 'thin', pool: 'x' })] }, 'lvs.t: the kernel makes a thin volume'],
    ['pool', { lvs: [lv('x', 'vg', GIB, { type: 'thin-pool' })] }, 'lvs.x: the kernel makes a thin pool'],
    ['options', { pvs: [pv('p1', 'a', ['--dataalignment', '4m'])] }, 'pvs.p1: lvm must read its options `--dataalignment 4m`'],
  ])('%s', (_name, nodes, reason) => {
    const plain = { disks: devices.disks, pvs: [pv('p1', 'a')], vgs: [vg('vg', ['p1'])] };
    expect(stacksOf(tree({ ...plain, ...nodes })).flatMap((stack) => stack.reason ?? [])).toEqual([reason]);
  });
});

describe('too small or too much', () => {
  const group = (lvs: BlockDevices['lvs'], bytes = GIB) =>
    tree({ disks: [disk('d', bytes)], pvs: [pv('p', 'd')], vgs: [vg('vg', ['p'])], lvs });

  test('over capacity: the whole sum', () => {
    const devices = group([lv('root', 'vg', 512 * MIB), lv('var', 'vg', '60%VG'), lv('home', 'vg', 100 * MIB)]);
    expect(layoutOf(devices).diagnostics).toEqual([
      {
        code: 'DIB_BLOCKDEV_LV_OVERFLOW',
        severity: 'error',
        summary: 'The logical volumes do not fit into volume group `vg`: 306 extents of 4 MiB needed, 255 there',
        detail: `root (536870912)  128 extents   512 MiB
var (60%VG)       153 extents   612 MiB
home (104857600)   25 extents   100 MiB
needed            306 extents  1224 MiB
volume group vg   255 extents  1020 MiB
too much           51 extents   204 MiB`,
        help: 'Make the devices of the group larger by 204 MiB or the volumes smaller, or use `extents: 100%FREE` for the last one.',
        pointer: '/lvs/var/extents',
        address: 'lvs.var',
      },
    ]);
  });

  test('several physical volumes and a pool stand in the sum', () => {
    const devices = tree({
      disks: [disk('d', 101 * MIB), disk('e', 101 * MIB)],
      pvs: [pv('p', 'd'), pv('q', 'e')],
      vgs: [vg('vg', ['p', 'q'])],
      lvs: [lv('pool', 'vg', 196 * MIB, { type: 'thin-pool' })],
    });
    expect(layoutOf(devices).diagnostics[0]?.detail).toBe(`pool (205520896)          49 extents  196 MiB
pool: metadata and spare   2 extents    8 MiB
needed                    51 extents  204 MiB
physical volume p         25 extents  100 MiB
physical volume q         25 extents  100 MiB
volume group vg           50 extents  200 MiB
too much                   1 extents    4 MiB`);
  });

  test.each([
    ['no whole extent', group([lv('a', 'vg', 3 * MIB)]), ['DIB_BLOCKDEV_LV_TOO_SMALL /lvs/a/size']],
    ['nothing free', group([lv('a', 'vg', '100%VG'), lv('b', 'vg', '100%FREE')]), ['DIB_BLOCKDEV_NOTHING_LEFT /lvs/b/extents']],
    ['physical volume', group([lv('a', 'vg', '1')], 4 * MIB), ['DIB_BLOCKDEV_PV_TOO_SMALL /pvs/p']],
    ['container', tree({ disks: [disk('d', 16 * MIB)], luks: [luks('c', 'd')] }), ['DIB_BLOCKDEV_LUKS_TOO_SMALL /luks/c']],
    [
      'member',
      tree({ disks: [disk('d', MIB), disk('e', GIB)], raids: [raid('r', 1, ['d', 'e'])] }),
      ['DIB_BLOCKDEV_RAID_TOO_SMALL /raid/r'],
    ],
    [
      'file system on a volume',
      tree({ ...group([lv('a', 'vg', 200 * MIB)]), filesystems: [mkfs('a', 'xfs')] }),
      ['DIB_BLOCKDEV_FS_TOO_SMALL /mkfs/a'],
    ],
    ['all of it', group([lv('a', 'vg', '255')]), []],
  ])('%s', (_name, devices, expected) => expect(problems(devices)).toEqual(expected));
});

test('thousands of nodes on each other are placed in no time to speak of', () => {
  const chain = Array.from({ length: 4000 }, (_, index) => luks(`c${index + 1}`, `c${index}`)).toReversed();
  const devices = tree({ disks: [disk('c0', 99 * GIB)], luks: chain });
  expect(device(devices, 'c4000')?.size).toBe(99 * GIB - 4000 * 16 * MIB);
  expect(stacksOf({ ...devices, raids: [raid('r', 1, ['c4000'])] })).toEqual([
    { disks: ['c0'], reason: 'raid.r: the kernel makes a RAID' },
  ]);
});

test('problems of a layout stand at the lines that cause them', () => {
  const text = `- local_loop: {name: d, size: 1GiB}
- lvm:
    name: lvm
    pvs:
      - {name: p, base: d}
    vgs:
      - {name: vg-0, base: [p]}
    lvs:
      - {name: root, base: vg-0, size: 900MiB, mkfs: {type: ext4, mount: {mount_point: /}}}
      - name: var
        base: vg-0
        extents: 20%VG
        mkfs: {type: ext4, mount: {mount_point: /var}}
      - name: tiny
        base: vg-0
        size: 3MiB
`;
  const { locate } = parseYaml(new SourceText('tree.yaml', text));
  const devices = devicesOf(text);
  expect(findings(resolveStack(devices, resolveSizes(devices).disks, { locate }))).toEqual([
    '16 DIB_BLOCKDEV_LV_TOO_SMALL',
    '12 DIB_BLOCKDEV_LV_OVERFLOW',
  ]);
});
