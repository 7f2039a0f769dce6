import type { BlockDevices, Disk, Mount } from './devices.ts';
import { mountedFilesystem, mountHolding } from './mounted.ts';
import { GPT_TYPE } from './partition-types.ts';
import { disksUnder } from './stacks.ts';

/** The directory that the boot loader reads its modules and configuration from, by the names that distributions give it. */
export const GRUB_DIRECTORIES = ['/boot/grub', '/boot/grub2'] as const;

/** The mount that holds GRUB's directory. */
export function mountOfGrub(devices: BlockDevices): Mount | undefined {
  const own = GRUB_DIRECTORIES.find((path) => devices.mounts.some(({ mountPoint }) => mountPoint === path));
  return mountHolding(devices, own ?? GRUB_DIRECTORIES[0]);
}

/** The disks that hold GRUB's directory, in the order of the tree: several where a RAID or a volume group lies on several. */
export function disksOfGrub(devices: BlockDevices): readonly Disk[] {
  const mount = mountOfGrub(devices);
  const mounted = mount && mountedFilesystem(devices, mount);
  const names = mounted === undefined ? new Set<string>() : disksUnder(devices, mounted.mkfs.base);
  return devices.disks.filter(({ name }) => names.has(name));
}

/** A BIOS reads sectors of 512 bytes, whatever the disk's own are. */
const BIOS_SECTOR = 512;

/**
 * The disks that a BIOS can start the image from: GRUB's boot code goes onto each. These are all with a BIOS boot partition, as GRUB looks for its directory
 * on every disk, and those with an MBR that hold the directory themselves. So an image on a RAID starts from whichever disk is left.
 */
export function bootDisks(devices: BlockDevices): readonly Disk[] {
  const holding = new Set(disksOfGrub(devices).map(({ name }) => name));
  return devices.disks.filter((disk) => {
    const table = devices.tables.find(({ base }) => base === disk.name);
    if (table === undefined || disk.blockSize !== BIOS_SECTOR) return false;
    if (table.label === 'mbr') return holding.has(disk.name);
    return table.partitions.some(({ type }) => type.toUpperCase() === GPT_TYPE.biosBoot);
  });
}
