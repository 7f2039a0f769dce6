import { describe, expect, test } from 'vitest';
import { builtinBlockDevice } from '../../../src/blockdev/builtin.ts';
import { environmentDefaults } from '../../../src/blockdev/environment.ts';
import { effectiveMkfsOpts } from '../../../src/blockdev/filesystems.ts';
import { fstabText } from '../../../src/blockdev/fstab.ts';
import { parseBlockDevices } from '../../../src/blockdev/parse.ts';
import { devicesOf, EFI_TREE } from './support.ts';

const withoutPointers = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value, (key, member) => (key === 'pointer' ? undefined : member)));

describe('notations', () => {
  const tree = `
- local_loop:
    name: rootdisk
    size: 2GiB
    partitioning:
      label: mbr
      partitions:
        - {name: root, size: 100%, flags: [boot, primary], mkfs: {type: ext4, mount: {mount_point: /, fstab: {options: noatime}}}}`;
  const flat = `
- fstab: {base: mount_mkfs_root, options: noatime}
- mount: {base: mkfs_root, mount_point: /}
- mkfs: {base: root, type: ext4}
- partitioning: {base: rootdisk, label: mbr, partitions: [{name: root, size: 100%, flags: [boot, primary]}]}
- local_loop: {name: rootdisk, size: 2GiB}`;
  const mixed = `
- partitioning:
    base: rootdisk
    label: mbr
    partitions: [{name: root, size: 100%, flags: [boot, primary], mkfs: {type: ext4}}]
- mount: {base: mkfs_root, mount_point: /, fstab: {options: noatime}}
- local_loop: {name: rootdisk, size: 2GiB}`;
  const levels = `[
  [["local_loop", {"name": "rootdisk", "size": "2GiB"}]],
  [["partitioning", {"base": "rootdisk", "label": "mbr", "partitions": [{"name": "root", "size": "100%", "flags": ["boot", "primary"]}]}]],
  [["mkfs", {"base": "root", "type": "ext4"}], ["mount", {"base": "mkfs_root", "mount_point": "/"}], ["fstab", {"base": "mount_mkfs_root", "options": "noatime"}]]]`;

  test.each([
    ['flat', flat],
    ['mixed', mixed],
    ['levels', levels],
  ])('%s is the same as tree', (_name, text) => {
    expect(withoutPointers(devicesOf(text))).toEqual(withoutPointers(devicesOf(tree)));
  });

  test("upstream's default names", () => {
    const { tables, filesystems, mounts, fstabs } = devicesOf(tree);
    expect([tables, filesystems, mounts, fstabs].map(([node]) => node?.name)).toEqual([
      'partitioning_rootdisk',
      'mkfs_root',
      'mount_mkfs_root',
      'fstab_mount_mkfs_root',
    ]);
  });

  test('the oldest configuration of all needs only a root', () => {
    const { disks } = devicesOf('[[["local_loop", {"name": "rootdisk", "mkfs": {"mount": {"mount_point": "/"}}}]]]');
    expect(disks).toEqual([{ plugin: 'local_loop', name: 'rootdisk', pointer: '/0/0/1', size: 'computed', blockSize: 512 }]);
  });
});

describe('defaults', () => {
  test('the built-in configuration', () => {
    const { value } = parseBlockDevices(builtinBlockDevice(), { imageName: 'test', locate: () => undefined });
    expect(value?.disks.map(({ name, size }) => [name, size])).toEqual([['image0', 'computed']]);
    expect(value?.filesystems.map(({ name, type, label, base }) => [name, type, label, base])).toEqual([
      ['mkfs_root', 'ext4', 'cloudimg-rootfs', 'image0'],
    ]);
    expect(value && fstabText(value)).toMatch(/^UUID=[0-9a-f-]{36} \/ ext4 defaults 0 1\n$/);
  });

  test('the environment gives type, label, arguments and size to the root file system, whatever its name', () => {
    const { value: defaults } = environmentDefaults({
      FS_TYPE: 'xfs',
      ROOT_LABEL: 'top',
      MKFS_OPTS: '-m crc=1',
      MAX_ONLINE_RESIZE: '1000',
      DIB_JOURNAL_SIZE: '32',
      DIB_IMAGE_SIZE: '1.5',
    });
    const devices = devicesOf(
      '- local_loop: {name: d, mkfs: {name: any, mount: {mount_point: /}}}',
      defaults ? { defaults } : {},
    );
    expect(devices.filesystems[0]).toMatchObject({
      type: 'xfs',
      label: 'top',
      opts: ['-J', 'size=32', '-m', 'crc=1', '-E', 'resize=1000'],
    });
    expect(devices.disks[0]?.size).toEqual({ bytes: 1.5 * 1024 ** 3 });
    expect(environmentDefaults({ DIB_IMAGE_SIZE: 'big' }).diagnostics[0]?.summary).toBe('`DIB_IMAGE_SIZE=big` cannot be read');
  });

  test('xfs roots have a shorter label', () => {
    expect(
      devicesOf('- local_loop: {name: d, size: 1GiB, mkfs: {type: xfs, mount: {mount_point: /}}}').filesystems[0]?.label,
    ).toBe('img-rootfs');
  });

  test('DIB_BLOCK_SIZE is for every disk', () => {
    expect(
      devicesOf('- local_loop: {name: d, size: 1GiB, block_size: 512, mkfs: {mount: {mount_point: /}}}', {
        blockSizeOverride: 4096,
      }).disks[0]?.blockSize,
    ).toBe(4096);
  });

  test.each([
    ['ext4', [], 1024 ** 3, ['-i', '4096', '-J', 'size=64']],
    ['ext2', [], 1024 ** 3, ['-i', '4096']],
    ['ext4', [], 100 * 1024 ** 2, ['-i', '4096']],
    ['ext4', ['-N', '1000'], 1024 ** 3, ['-J', 'size=64', '-N', '1000']],
    ['ext3', ['-i8192', '-J', 'size=8'], 1024 ** 3, ['-i8192', '-J', 'size=8']],
    ['ext4', ['-O', 'extent,^has_journal'], 1024 ** 3, ['-i', '4096', '-O', 'extent,^has_journal']],
    ['xfs', ['-f'], 1024 ** 3, ['-f']],
  ] as const)('mkfs arguments of %s with %j', (type, opts, length, expected) => {
    expect(effectiveMkfsOpts({ type, opts }, length)).toEqual(expected);
  });
});

