import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { BlockDevices } from '../../../src/blockdev/devices.ts';
import { parseBlockDevices } from '../../../src/blockdev/parse.ts';
import { parseYaml } from '../../../src/config/yaml/parse.ts';
import { SourceText } from '../../../src/diagnostics/source-text.ts';
import type { Json } from '../../../src/util/json.ts';
import { devicesOf, findings, parseText } from './support.ts';

/** `kind.name <- bases` of every node that a stack is made of. */
function graphOf(devices: BlockDevices): string[] {
  const line = (kind: string, name: string, base: string | readonly string[]) => `${kind}.${name} <- ${[base].flat().join(' ')}`;
  return [
    ...devices.disks.map(({ plugin, name }) => `${plugin}.${name}`),
    ...devices.tables.flatMap(({ partitions }) => partitions.map(({ name, base }) => line('partition', name, base))),
    ...devices.raids.map(({ name, base }) => line('raid', name, base)),
    ...devices.luks.map(({ name, base }) => line('luks', name, base)),
    ...devices.pvs.map(({ name, base }) => line('pvs', name, base)),
    ...devices.vgs.map(({ name, base }) => line('vgs', name, base)),
    ...devices.lvs.map(({ name, base }) => line('lvs', name, base)),
    ...devices.filesystems.map(({ name, base }) => line('mkfs', name, base)),
    ...devices.subvolumes.map(({ name, base }) => line('subvolume', name, base)),
    ...devices.mounts.map(({ mountPoint, base }) => line('mount', mountPoint, base)),
  ];
}

const withoutPointers = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value, (key, member) => (key === 'pointer' ? undefined : member)));

