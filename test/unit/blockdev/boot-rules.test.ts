import { describe, expect, test } from 'vitest';
import { checkBoot } from '../../../src/blockdev/boot-rules.ts';
import { Issues } from '../../../src/blockdev/issues.ts';
import type { Diagnostic } from '../../../src/diagnostics/diagnostic.ts';
import { locatedDevices } from './support.ts';

/** What stands in the way of starting from a tree. */
function problems(text: string, arch = 'amd64', initramfsTools = true): readonly Diagnostic[] {
  const { devices, locate } = locatedDevices(text);
  const issues = new Issues(locate);
  checkBoot(devices, { arch, initramfsTools }, issues);
  return issues.diagnostics;
}

const found = (diagnostics: readonly Diagnostic[]) =>
  diagnostics.map(({ code, severity, range }) => `${range?.start.line ?? '?'} ${severity} ${code}`);

/** Line 1 is the disk, line 2 its table, each partition a line from 3 on, then more. */
const disk = (label: 'gpt' | 'mbr', partitions: readonly string[], more = '', loop = ''): string =>
  `- local_loop: {name: d, size: 4GiB${loop}}\n- partitioning: {base: d, label: ${label}, partitions: [\n${partitions.map((each) => `    ${each}`).join(',\n')}]}\n${more}`;

const BSP = '{name: bsp, type: EF02, size: 1MiB}';
const ESP = '{name: esp, type: EF00, size: 64MiB, mkfs: {type: vfat, mount: {mount_point: /boot/efi}}}';
const ROOT = '{name: root, size: 100%, mkfs: {type: ext4, mount: {mount_point: /}}}';
const BOOT = '{name: boot, size: 256MiB, mkfs: {type: ext4, mount: {mount_point: /boot}}}';
const LUKS_ROOT = '{name: crypt, size: 100%, luks: {name: c, key: prompt, mkfs: {type: ext4, mount: {mount_point: /}}}}';
const PV = '{name: pv, size: 100%, lvm_pv: {vg: v}}';
const LINEAR = `- lvm:
    vgs: [{name: v}]
    lvs: [{name: r, base: v, extents: 100%FREE}]
- mkfs: {base: r, type: ext4, mount: {mount_point: /}}
`;
const THIN = `- lvm:
    vgs: [{name: v}]
    lvs:
    - {name: pool, base: v, type: thin-pool, extents: 50%FREE}
    - {name: r, base: v, type: thin, thin-pool: pool, size: 2GiB}
- mkfs: {base: r, type: ext4, mount: {mount_point: /}}
`;

/** Two disks with a member of `m` each, and what stands on it. */
const mirror = (level: number, metadata: string, esp: string): string =>
  `- local_loop: {name: a, size: 4GiB}
- local_loop: {name: b, size: 4GiB}
- partitioning: {base: a, label: gpt, partitions: [{name: a1, type: EF00, size: 64MiB, raid_member: {raid: m}}, ${ROOT}]}
- partitioning: {base: b, label: gpt, partitions: [{name: b1, type: EF00, size: 64MiB, raid_member: {raid: m}}]}
- raid: {name: m, level: ${level}, metadata: ${metadata}}
${esp}`;
const ESP_ON_MIRROR = '- mkfs: {base: m, type: vfat, mount: {mount_point: /boot/efi}}\n';

describe('what can start', () => {
  test.each([
    ['a BIOS boot partition', disk('gpt', [BSP, ROOT])],
    ['an EFI system partition', disk('gpt', [ESP, ROOT])],
    ['both', disk('gpt', [BSP, ESP, ROOT])],
    [
      'the gap of an MBR',
      disk('mbr', ['{name: root, flags: [primary], size: 100%, mkfs: {type: xfs, mount: {mount_point: /}}}']),
    ],
    ['an EFI system partition in an MBR', disk('mbr', [ESP.replace('EF00', 'ef'), ROOT])],
    ['a linear volume', disk('gpt', [BSP, PV], LINEAR)],
    ['a thin root beside a /boot partition', disk('gpt', [BSP, BOOT, PV], THIN)],
    ['an encrypted root beside a /boot partition', disk('gpt', [BSP, BOOT, LUKS_ROOT])],
    [
      'a subvolume',
      disk('gpt', [BSP, '{name: r, size: 100%, btrfs: {subvolumes: [{name: s, path: "@", mount: {mount_point: /}}]}}']),
    ],
    ['sectors of 4096 bytes, by UEFI', disk('gpt', [ESP, ROOT], '', ', block_size: 4096')],
    ['an EFI system partition on a mirror with metadata 1.0', mirror(1, '1.0', ESP_ON_MIRROR)],
    [
      'a boot partition on another disk than the root',
      `- local_loop: {name: e, size: 4GiB, mkfs: {type: ext4, mount: {mount_point: /}}}\n${disk('gpt', [BSP])}`,
    ],
  ])('%s', (_what, text) => {
    expect(problems(text)).toEqual([]);
  });
});