describe('identifiers', () => {
  test('follow from names, and stay', () => {
    const { tables, filesystems } = devicesOf(EFI_TREE);
    expect([
      tables[0]?.uuid,
      tables[0]?.partitions.map(({ uuid }) => uuid),
      filesystems.map(({ uuid }) => uuid),
    ]).toMatchInlineSnapshot(`
      [
        "ea56f29b-e0c5-59e8-b0fb-ece55fa1f6fb",
        [
          "541b90b5-5019-5ef4-a0bf-555cfdbc4d0d",
          "0442cfde-d17a-5f47-b4f3-10695b2f65ce",
          "c32319c3-625d-5d1c-bfff-66bf64164474",
        ],
        [
          "F87E-5F60",
          "65ab2a80-9583-540d-a567-164a0805bb71",
        ],
      ]
    `);
  });

  test('can be given', () => {
    const text = `
- local_loop: {name: d, size: 1GiB}
- partitioning: {base: d, label: mbr, uuid: '0xCAFE0001', partitions: [
    {name: a, size: 100MiB, mkfs: {type: vfat, uuid: ab12-cd34}}, {name: b, size: 100%, mkfs: {type: ext4, mount: {mount_point: /}}}]}`;
    const { tables, filesystems } = devicesOf(text);
    expect([tables[0]?.uuid, tables[0]?.partitions.map(({ uuid }) => uuid), filesystems[0]?.uuid]).toEqual([
      '0xcafe0001',
      ['cafe0001-05', 'cafe0001-06'],
      'AB12-CD34',
    ]);
  });
});

test('unquoted types that are not ambiguous are taken as written', () => {
  const types = (list: string) =>
    devicesOf(
      `- local_loop: {name: d, size: 1GiB, mkfs: {mount: {mount_point: /}}}\n- local_loop: {name: e, size: 1GiB}\n- partitioning: {base: e, label: gpt, partitions: [${list}]}`,
    ).tables[0]?.partitions.map(({ typeText }) => typeText);
  expect(
    types('{name: a, size: 1MiB, type: 8300}, {name: b, size: 1MiB, type: EF02}, {name: c, size: 1MiB, type: 8e00}'),
  ).toEqual(['8300', 'EF02', '8e00']);
});

test('mounts, swaps and fstab', () => {
  const devices = devicesOf(`
- local_loop: {name: d, size: 9GiB}
- partitioning:
    base: d
    label: gpt
    partitions:
      - {name: s1, size: 1GiB, type: '8200', mkfs: {type: swap, mount: {mount_point: none, fstab: {}}}}
      - {name: s2, size: 1GiB, type: '8200', mkfs: {type: swap, uuid: 0f5c2a6e-8f0b-4c9d-9b7a-3d2e1f0a9b8c, mount: {fstab: {options: 'sw,pri=5', fsck-passno: 2}}}}
      - {name: log, size: 1GiB, mkfs: {type: ext4, uuid: 1f5c2a6e-8f0b-4c9d-9b7a-3d2e1f0a9b8c, mount: {mount_point: /var/log/, fstab: {}}}}
      - {name: var, size: 1GiB, mkfs: {type: btrfs, uuid: 2f5c2a6e-8f0b-4c9d-9b7a-3d2e1f0a9b8c, mount: {mount_point: /var, options: [compress=zstd, noatime], fstab: {}}}}
      - {name: odd, size: 1GiB, mkfs: {type: ext4, uuid: 4f5c2a6e-8f0b-4c9d-9b7a-3d2e1f0a9b8c, mount: {mount_point: "/srv/a b\\\\c", fstab: {dump-freq: 1}}}}
      - {name: not, size: 1GiB, mkfs: {type: ext4, mount: {mount_point: /not}}}
      - {name: root, size: 100%, mkfs: {type: ext4, uuid: 3f5c2a6e-8f0b-4c9d-9b7a-3d2e1f0a9b8c, mount: {mount_point: /, fstab: {options: [noatime, errors=remount-ro]}}}}
`);
  expect(devices.mounts.map(({ mountPoint }) => mountPoint)).toEqual([
    '/',
    '/not',
    '/srv/a b\\c',
    '/var',
    '/var/log',
    'none',
    'none',
  ]);
  const swap = devices.filesystems[0]?.uuid;
  expect(fstabText(devices)).toBe(`UUID=3f5c2a6e-8f0b-4c9d-9b7a-3d2e1f0a9b8c / ext4 noatime,errors=remount-ro 0 1
UUID=4f5c2a6e-8f0b-4c9d-9b7a-3d2e1f0a9b8c /srv/a\\040b\\134c ext4 defaults 1 2
UUID=2f5c2a6e-8f0b-4c9d-9b7a-3d2e1f0a9b8c /var btrfs compress=zstd,noatime 0 2
UUID=1f5c2a6e-8f0b-4c9d-9b7a-3d2e1f0a9b8c /var/log ext4 defaults 0 2
UUID=${swap} none swap sw 0 0
UUID=0f5c2a6e-8f0b-4c9d-9b7a-3d2e1f0a9b8c none swap sw,pri=5 0 0
`);
});