describe("diskimage-builder's LVM layouts", () => {
  test('an ESP, a BIOS boot partition, and the system in shares of a group', () => {
    const checked = parseText(`
- local_loop: {name: image0}
- partitioning:
    base: image0
    label: gpt
    partitions:
      - name: ESP
        type: 'EF00'
        size: 550MiB
        mkfs: {type: vfat, mount: {mount_point: /boot/efi, fstab: {options: defaults, fsck-passno: 2}}}
      - {name: BSP, type: 'EF02', size: 8MiB}
      - {name: root, flags: [boot], size: 40G}
- lvm:
    name: lvm
    base: [root]
    pvs:
      - {name: pv, base: root, options: ["--force"]}
    vgs:
      - {name: vg, base: ["pv"], options: ["--force"]}
    lvs:
      - {name: lv_root, base: vg, extents: 23%VG}
      - {name: lv_var, base: vg, extents: 57%VG}
      - {name: lv_home, base: vg, extents: 20%VG}
- mkfs: {name: fs_root, base: lv_root, type: xfs, label: img-rootfs, mount: {mount_point: /, fstab: {options: "rw,relatime", fsck-passno: 1}}}
- mkfs: {name: fs_var, base: lv_var, type: xfs, mount: {mount_point: /var, fstab: {options: "rw,relatime"}}}
- mkfs: {name: fs_home, base: lv_home, type: xfs, mount: {mount_point: /home, fstab: {options: "rw,nodev,relatime"}}}
`);
    expect(findings(checked)).toEqual(['12 DIB_BLOCKDEV_FLAG_IGNORED']);
    const devices = checked.value as BlockDevices;
    expect(graphOf(devices)).toEqual([
      'local_loop.image0',
      'partition.ESP <- image0',
      'partition.BSP <- image0',
      'partition.root <- image0',
      'pvs.pv <- root',
      'vgs.vg <- pv',
      'lvs.lv_root <- vg',
      'lvs.lv_var <- vg',
      'lvs.lv_home <- vg',
      'mkfs.mkfs_ESP <- ESP',
      'mkfs.fs_root <- lv_root',
      'mkfs.fs_var <- lv_var',
      'mkfs.fs_home <- lv_home',
      'mount./ <- fs_root',
      'mount./boot/efi <- mkfs_ESP',
      'mount./home <- fs_home',
      'mount./var <- fs_var',
    ]);
    expect(devices.lvs.map(({ size }) => size)).toEqual([
      { percent: 23, of: 'VG' },
      { percent: 57, of: 'VG' },
      { percent: 20, of: 'VG' },
    ]);
    // Nobody asks questions that `--force` would answer; with arguments left, the group would need LVM itself.
    expect([devices.pvs[0]?.options, devices.vgs[0]?.options]).toEqual([[], []]);
  });

  test('flat, with the base of the lvm being the table, and two groups, one of them over two partitions', () => {
    const devices = devicesOf(`
- local_loop: {name: image0}
- partitioning:
    base: image0
    name: mbr
    label: mbr
    partitions:
      - {name: root, base: image0, flags: [boot, primary], size: 3G}
      - {name: data1, flags: [primary], size: 1G}
      - {name: data2, flags: [primary], size: 1G}
- lvm:
    base: mbr
    pvs:
      - {name: pv_root, options: [--force], base: root}
      - {name: pv_data1, options: "--dataalignment 2m --force", base: data1}
      - {name: pv_data2, base: data2}
    vgs:
      - {name: vg_root, base: [pv_root], options: ["--force"]}
      - {name: vg-data, base: [pv_data1, pv_data2], options: "-s 8M --clustered n"}
    lvs:
      - {name: lv_root, base: vg_root, size: 1800M}
      - {name: lv-data, base: vg-data, extents: 100%FREE, options: [--wipesignatures, y]}
- mkfs: {name: fs_root, base: lv_root, label: img-rootfs, type: xfs}
- mount: {name: mount_fs_root, base: fs_root, mount_point: /}
- fstab: {name: fstab_mount_fs_root, base: mount_fs_root, options: "rw,relatime", fsck-passno: 1}
- mkfs: {name: fs_data, base: lv-data, type: xfs, mount: {mount_point: /opt}}
`);
    expect(devices.pvs.map(({ options }) => options)).toEqual([[], ['--dataalignment', '2m'], []]);
    expect(devices.vgs.map(({ name, base, extentSize, options }) => [name, base, extentSize, options])).toEqual([
      ['vg_root', ['pv_root'], 4 * 1024 ** 2, []],
      ['vg-data', ['pv_data1', 'pv_data2'], 8 * 1024 ** 2, ['--clustered', 'n']],
    ]);
    expect(devices.lvs.map(({ volume, size, sizeText, options }) => [volume, size, sizeText, options])).toEqual([
      ['lv_root', { bytes: 1_800_000_000 }, '1800M', []],
      ['lv-data', { percent: 100, of: 'FREE' }, '100%FREE', ['--wipesignatures', 'y']],
    ]);
  });

  test('a thin pool and volumes in it', () => {
    const devices = devicesOf(`
- local_loop: {name: image0}
- partitioning: {base: image0, name: mbr, label: mbr, partitions: [{name: root, base: image0, flags: [boot, primary], size: 3G}]}
- lvm:
    base: mbr
    pvs: [{name: pv, options: ["--force"], base: root}]
    vgs: [{name: vg, base: ["pv"], options: ["--force"]}]
    lvs:
      - {name: lv_thinpool, type: thin-pool, base: vg, size: 2800MiB}
      - {name: lv_root, type: thin, thin-pool: lv_thinpool, base: vg, size: 1800MiB}
      - {name: lv_var, type: thin, thin-pool: lv_thinpool, base: vg, size: 5GiB}
- mkfs: {name: fs_root, base: lv_root, label: img-rootfs, type: xfs, mount: {mount_point: /, fstab: {}}}
- mkfs: {name: fs_var, base: lv_var, type: xfs, mount: {mount_point: /var, fstab: {}}}
`);
    expect(devices.lvs.map(({ name, type, pool }) => [name, type, pool])).toEqual([
      ['lv_thinpool', 'thin-pool', undefined],
      ['lv_root', 'thin', 'lv_thinpool'],
      ['lv_var', 'thin', 'lv_thinpool'],
    ]);
  });

  test('as a tree, with file systems in the volumes and the device from nesting, it is the same as flat', () => {
    const tree = `
- local_loop:
    name: d
    size: 9GiB
    partitioning:
      label: gpt
      partitions:
        - name: sys
          size: 100%
          lvm:
            pvs: [{name: pv}]
            vgs: [{name: vg, base: pv}]
            lvs:
              - {name: root, base: vg, extents: 300, mkfs: {type: ext4, mount: {mount_point: /}}}
              - {name: swap, base: vg, size: 1GiB, mkfs: {type: swap, mount: {}}}
`;
    const flat = `
- mount: {base: mkfs_root, mount_point: /}
- mount: {base: mkfs_swap}
- mkfs: {base: root, type: ext4}
- mkfs: {base: swap, type: swap}
- lvm:
    pvs: [{name: pv, base: sys}]
    vgs: [{name: vg, base: [pv]}]
    lvs: [{name: root, base: vg, extents: '300'}, {name: swap, base: vg, size: 1GiB}]
- partitioning: {base: d, label: gpt, partitions: [{name: sys, size: 100%}]}
- local_loop: {name: d, size: 9GiB}
`;
    expect(withoutPointers(devicesOf(tree))).toEqual(withoutPointers(devicesOf(flat)));
  });
});

