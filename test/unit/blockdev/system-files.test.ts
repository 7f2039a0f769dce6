import { describe, expect, test } from 'vitest';
import { bootDisks, disksOfGrub } from '../../../src/blockdev/boot-disks.ts';
import { grubFilesystems, grubFilesystemsText, mapperPath } from '../../../src/blockdev/grub-filesystems.ts';
import { filesOfInitramfs, systemFiles } from '../../../src/blockdev/system-files.ts';
import { devicesOf, EFI_TREE } from './support.ts';

const UUID = '3f5c2a6e-8f0b-4c9d-9b7a-3d2e1f0a9b8c';
const [ARRAY, BOOT_ARRAY, CONTAINER] = [
  '11111111-2222-4333-8444-55555555aAbB',
  '21111111-2222-4333-8444-555555555555',
  '31111111-2222-4333-8444-555555555555',
];

const BTRFS = `- local_loop:
    name: d
    size: 4GiB
    btrfs:
      name: b
      uuid: ${UUID}
      subvolumes:
      - {name: root, path: "@", mount: {mount_point: /, fstab: {options: noatime}}}
      - {name: home, path: homes/my home, mount: {mount_point: /home, fstab: {}}}
      - {name: own, path: "@own", mount: {mount_point: /own, fstab: {options: "ro,subvolid=300", fsck-passno: 0}}}
      - {name: idle, path: "@idle"}
`;

/** Root on LVM on LUKS on a mirror of partitions, /boot on a mirror. */
const DEEP = `- local_loop: {name: a, size: 8GiB}
- local_loop: {name: b, size: 8GiB}
- partitioning: {base: a, label: gpt, partitions: [
    {name: a0, type: EF02, size: 1MiB}, {name: a1, size: 1GiB, raid_member: {raid: boot}}, {name: a2, size: 100%, raid_member: {raid: all}}]}
- partitioning: {base: b, label: mbr, partitions: [
    {name: b1, flags: [primary], size: 1GiB, raid_member: {raid: boot}}, {name: b2, flags: [primary], size: 100%, raid_member: {raid: all}}]}
- raid: {name: boot, level: 1, metadata: "1.0", uuid: ${BOOT_ARRAY}, mkfs: {name: boot_fs, type: ext4, mount: {mount_point: /boot}}}
- raid: {name: all, level: 1, uuid: ${ARRAY}}
- luks: {name: crypt, base: all, key: prompt, uuid: ${CONTAINER}, options: "no-read-workqueue,discard"}
- lvm:
    base: crypt
    pvs: [{name: p}]
    vgs: [{name: my-vg, base: [p]}]
    lvs: [{name: root-lv, base: my-vg, extents: 50%VG}, {name: swap, base: my-vg, extents: 100%FREE}]
- mkfs: {base: root-lv, type: xfs, uuid: ${UUID}, mount: {mount_point: /}}
- mkfs: {base: swap, type: swap, mount: {fstab: {}}}
`;

describe('/etc/fstab', () => {
  test('names subvolumes, each by the UUID of its file system', () => {
    expect(systemFiles(devicesOf(BTRFS))).toEqual({
      '/etc/fstab': `UUID=${UUID} / btrfs noatime,subvol=@ 0 1
UUID=${UUID} /home btrfs defaults,subvol=homes/my\\040home 0 2
UUID=${UUID} /own btrfs ro,subvolid=300 0 0
`,
    });
  });
});

describe('/etc/crypttab', () => {
  /** The options of the container `c`, at a mount point. */
  const options = (written: string, mountPoint = '/srv'): string | undefined => {
    const text = `- local_loop: {name: d, size: 4GiB, luks: {name: c, key: prompt, ${written === '' ? '' : `options: "${written}", `}mkfs: {type: ext4, mount: {mount_point: ${mountPoint}}}}}\n`;
    const root = mountPoint === '/' ? '' : '- local_loop: {name: e, size: 4GiB, mkfs: {type: ext4, mount: {mount_point: /}}}\n';
    return systemFiles(devicesOf(text + root))
      ['/etc/crypttab']?.split(' ')[3]
      ?.trim();
  };

  test('has every container, by UUID', () => {
    expect(systemFiles(devicesOf(DEEP))['/etc/crypttab']).toBe(
      `crypt UUID=${CONTAINER} none luks,no-read-workqueue,discard,initramfs\n`,
    );
  });

  test.each([
    ['', '/srv', 'luks,discard,initramfs'],
    ['luks,discard,initramfs', '/srv', 'luks,discard,initramfs'],
    ['no-read-workqueue', '/', 'luks,no-read-workqueue,initramfs'],
    ['noauto', '/srv', 'luks,noauto'],
    ['nofail,discard', '/srv', 'luks,nofail,discard'],
    ['tpm2-device=auto', '/srv', 'luks,tpm2-device=auto'],
    ['tpm2-device=auto', '/', 'luks,tpm2-device=auto,initramfs'],
    ['tpm2-device=auto', '/usr', 'luks,tpm2-device=auto,initramfs'],
  ])('options %j at %s: %s', (written, mountPoint, expected) => {
    expect(options(written, mountPoint)).toBe(expected);
  });
});

