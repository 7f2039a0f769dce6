import type { Checked, Locator } from '../diagnostics/diagnostic.ts';
import { quoted } from '../diagnostics/printable.ts';
import type { BlockDevices, Disk, DiskLayout, Mkfs, Partitioning, StackLayout } from './devices.ts';
import { FILESYSTEMS } from './filesystems.ts';
import { Issues, member } from './issues.ts';
import { fits, MBR_SECTORS, type Placement, placePartitions, type Room } from './placement.ts';
import { formatBytes, mebibytes } from './sizes.ts';
import { deviceSize, placeStack } from './stack-layout.ts';

export interface LayoutContext {
  /** As for parseBlockDevices. */
  readonly locate?: Locator | undefined;
  readonly pointerPrefix?: string | undefined;
  /** Bytes of partitions whose size is `auto`, by name; see resolveSizes. */
  readonly partitionSizes?: ReadonlyMap<string, number> | undefined;
}

/**
 * Places everything, to the sector: partitions on the disks whose size is known (bytes, by name), and what stands on them: RAIDs, LUKS containers, volume
 * groups, logical volumes. What stands on a disk that is not in `diskSizes` is left out. Tells what has no room or is too small, with the arithmetic.
 */
export function resolveStack(
  devices: BlockDevices,
  diskSizes: ReadonlyMap<string, number>,
  context: LayoutContext = {},
): Checked<StackLayout> {
  const issues = new Issues(context.locate ?? (() => undefined), context.pointerPrefix);
  const layouts = layOutDisks(devices, diskSizes, context, issues);
  // What stands on partitions that have no place would be told wrong sizes.
  if (issues.failed) return { diagnostics: issues.diagnostics };
  const stack = placeStack(devices, layouts, issues);
  checkFilesystems(devices.filesystems, stack, issues);
  return issues.failed ? { diagnostics: issues.diagnostics } : { value: stack, diagnostics: issues.diagnostics };
}

function layOutDisks(
  devices: BlockDevices,
  diskSizes: ReadonlyMap<string, number>,
  context: LayoutContext,
  issues: Issues,
): readonly DiskLayout[] {
  return devices.disks.flatMap((disk): DiskLayout[] => {
    const size = diskSizes.get(disk.name);
    if (size === undefined) return [];
    const table = devices.tables.find(({ base }) => base === disk.name);
    if (table === undefined) return [{ disk: disk.name, size, sectorSize: disk.blockSize, partitions: [] }];
    return [layOut(disk, table, size, context, issues)];
  });
}

function layOut(disk: Disk, table: Partitioning, size: number, context: LayoutContext, issues: Issues): DiskLayout {
  const room: Room = { size, sectorSize: disk.blockSize, autoSizes: context.partitionSizes ?? new Map() };
  const placement = placePartitions(table, room);
  if (!fits(placement, room)) reportOverflow(disk, table, room, placement, issues);
  else if (table.label === 'mbr') checkReach(disk, table, room, placement, issues);
  return {
    disk: disk.name,
    size,
    sectorSize: disk.blockSize,
    label: table.label,
    diskId: table.uuid,
    partitions: placement.partitions,
    ...(placement.extended === undefined ? {} : { extended: placement.extended }),
  };
}

function reportOverflow(disk: Disk, table: Partitioning, room: Room, placement: Placement, issues: Issues): void {
  const over = placement.needed - room.size;
  const detail = arithmetic(disk, room, placement);
  const first = table.partitions.find((partition, index) => {
    const place = placement.partitions[index];
    return (
      placement.empty.includes(partition.name) ||
      (place !== undefined && place.offset + place.length + placement.tail > room.size)
    );
  });
  const pointer = first ? member(first.pointer, 'size') : table.pointer;
  const related = [{ message: `the disk ${quoted(disk.name)}`, pointer: disk.pointer, part: 'key' as const }];
  if (first && placement.empty.includes(first.name)) {
    const smallest = table.label === 'gpt' ? '1 MiB' : 'one sector';
    issues.error('DIB_BLOCKDEV_NOTHING_LEFT', pointer, {
      summary: `nothing is left for partition ${quoted(first.name)} (${quoted(first.sizeText)}): it would be smaller than ${smallest}`,
      detail,
      help:
        over >= 0
          ? `make the disk larger, or the partitions before it smaller`
          : `give it at least ${smallest}, or make the disk larger`,
      related,
    });
    return;
  }
  issues.error('DIB_BLOCKDEV_OVERFLOW', pointer, {
    summary: `the partitions do not fit on disk ${quoted(disk.name)}: ${formatBytes(placement.needed)} needed, ${formatBytes(room.size)} there`,
    detail,
    help: `make the disk larger by ${formatBytes(over)} or the partitions smaller, or use \`size: 100%\` for the last one`,
    related,
  });
}

/** The sum as a table: what each partition takes, what the disk has. */
function arithmetic(disk: Disk, room: Room, placement: Placement): string {
  const rows: [string, number][] = [];
  const gaps = placement.shares.reduce((sum, share) => sum + share.gap, 0) + placement.tail;
  rows.push(['partition table, alignment', gaps]);
  for (const share of placement.shares) rows.push([`${share.name} (${share.text})`, share.bytes]);
  rows.push(
    ['needed', placement.needed],
    [`disk ${disk.name}`, room.size],
    [placement.needed > room.size ? 'too much' : 'left', Math.abs(room.size - placement.needed)],
  );
  const width = Math.max(...rows.map(([name]) => name.length));
  const figures = rows.map(([, bytes]) => mebibytes(bytes));
  const figureWidth = Math.max(...figures.map((figure) => figure.length));
  return rows.map(([name], index) => `${name.padEnd(width)}  ${(figures[index] as string).padStart(figureWidth)} MiB`).join('\n');
}

function checkReach(disk: Disk, table: Partitioning, room: Room, placement: Placement, issues: Issues): void {
  const reach = MBR_SECTORS * room.sectorSize;
  const far = placement.partitions.findIndex(({ startSector, sectors }) => startSector + sectors > MBR_SECTORS);
  const extendedFar = (placement.extended?.sectors ?? 0) >= MBR_SECTORS;
  if (far === -1 && !extendedFar) return;
  issues.error('DIB_BLOCKDEV_MBR_REACH', table.partitions[far]?.pointer ?? table.pointer, {
    summary: `disk ${quoted(disk.name)} of ${formatBytes(room.size)} is too large for an mbr, which reaches to ${formatBytes(reach)}`,
    detail: `An mbr counts sectors of ${room.sectorSize} bytes in 32 bits.`,
    help: 'use `label: gpt`',
  });
}

/** File systems below the smallest size that their mkfs accepts. */
function checkFilesystems(filesystems: readonly Mkfs[], stack: StackLayout, issues: Issues): void {
  for (const mkfs of filesystems) {
    const length = deviceSize(stack, mkfs.base);
    const { minimum } = FILESYSTEMS[mkfs.type];
    // No room at all has been told already.
    if (length === undefined || length === 0 || length >= minimum) continue;
    issues.error('DIB_BLOCKDEV_FS_TOO_SMALL', mkfs.pointer, {
      summary: `${quoted(mkfs.base)} is too small for ${mkfs.type}: ${formatBytes(length)}, at least ${formatBytes(minimum)} needed`,
      help: `make ${quoted(mkfs.base)} larger, or use another file system type`,
      part: 'key',
    });
  }
}