describe('members that join by name', () => {
  const stubs = `
- local_loop:
    name: d
    size: 9GiB
    partitioning:
      label: gpt
      partitions:
        - {name: a, size: 1GiB, lvm_pv: {vg: data}}
        - {name: b, size: 1GiB}
        - {name: c, size: 1GiB, lvm_pv: {vg: data, name: third, options: --metadatacopies 2}}
        - {name: root, size: 100%, mkfs: {type: ext4, mount: {mount_point: /}}}
`;

  test('make a group without a base, in the order of the file', () => {
    const devices = devicesOf(`${stubs}- lvm: {vgs: [{name: data}], lvs: [{name: x, base: data, extents: 100%FREE}]}\n`);
    expect(devices.pvs.map(({ name, base, options }) => [name, base, options])).toEqual([
      ['pv_a', 'a', []],
      ['third', 'c', ['--metadatacopies', '2']],
    ]);
    expect(devices.vgs[0]?.base).toEqual(['pv_a', 'third']);
  });

  test('come after those that the group names itself', () => {
    const devices = devicesOf(
      `- lvm: {pvs: [{name: pv, base: b}], vgs: [{name: data, base: [pv]}], lvs: [{name: x, base: data, extents: 1}]}${stubs}`,
    );
    expect(devices.vgs[0]?.base).toEqual(['pv', 'pv_a', 'third']);
  });

  test('make a RAID without a base, in the order of the file', () => {
    const devices = devicesOf(`
- raid: {name: md0, level: 5, chunk: 64KiB, metadata: 1.0, mkfs: {type: ext4, mount: {mount_point: /}}}
- local_loop: {name: z, size: 1GiB, raid_member: {raid: md0}}
- local_loop: {name: a, size: 1GiB, raid_member: {raid: md0}}
- local_loop: {name: m, size: 1GiB}
- raid_member: {base: m, raid: md0}
`);
    expect(devices.raids).toMatchObject([
      { name: 'md0', base: ['z', 'a', 'm'], level: 5, chunk: 64, metadata: '1.0', options: [] },
    ]);
  });
});

describe('containers', () => {
  const luks = (keys: string): BlockDevices =>
    devicesOf(`- local_loop: {name: d, size: 1GiB, luks: {${keys}, mkfs: {type: ext4, mount: {mount_point: /}}}}\n`);

  test('have defaults that small machines can unlock', () => {
    expect(luks('key: prompt').luks).toEqual([
      {
        plugin: 'luks',
        name: 'luks_d',
        pointer: '/0/local_loop/luks',
        base: 'd',
        mapper: 'luks_d',
        uuid: expect.stringMatching(/^[0-9a-f-]{36}$/),
        label: 'luks_d',
        key: { from: 'prompt' },
        cipher: 'aes-xts-plain64',
        keySize: 512,
        pbkdf: 'argon2id',
        iterTime: 2000,
        pbkdfMemory: 65_536,
        options: [],
      },
    ]);
  });

  test('take every setting', () => {
    const keys =
      "name: crypt, key: {file: ./unlock.key}, label: secret, uuid: 0F5C2A6E-8f0b-4c9d-9b7a-3d2e1f0a9b8c, cipher: 'aes-cbc-essiv:sha256', key_size: 128, pbkdf: pbkdf2, iter_time: 100, pbkdf_memory: 32, options: 'discard,no-read-workqueue'";
    expect(luks(keys).luks[0]).toMatchObject({
      mapper: 'crypt',
      key: { from: 'file', path: './unlock.key' },
      label: 'secret',
      uuid: '0f5c2a6e-8f0b-4c9d-9b7a-3d2e1f0a9b8c',
      cipher: 'aes-cbc-essiv:sha256',
      keySize: 128,
      pbkdf: 'pbkdf2',
      iterTime: 100,
      pbkdfMemory: 32,
      options: ['discard', 'no-read-workqueue'],
    });
    expect(luks('key: {env: UNLOCK_KEY}').luks[0]?.key).toEqual({ from: 'env', name: 'UNLOCK_KEY' });
    expect(luks('key: prompt, cipher: aes-cbc-plain64').luks[0]?.keySize).toBe(256);
  });
});