describe('/etc/mdadm/mdadm.conf', () => {
  test('names every array by its UUID in the form of mdadm', () => {
    expect(systemFiles(devicesOf(DEEP))['/etc/mdadm/mdadm.conf']).toBe(`HOMEHOST <ignore>
MAILADDR root
ARRAY /dev/md/boot metadata=1.0 UUID=21111111:22224333:84445555:55555555
ARRAY /dev/md/all metadata=1.2 UUID=11111111:22224333:84445555:5555aabb
`);
  });
});

test('an initramfs holds what opens devices, not what mounts file systems', () => {
  expect(filesOfInitramfs(devicesOf(DEEP))).toEqual(['/etc/crypttab', '/etc/mdadm/mdadm.conf']);
  expect(filesOfInitramfs(devicesOf(BTRFS))).toEqual([]);
});

describe("what GRUB's tools are told", () => {
  test('of volumes in a container on a mirror', () => {
    const [root, boot] = grubFilesystems(devicesOf(DEEP));
    expect(root).toEqual({
      mountPoint: '/',
      uuid: UUID,
      device: '/dev/mapper/my--vg-root--lv',
      type: 'xfs',
      subvolume: '',
      abstraction: ['lvm', 'cryptodisk', 'luks2', 'diskfilter', 'mdraid1x'],
      partmaps: ['gpt', 'msdos'],
    });
    expect(boot).toMatchObject({ mountPoint: '/boot', abstraction: ['diskfilter', 'mdraid1x'], partmaps: ['gpt', 'msdos'] });
    expect(boot?.device).toBe(`/dev/disk/by-uuid/${boot?.uuid}`);
  });

  test('of a RAID with parity: the module that computes it', () => {
    const members = ['a', 'b', 'c', 'd'].map((name) => `- local_loop: {name: ${name}, size: 4GiB, raid_member: {raid: m}}\n`);
    const raid = (level: number) =>
      `${members.join('')}- raid: {name: m, level: ${level}, mkfs: {type: ext4, mount: {mount_point: /}}}\n`;
    expect(grubFilesystems(devicesOf(raid(5)))[0]?.abstraction).toEqual(['diskfilter', 'mdraid1x', 'raid5rec']);
    expect(grubFilesystems(devicesOf(raid(6)))[0]?.abstraction).toEqual(['diskfilter', 'mdraid1x', 'raid6rec']);
    expect(grubFilesystems(devicesOf(raid(10)))[0]).toMatchObject({ abstraction: ['diskfilter', 'mdraid1x'], partmaps: [] });
  });

  test('is a line for each file system', () => {
    expect(grubFilesystemsText(devicesOf(BTRFS))).toBe(
      [
        `/|${UUID}|/dev/disk/by-uuid/${UUID}|btrfs|@||`,
        `/home|${UUID}|/dev/disk/by-uuid/${UUID}|btrfs|homes/my home||`,
        `/own|${UUID}|/dev/disk/by-uuid/${UUID}|btrfs|@own||`,
      ].join('\n'),
    );
  });

  test('doubles dashes in names of volumes', () => {
    expect(mapperPath('a', 'b')).toBe('/dev/mapper/a-b');
    expect(mapperPath('a-b', 'c--d')).toBe('/dev/mapper/a--b-c----d');
  });
});

describe('disks that a BIOS starts from', () => {
  const names = (text: string) => bootDisks(devicesOf(text)).map(({ name }) => name);

  test('are all with a BIOS boot partition, and those with an MBR that hold GRUB', () => {
    expect(names(DEEP)).toEqual(['a', 'b']);
    expect(disksOfGrub(devicesOf(DEEP)).map(({ name }) => name)).toEqual(['a', 'b']);
    expect(names(EFI_TREE)).toEqual(['image0']);
    expect(names(EFI_TREE.replace("'EF02'", "'8300'"))).toEqual([]);
    expect(names(EFI_TREE.replace('size: 4GiB', 'size: 4GiB\n    block_size: 4096'))).toEqual([]);
  });

  test('are not those with an MBR that hold other things', () => {
    const data =
      '- local_loop: {name: e, size: 1GiB}\n- partitioning: {base: e, label: mbr, partitions: [{name: x, size: 100%}]}\n';
    expect(names(`${data}${EFI_TREE}`)).toEqual(['image0']);
  });

  test('may be others than the one with /boot', () => {
    const text = `- local_loop: {name: r, size: 4GiB, mkfs: {type: ext4, mount: {mount_point: /}}}
- local_loop: {name: e, size: 1GiB}
- partitioning: {base: e, label: gpt, partitions: [{name: x, type: EF02, size: 1MiB}]}
`;
    expect(names(text)).toEqual(['e']);
    expect(disksOfGrub(devicesOf(text)).map(({ name }) => name)).toEqual(['r']);
  });
});
