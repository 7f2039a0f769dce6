import { quoted } from '../diagnostics/printable.ts';
import { bootDisks, disksOfGrub, mountOfGrub } from './boot-disks.ts';
import { holdsRoot, unfitForRoot } from './crypttab.ts';
import type { BlockDevices, Disk, Mkfs, Mount, Partition, Partitioning } from './devices.ts';
import type { Issues } from './issues.ts';
import { devicesUnder, mountedFilesystem } from './mounted.ts';
import { GPT_TYPE } from './partition-types.ts';

/** Where the boot loader puts what UEFI firmware starts. */
const ESP = '/boot/efi';

/** Type of an EFI system partition in an MBR. */
const MBR_ESP = 'ef';

export interface BootRulesContext {
  /** Debian's name of the architecture. */
  readonly arch: string;
  /** Whether initramfs-tools make the initramfs, as on Debian and Ubuntu, and not dracut. */
  readonly initramfsTools: boolean;
}

/**
 * Whether an image with GRUB can start from these devices: some firmware must find GRUB, GRUB its own directory, and the initramfs the root file system.
 * For images whose elements install the boot loader; another one may do better.
 */
export function checkBoot(devices: BlockDevices, context: BootRulesContext, issues: Issues): void {
  checkGrubReads(devices, issues);
  checkRootOpens(devices, context, issues);
  const esp = devices.mounts.find(({ mountPoint }) => mountPoint === ESP);
  const bios = context.arch === 'amd64' && bootDisks(devices).length > 0;
  if (esp !== undefined) checkEsp(devices, esp, issues);
  else if (bios) checkUnmountedEsp(devices, issues);
  else reportNoFirmware(devices, context, issues);
}

/** GRUB reads partitions, linear volumes, RAID and btrfs, but neither LUKS2 nor thin volumes (GRUB manual, "Filesystem syntax and semantics"). */
function checkGrubReads(devices: BlockDevices, issues: Issues): void {
  const mount = mountOfGrub(devices);
  const mounted = mount && mountedFilesystem(devices, mount);
  if (mount === undefined || mounted === undefined) return;
  const under = devicesUnder(devices, mounted.mkfs.base);
  const luks = devices.luks.find(({ name }) => under.has(name));
  const thin = devices.lvs.find(({ name, type }) => under.has(name) && type !== 'linear');
  const obstacle = luks ?? thin;
  if (obstacle === undefined) return;
  const what = luks === undefined ? 'on the thin volume' : 'in the LUKS container';
  issues.error('DIB_BOOT_GRUB_CANNOT_READ', mount.pointer, {
    summary: `GRUB cannot read \`/boot\`: it lies ${what} ${quoted(obstacle.name)}`,
    detail:
      luks === undefined
        ? 'GRUB knows linear volumes, not thin ones.'
        : 'GRUB would have to ask for the passphrase itself, and does not know the key derivation of LUKS2.',
    help: `give \`/boot\` a file system of its own outside of it, such as a partition of 512MiB with \`mkfs: {type: ext4, mount: {mount_point: /boot, fstab: {fsck-passno: 2}}}\``,
    part: 'key',
    related: [{ message: `${quoted(obstacle.name)} is here`, pointer: obstacle.pointer, part: 'key' }],
  });
}

/** The initramfs asks for a passphrase, of every container below the root file system. */
function checkRootOpens(devices: BlockDevices, { initramfsTools }: BootRulesContext, issues: Issues): void {
  for (const luks of devices.luks.filter((each) => holdsRoot(devices, each))) {
    const { closed, token } = unfitForRoot(luks);
    if (closed !== undefined) {
      issues.error('DIB_BOOT_ROOT_UNREACHABLE', `${luks.pointer}/options`, {
        summary: `the LUKS container ${quoted(luks.name)} holds the root file system, but its option ${quoted(closed)} leaves it closed`,
        detail: 'The system cannot start without it.',
        help: `remove ${quoted(closed)} from \`options\``,
      });
    } else if (token !== undefined && initramfsTools) {
      issues.warn('DIB_BOOT_TOKEN_IGNORED', `${luks.pointer}/options`, {
        summary: `the LUKS container ${quoted(luks.name)} holds the root file system, and initramfs-tools do not know its option ${quoted(token)}`,
        detail: 'The initramfs asks for the passphrase instead.',
        help: 'remove the option, or have an element install an initramfs that knows it, such as dracut',
      });
    }
  }
}