test('subvolumes: the root among them gets the defaults of a root file system', () => {
  const devices = devicesOf(
    `
- local_loop:
    name: d
    size: 4GiB
    btrfs:
      opts: --nodiscard
      subvolumes:
        - {name: top, path: '@', mount: {mount_point: /, options: [compress=zstd], fstab: {}}}
        - {name: home, path: '@home', mount: {mount_point: /home}}
        - {name: snapshots}
`,
    { defaults: { rootLabel: 'system' } },
  );
  expect(graphOf(devices)).toEqual([
    'local_loop.d',
    'mkfs.btrfs_d <- d',
    'subvolume.top <- btrfs_d',
    'subvolume.home <- btrfs_d',
    'subvolume.snapshots <- btrfs_d',
    'mount./ <- top',
    'mount./home <- home',
  ]);
  expect(devices.filesystems[0]).toMatchObject({ type: 'btrfs', label: 'system', opts: ['--nodiscard'] });
  expect(devices.subvolumes.map(({ path }) => path)).toEqual(['@', '@home', 'snapshots']);
  expect(devices.fstabs[0]?.options).toBe('compress=zstd');
});

const EXAMPLES = join(import.meta.dirname, '../../../examples');
const ROOT = 'mkfs: {type: ext4, mount: {mount_point: /, fstab: {}}}';

/** Layouts of the examples, besides those on the page about block devices. */
const LAYOUTS: readonly (readonly [string, string])[] = [
  [
    'xfs',
    "- local_loop: {name: d, size: 4GiB, partitioning: {label: gpt, partitions: [{name: b, type: 'EF02', size: 1MiB}, {name: r, size: 100%, mkfs: {type: xfs, mount: {mount_point: /, fstab: {}}}}]}}",
  ],
  [
    'several disks, one group over two of them',
    `- local_loop: {name: system, size: 4GiB, partitioning: {label: mbr, partitions: [{name: r, size: 100%, flags: [boot, primary], ${ROOT}}]}}
- local_loop: {name: data1, size: 1GiB, lvm_pv: {vg: data}}
- local_loop: {name: data2, size: 1GiB, lvm_pv: {vg: data}}
- lvm: {vgs: [{name: data}], lvs: [{name: srv, base: data, extents: 100%FREE, mkfs: {type: ext4, mount: {mount_point: /srv, fstab: {}}}}]}`,
  ],
  [
    'logical partitions',
    `- local_loop:
    name: d
    size: 4GiB
    partitioning:
      label: mbr
      partitions:
        - {name: boot, size: 512MiB, flags: [boot, primary], mkfs: {type: ext4, mount: {mount_point: /boot, fstab: {}}}}
        - {name: root, size: 60%, ${ROOT}}
        - {name: swap, type: '82', size: 256MiB, mkfs: {type: swap, mount: {fstab: {}}}}
        - {name: home, size: 100%, mkfs: {type: ext4, mount: {mount_point: /home, fstab: {}}}}`,
  ],
  ['a file system straight on a disk', `- local_loop: {name: d, size: 4GiB, ${ROOT}}`],
  [
    'a mirrored ESP',
    `- local_loop: {name: a, size: 4GiB, partitioning: {label: gpt, partitions: [{name: e1, type: EF00, size: 64MiB, raid_member: {raid: esp}}, {name: r, size: 100%, ${ROOT}}]}}
- local_loop: {name: b, size: 4GiB, partitioning: {label: gpt, partitions: [{name: e2, type: EF00, size: 64MiB, raid_member: {raid: esp}}]}}
- raid: {name: esp, level: 1, metadata: '1.0', mkfs: {type: vfat, mount: {mount_point: /boot/efi}}}`,
  ],
];

