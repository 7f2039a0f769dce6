import type { DiskLayout } from '../blockdev/devices.ts';
import type { BootloaderPlace } from './disk-inputs.ts';

/** Type GUID of the BIOS boot partition (GRUB manual, "BIOS installation"). */
export const BIOS_BOOT = '21686148-6449-6E6F-744E-656564454649';

/** The BIOS reads in these units whatever the disk's own. */
const SECTOR = 512;

/** Where GRUB's core image can stand on a disk, or why nowhere. */
export function bootloaderPlace(layout: DiskLayout): { place: BootloaderPlace } | { reason: string } {
  if (layout.sectorSize !== SECTOR) return { reason: 'the BIOS boots only from disks with sectors of 512 bytes' };
  if (layout.label === undefined) return { reason: 'the disk has no partition table, and so no room for a boot loader' };
  if (layout.label === 'gpt') {
    const found = layout.partitions.find(({ type }) => type.toUpperCase() === BIOS_BOOT);
    if (found === undefined) return { reason: 'the disk has no BIOS boot partition (type EF02)' };
    return { place: { kind: 'bios-boot-partition', startSector: found.startSector, sectors: found.sectors } };
  }
  const starts = layout.partitions.filter(({ kind }) => kind === 'primary').map(({ startSector }) => startSector);
  if (layout.extended !== undefined) starts.push(layout.extended.startSector);
  const end = Math.min(layout.size / SECTOR, ...starts);
  if (end <= 1) return { reason: 'the first partition leaves no gap after the master boot record' };
  return { place: { kind: 'mbr-gap', startSector: 1, sectors: end - 1 } };
}