function checkEsp(devices: BlockDevices, mount: Mount, issues: Issues): void {
  const mkfs = mountedFilesystem(devices, mount)?.mkfs;
  if (mkfs === undefined) return;
  if (mkfs.type !== 'vfat') {
    issues.error('DIB_BOOT_ESP_FILESYSTEM', mkfs.pointer, {
      summary: `firmware cannot read ${quoted(ESP)}: it is ${mkfs.type}, not vfat`,
      help: 'write `type: vfat`',
      part: 'key',
    });
    return;
  }
  const obstacle = espObstacle(devices, mkfs);
  if (obstacle !== undefined) {
    issues.error('DIB_BOOT_ESP_UNREADABLE', mkfs.pointer, {
      summary: `firmware cannot read ${quoted(ESP)}: it lies ${obstacle}`,
      detail: 'UEFI reads FAT on a partition, and a RAID 1 whose metadata is at the end looks like one.',
      help: 'put it straight onto a partition of type EF00, or onto a `raid` with `level: 1` and `metadata: 1.0`',
      part: 'key',
    });
    return;
  }
  for (const partition of partitionsUnder(devices, mkfs.base).filter((each) => !isEsp(each))) {
    issues.warn('DIB_BOOT_ESP_TYPE', `${partition.pointer}/type`, {
      summary: `the partition ${quoted(partition.name)} holds ${quoted(ESP)}, but its type is not that of an EFI system partition`,
      detail: 'Some firmware starts from no other.',
      help: `write \`type: ${tableOf(devices, partition)?.label === 'mbr' ? 'ef' : 'EF00'}\``,
    });
  }
}

function espObstacle(devices: BlockDevices, mkfs: Mkfs): string | undefined {
  const under = devicesUnder(devices, mkfs.base);
  const inside = <T extends { readonly name: string }>(nodes: readonly T[]) => nodes.find(({ name }) => under.has(name));
  const luks = inside(devices.luks);
  if (luks !== undefined) return `in the LUKS container ${quoted(luks.name)}`;
  const volume = inside(devices.lvs);
  if (volume !== undefined) return `on the logical volume ${quoted(volume.name)}`;
  const raid = inside(devices.raids);
  if (raid === undefined || (raid.level === 1 && raid.metadata === '1.0')) return undefined;
  return `on the RAID ${quoted(raid.name)} of level ${raid.level} with metadata ${raid.metadata}`;
}

/** A partition that is meant for UEFI, and nothing would be on it. */
function checkUnmountedEsp(devices: BlockDevices, issues: Issues): void {
  const esp = devices.tables.flatMap(({ partitions }) => partitions).find(isEsp);
  if (esp === undefined) return;
  issues.warn('DIB_BOOT_ESP_NOT_MOUNTED', esp.pointer, {
    summary: `the EFI system partition ${quoted(esp.name)} stays empty: nothing is mounted at ${quoted(ESP)}`,
    detail: 'The image starts from a BIOS only.',
    help: `add \`mkfs: {type: vfat, mount: {mount_point: ${ESP}, fstab: {options: umask=0077}}}\` to it`,
    part: 'key',
  });
}

function reportNoFirmware(devices: BlockDevices, { arch }: BootRulesContext, issues: Issues): void {
  const disk = disksOfGrub(devices)[0];
  if (disk === undefined) return;
  const table = devices.tables.find(({ base }) => base === disk.name);
  const unmounted = table?.partitions.find(isEsp);
  const uefi =
    unmounted === undefined
      ? `a partition of type EF00 with \`mkfs: {type: vfat, mount: {mount_point: ${ESP}, fstab: {options: umask=0077}}}\``
      : `\`mkfs: {type: vfat, mount: {mount_point: ${ESP}, fstab: {options: umask=0077}}}\` in the partition ${quoted(unmounted.name)}`;
  const bios = '`{name: BSP, type: EF02, size: 1MiB}`';
  const canBios = arch === 'amd64' && table?.label === 'gpt' && disk.blockSize === 512;
  issues.error('DIB_BOOT_NO_FIRMWARE', (table ?? disk).pointer, {
    summary: `no machine can start this image: ${whyNot(arch, disk, table)}, and there is no EFI system partition mounted at ${quoted(ESP)}`,
    help: canBios ? `for a BIOS add ${bios} to its partitions; for UEFI ${uefi}; or both` : `add ${uefi}`,
    part: 'key',
  });
}

/** Why not by BIOS. */
function whyNot(arch: string, disk: Disk, table: Partitioning | undefined): string {
  if (arch !== 'amd64') return `${arch} starts by UEFI`;
  if (table === undefined) return `the disk ${quoted(disk.name)} has no partition table, and so no room for a boot loader`;
  if (disk.blockSize !== 512)
    return `a BIOS reads only sectors of 512 bytes, and those of ${quoted(disk.name)} have ${disk.blockSize}`;
  return `the disk ${quoted(disk.name)} has no BIOS boot partition`;
}

function isEsp({ type }: Partition): boolean {
  return type.toUpperCase() === GPT_TYPE.efiSystem || type.toLowerCase() === MBR_ESP;
}

function partitionsUnder(devices: BlockDevices, base: string): readonly Partition[] {
  const under = devicesUnder(devices, base);
  return devices.tables.flatMap(({ partitions }) => partitions).filter(({ name }) => under.has(name));
}

function tableOf(devices: BlockDevices, partition: Partition): Partitioning | undefined {
  return devices.tables.find(({ partitions }) => partitions.includes(partition));
}