test.each(LAYOUTS)('%s', (_name, text) => {
  expect(parseText(text).diagnostics).toEqual([]);
});

test.each(readdirSync(EXAMPLES))('the block devices of examples/%s', (name) => {
  const file = join(EXAMPLES, name, 'image.yaml');
  const { value } = parseYaml(new SourceText(file, readFileSync(file, 'utf8')));
  const list = (value as { readonly block_device?: readonly Json[] }).block_device;
  if (list !== undefined) expect(parseBlockDevices(list, { imageName: name, locate: () => undefined }).diagnostics).toEqual([]);
});

test('thousands of nodes on each other take no time to speak of', () => {
  const chain = Array.from({ length: 1000 }, (_, index) => `- luks: {name: c${index + 1}, base: c${index}, key: prompt}\n`);
  const text = `- local_loop: {name: c0, size: 99GiB}\n- mkfs: {base: c1000, type: ext4, mount: {mount_point: /}}\n${chain.join('')}`;
  expect(devicesOf(text).luks).toHaveLength(1000);
  expect(findings(parseText(text.replace('base: c0,', 'base: c999,')))).toEqual(['3 DIB_BLOCKDEV_CYCLE']);
});

test('a btrfs is mounted beside its subvolumes', () => {
  const devices = devicesOf(
    '- local_loop: {name: d, size: 4GiB, btrfs: {mount: {mount_point: /}, subvolumes: [{name: home, mount: {mount_point: /home}}]}}',
  );
  expect(graphOf(devices).slice(-2)).toEqual(['mount./ <- btrfs_d', 'mount./home <- home']);
});

test('existing disks', () => {
  const devices = devicesOf(`
- disk: {name: target, path: /dev/disk/by-id/ata-X_1, wipe: true, partitioning: {label: gpt, partitions: [{name: r, size: 100%, mkfs: {type: ext4, mount: {mount_point: /}}}]}}
- disk: {name: spare, path: /dev/disk/by-id/ata-X_2}
`);
  expect(devices.disks).toEqual([
    {
      plugin: 'disk',
      name: 'target',
      pointer: '/0/disk',
      path: '/dev/disk/by-id/ata-X_1',
      wipe: true,
      size: 'device',
      blockSize: 512,
    },
    {
      plugin: 'disk',
      name: 'spare',
      pointer: '/1/disk',
      path: '/dev/disk/by-id/ata-X_2',
      wipe: false,
      size: 'device',
      blockSize: 512,
    },
  ]);
});

test('everything on everything: LVM on LUKS on RAID on partitions, btrfs and swap in the volumes', () => {
  const disk = (name: string) => `
- local_loop:
    name: ${name}
    size: 4GiB
    partitioning:
      label: gpt
      partitions:
        - {name: ${name}_boot, size: 512MiB, raid_member: {raid: boot}}
        - {name: ${name}_sys, size: 100%, raid_member: {raid: sys}}`;
  const devices = devicesOf(`${disk('one')}${disk('two')}
- raid: {name: boot, level: '1', metadata: '1.0', mkfs: {type: ext4, mount: {mount_point: /boot}}}
- raid:
    name: sys
    level: 1
    luks:
      name: crypt
      key: {file: unlock.key}
      lvm_pv: {vg: system}
- lvm:
    vgs: [{name: system}]
    lvs:
      - {name: swap, base: system, size: 512MiB, mkfs: {type: swap, mount: {fstab: {}}}}
      - {name: root, base: system, extents: 100%FREE, btrfs: {subvolumes: [{name: '0root', path: '@', mount: {mount_point: /}}]}}
`);
  expect(graphOf(devices)).toEqual([
    'local_loop.one',
    'local_loop.two',
    'partition.one_boot <- one',
    'partition.one_sys <- one',
    'partition.two_boot <- two',
    'partition.two_sys <- two',
    'raid.boot <- one_boot two_boot',
    'raid.sys <- one_sys two_sys',
    'luks.crypt <- sys',
    'pvs.pv_crypt <- crypt',
    'vgs.system <- pv_crypt',
    'lvs.swap <- system',
    'lvs.root <- system',
    'mkfs.mkfs_boot <- boot',
    'mkfs.mkfs_swap <- swap',
    'mkfs.btrfs_root <- root',
    'subvolume.0root <- btrfs_root',
    'mount./ <- 0root',
    'mount./boot <- mkfs_boot',
    'mount.none <- mkfs_swap',
  ]);
});