describe('what cannot', () => {
  test.each([
    [
      'GPT without a place for GRUB',
      disk('gpt', [ROOT]),
      ['2 error DIB_BOOT_NO_FIRMWARE'],
      'For a BIOS add `{name: BSP, type: EF02',
    ],
    [
      'an EFI system partition that is not mounted, and nothing else',
      disk('gpt', ['{name: esp, type: EF00, size: 64MiB}', ROOT]),
      ['2 error DIB_BOOT_NO_FIRMWARE'],
      'in the partition `esp`',
    ],
    [
      'a disk without partition table',
      '- local_loop: {name: d, size: 4GiB, mkfs: {type: ext4, mount: {mount_point: /}}}\n',
      ['1 error DIB_BOOT_NO_FIRMWARE'],
      'no partition table',
    ],
    [
      'sectors of 4096 bytes, by BIOS',
      disk('gpt', [BSP, ROOT], '', ', block_size: 4096'),
      ['2 error DIB_BOOT_NO_FIRMWARE'],
      'only sectors of 512 bytes',
    ],
    ['an encrypted /boot', disk('gpt', [BSP, LUKS_ROOT]), ['4 error DIB_BOOT_GRUB_CANNOT_READ'], 'in the LUKS container `c`'],
    ['/boot on a thin volume', disk('gpt', [BSP, PV], THIN), ['10 error DIB_BOOT_GRUB_CANNOT_READ'], 'on the thin volume `r`'],
    [
      '/boot on a volume inside of a container',
      disk('gpt', [BSP, '{name: p, size: 100%, luks: {name: c, key: prompt, lvm_pv: {vg: v}}}'], LINEAR),
      ['8 error DIB_BOOT_GRUB_CANNOT_READ'],
      'in the LUKS container `c`',
    ],
    [
      'a container of the root that stays closed',
      disk('gpt', [BSP, BOOT, LUKS_ROOT.replace('key: prompt', 'key: prompt, options: "discard,noauto"')]),
      ['5 error DIB_BOOT_ROOT_UNREACHABLE'],
      'its option `noauto` leaves it closed',
    ],
    [
      'a container of /usr that may be missing',
      disk('gpt', [
        BSP,
        '{name: root, size: 2GiB, mkfs: {type: ext4, mount: {mount_point: /}}}',
        '{name: u, size: 100%, luks: {name: c, key: prompt, options: nofail, mkfs: {type: ext4, mount: {mount_point: /usr}}}}',
      ]),
      ['5 error DIB_BOOT_ROOT_UNREACHABLE'],
      '`nofail`',
    ],
    [
      'a TPM that the initramfs does not know',
      disk('gpt', [BSP, BOOT, LUKS_ROOT.replace('key: prompt', 'key: prompt, options: tpm2-device=auto')]),
      ['5 warning DIB_BOOT_TOKEN_IGNORED'],
      'do not know its option `tpm2-device=auto`',
    ],
    [
      'an EFI system partition with ext4',
      disk('gpt', [ESP.replace('vfat', 'ext4'), ROOT]),
      ['3 error DIB_BOOT_ESP_FILESYSTEM'],
      'it is ext4, not vfat',
    ],
    [
      'an EFI system partition of another type',
      disk('gpt', [ESP.replace('EF00', "'8300'"), ROOT]),
      ['3 warning DIB_BOOT_ESP_TYPE'],
      'Write `type: EF00`',
    ],
    [
      'an EFI system partition of another type in an MBR',
      disk('mbr', [ESP.replace('EF00', "'0c'"), ROOT]),
      ['3 warning DIB_BOOT_ESP_TYPE'],
      'Write `type: ef`',
    ],
    [
      'an EFI system partition that stays empty',
      disk('gpt', [BSP, '{name: esp, type: EF00, size: 64MiB}', ROOT]),
      ['4 warning DIB_BOOT_ESP_NOT_MOUNTED'],
      'nothing is mounted at `/boot/efi`',
    ],
    [
      'an EFI system partition on a mirror with metadata 1.2',
      mirror(1, '1.2', ESP_ON_MIRROR),
      ['6 error DIB_BOOT_ESP_UNREADABLE'],
      'level 1 with metadata 1.2',
    ],
    [
      'an EFI system partition on stripes',
      mirror(0, '1.0', ESP_ON_MIRROR),
      ['6 error DIB_BOOT_ESP_UNREADABLE'],
      'level 0 with metadata 1.0',
    ],
    [
      'an EFI system partition on a volume',
      disk('gpt', [ROOT.replace('100%', '2GiB'), PV], `${LINEAR.replace('ext4', 'vfat').replace('/}', '/boot/efi}')}`),
      ['8 error DIB_BOOT_ESP_UNREADABLE'],
      'on the logical volume `r`',
    ],
  ])('%s', (_what, text, expected, message) => {
    const diagnostics = problems(text);
    expect(found(diagnostics)).toEqual(expected);
    const [first] = diagnostics;
    expect(`${first?.summary}\n${first?.detail}\n${first?.help}`).toContain(message);
    expect(first?.help).toMatch(/^\S.*[.?]$/);
  });

  test('a TPM that dracut knows is no obstacle', () => {
    const text = disk('gpt', [BSP, BOOT, LUKS_ROOT.replace('key: prompt', 'key: prompt, options: tpm2-device=auto')]);
    expect(problems(text, 'amd64', false)).toEqual([]);
  });

  test('GRUB’s directory on a file system of its own that it cannot read, by either name', () => {
    for (const point of ['/boot/grub', '/boot/grub2']) {
      const crypt = LUKS_ROOT.replace('100%', '1GiB').replace('mount_point: /}', `mount_point: ${point}}`);
      const text = disk('gpt', [BSP, BOOT, crypt, ROOT]);
      const [problem] = problems(text);
      expect(problem?.code, point).toBe('DIB_BOOT_GRUB_CANNOT_READ');
    }
  });

  test('anything but UEFI on arm64', () => {
    const [problem] = problems(disk('gpt', [BSP, ROOT]), 'arm64');
    expect(problem?.summary).toMatch(
      /^No machine can start this image: arm64 starts by UEFI, and there is no EFI system partition/,
    );
    expect(problem?.help).toMatch(/^Add a partition of type EF00 with /);
    expect(problems(disk('gpt', [ESP, ROOT]), 'arm64')).toEqual([]);
  });
});