test('identifiers follow from names, differ from each other, and have the forms of LVM and md', () => {
  const text = `
- local_loop: {name: a, size: 1GiB, raid_member: {raid: m}}
- local_loop: {name: b, size: 1GiB, raid_member: {raid: m}}
- raid: {name: m, level: 1, lvm_pv: {vg: vg}}
- lvm: {vgs: [{name: vg}], lvs: [{name: l, base: vg, size: 1GiB, mkfs: {type: ext4, mount: {mount_point: /}}}]}
`;
  const devices = devicesOf(text);
  const ids = [devices.pvs[0]?.id, devices.vgs[0]?.id, devices.lvs[0]?.id];
  for (const id of ids) expect(id).toMatch(/^[0-9A-Za-z]{32}$/);
  expect(new Set(ids).size).toBe(3);
  expect(devicesOf(text).pvs[0]?.id).toBe(ids[0]);
  expect(devicesOf(text, { imageName: 'other' }).pvs[0]?.id).not.toBe(ids[0]);
  const uuid = devicesOf(text.replace('level: 1', "level: 1, uuid: '3AAA0122:29827cfa:5331ad66:ca767371'")).raids[0]?.uuid;
  expect(uuid).toBe('3aaa0122-2982-7cfa-5331-ad66ca767371');
});

test.each([
  ['computed size', '- local_loop: {name: d, luks: {key: prompt, mkfs: {type: ext4, mount: {mount_point: /}}}}', 'computed'],
  [
    'auto, through a group',
    '- local_loop: {name: d, size: auto, lvm_pv: {vg: v}}\n- lvm: {vgs: [{name: v}], lvs: [{name: l, base: v, extents: 100%FREE, mkfs: {mount: {mount_point: /}}}]}',
    'auto',
  ],
])('sizes follow from content through what lies between: %s', (_name, text, size) => {
  expect(devicesOf(text).disks[0]?.size).toBe(size);
});

test.each([
  [
    'all members on one disk',
    `- local_loop:
    name: d
    size: 4GiB
    partitioning:
      label: gpt
      partitions: [{name: a, size: 1GiB, raid_member: {raid: m}}, {name: b, size: 1GiB, raid_member: {raid: m}}]
- raid: {name: m, level: 1, mkfs: {type: ext4, mount: {mount_point: /}}}
`,
    ['7 DIB_BLOCKDEV_RAID_ONE_DISK'],
  ],
  [
    'a chunk without stripes',
    `- local_loop: {name: a, size: 1GiB, raid_member: {raid: m}}
- local_loop: {name: b, size: 1GiB, raid_member: {raid: m}}
- raid: {name: m, level: 1, chunk: 64KiB, mkfs: {type: ext4, mount: {mount_point: /}}}
`,
    ['3 DIB_BLOCKDEV_CHUNK_IGNORED'],
  ],
  [
    'a physical volume without a group',
    `- local_loop: {name: a, size: 1GiB, mkfs: {type: ext4, mount: {mount_point: /}}}
- local_loop: {name: b, size: 1GiB}
- lvm: {pvs: [{name: pv, base: b}]}
`,
    ['3 DIB_BLOCKDEV_UNUSED_PV'],
  ],
])('%s is warned of', (_name, text, expected) => {
  const checked = parseText(text);
  expect(findings(checked)).toEqual(expected);
  expect(checked.value).toBeDefined();
});
