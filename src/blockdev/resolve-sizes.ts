import type { Diagnostic, Locator } from '../diagnostics/diagnostic.ts';
import { quoted } from '../diagnostics/printable.ts';
import { minimumFilesystemSize, smallest } from './auto-size.ts';
import { deviceNeed } from './device-needs.ts';
import type { BlockDevices, ContentUsage, Disk, Mkfs, Partitioning, StackLayout, UsageByMount } from './devices.ts';
import { Issues } from './issues.ts';
import { fits, placePartitions } from './placement.ts';
import { formatBytes, KIB, MIB, roundUp } from './sizes.ts';
import { deviceSize } from './stack-layout.ts';

/** Sizes in bytes, as far as they are known. */
export interface ResolvedSizes {
  /** By name of the disk; one is absent while its size, or that of a partition on it, depends on content not measured yet. */
  readonly disks: ReadonlyMap<string, number>;
  /** Of partitions whose size is `auto`. */
  readonly partitions: ReadonlyMap<string, number>;
}

export interface SizeOptions {
  /** Bytes added to the content instead of two thirds of it (DIB_IMAGE_EXTRA_SIZE); only where a size is computed, not with `auto`. */
  readonly extraSize?: number | undefined;
  /** Bytes of existing disks, by name, as far as they were looked at. */
  readonly existing?: ReadonlyMap<string, number> | undefined;
}

/** Step in which computed disks grow: diskimage-builder rounds up to 64 KiB. */
const COMPUTED_STEP = 64 * KIB;
const JOURNAL = 64 * MIB;
const NOTHING: ContentUsage = { bytes: 0, inodes: 0 };

/** Decides every size that is not written down, once it is known what the files take. */
export function resolveSizes(devices: BlockDevices, usage?: UsageByMount, options: SizeOptions = {}): ResolvedSizes {
  const partitions = new Map<string, number>();
  const disks = new Map<string, number>();
  for (const disk of devices.disks) {
    const table = devices.tables.find(({ base }) => base === disk.name);
    const given = typeof disk.size === 'object' ? disk.size.bytes : options.existing?.get(disk.name);
    if (disk.size === 'device' && given === undefined) continue;
    const waits = table?.partitions.some(({ size }) => size === 'auto') || given === undefined;
    if (waits && usage === undefined) continue;
    for (const partition of table?.partitions ?? []) {
      if (partition.size === 'auto') partitions.set(partition.name, autoNeed(devices, partition.name, usage ?? {}));
    }
    if (given !== undefined) disks.set(disk.name, given);
    else if (disk.size === 'auto') disks.set(disk.name, autoDiskSize(devices, disk, usage ?? {}, partitions));
    else disks.set(disk.name, computedDiskSize(devices, disk, usage ?? {}, partitions, options));
  }
  return { disks, partitions };
}

/** The smallest disk, in whole MiB, on which every file system holds its content. */
export function autoDiskSize(
  devices: BlockDevices,
  disk: Disk,
  usage: UsageByMount,
  partitionSizes: ReadonlyMap<string, number> = new Map(),
): number {
  return smallestDisk(devices, disk, MIB, partitionSizes, (device) => autoNeed(devices, device, usage));
}

/**
 * The size that diskimage-builder gives a disk without one: content / 0.6, 64 MiB for the journal of ext3 and ext4, rounded up to 64 KiB. Where it adds
 * 525 MiB for one known element, all partitions of a fixed size and the partition table are added here.
 */
export function computedDiskSize(
  devices: BlockDevices,
  disk: Disk,
  usage: UsageByMount,
  partitionSizes: ReadonlyMap<string, number> = new Map(),
  options: SizeOptions = {},
): number {
  const filesystemNeed = (mkfs: Mkfs): number => {
    const content = contentOf(devices, mkfs, usage);
    if (content === undefined) return minimumFilesystemSize(mkfs, NOTHING);
    const bytes =
      options.extraSize === undefined ? Math.trunc(content.bytes / KIB / 0.6) * KIB : content.bytes + options.extraSize;
    const journal = mkfs.type === 'ext3' || mkfs.type === 'ext4' ? JOURNAL : 0;
    return Math.max(bytes + journal, minimumFilesystemSize(mkfs, content));
  };
  const need = (device: string): number => deviceNeed(devices, device, filesystemNeed);
  return smallestDisk(devices, disk, COMPUTED_STEP, partitionSizes, need);
}

/** What lies on a partition or disk needs at least this much, in bytes. */
function autoNeed(devices: BlockDevices, device: string, usage: UsageByMount): number {
  const need = (mkfs: Mkfs): number => minimumFilesystemSize(mkfs, contentOf(devices, mkfs, usage) ?? NOTHING);
  return roundUp(deviceNeed(devices, device, need), MIB);
}

/** All that is mounted from a file system, its subvolumes included; undefined where nothing of it is. */
function contentOf(devices: BlockDevices, mkfs: Mkfs, usage: UsageByMount): ContentUsage | undefined {
  const sources = [mkfs.name, ...devices.subvolumes.filter(({ base }) => base === mkfs.name).map(({ name }) => name)];
  const mounts = devices.mounts.filter(({ base, mountPoint }) => sources.includes(base) && mountPoint !== 'none');
  if (mounts.length === 0) return undefined;
  return mounts
    .map(({ mountPoint }) => (Object.hasOwn(usage, mountPoint) ? (usage[mountPoint] ?? NOTHING) : NOTHING))
    .reduce((sum, each) => ({ bytes: sum.bytes + each.bytes, inodes: sum.inodes + each.inodes }));
}

/** The smallest multiple of `step` at which everything has a place and every percentage comes to what its partition needs. */
function smallestDisk(
  devices: BlockDevices,
  disk: Disk,
  step: number,
  autoSizes: ReadonlyMap<string, number>,
  need: (device: string) => number,
): number {
  const table = devices.tables.find(({ base }) => base === disk.name);
  if (table === undefined) return roundUp(need(disk.name), step);
  const needs = percentages(table).map((name) => ({ name, bytes: need(name) }));
  const holds = (steps: number): boolean => {
    const room = { size: steps * step, sectorSize: disk.blockSize, autoSizes };
    const placement = placePartitions(table, room);
    if (!fits(placement, room)) return false;
    return needs.every(
      ({ name, bytes }) => (placement.partitions.find((partition) => partition.name === name)?.length ?? 0) >= bytes,
    );
  };
  return smallest(1, holds) * step;
}

function percentages(table: Partitioning): readonly string[] {
  return table.partitions.flatMap(({ name, size }) => (size !== 'auto' && 'percent' in size ? [name] : []));
}

/** File systems whose content, now measured, does not fit in the room that they have; the build would fail in mkfs. */
export function checkContentFits(
  devices: BlockDevices,
  stack: StackLayout,
  usage: UsageByMount,
  locate?: Locator,
  pointerPrefix?: string,
): readonly Diagnostic[] {
  const issues = new Issues(locate ?? (() => undefined), pointerPrefix);
  for (const mkfs of devices.filesystems) {
    const content = contentOf(devices, mkfs, usage);
    const length = deviceSize(stack, mkfs.base);
    if (content === undefined || length === undefined) continue;
    const needed = minimumFilesystemSize(mkfs, content);
    if (needed <= length) continue;
    const where = devices.mounts.find(({ base }) => base === mkfs.name)?.mountPoint;
    // The model has some slack: only what cannot fit at all is an error, so that tight but possible layouts pass.
    const hopeless = content.bytes > length;
    const text = {
      summary: `the files ${where === undefined ? `of ${quoted(mkfs.name)}` : `at ${quoted(where)}`} ${hopeless ? 'do not' : 'may not'} fit into ${quoted(mkfs.base)}: ${formatBytes(needed)} needed, ${formatBytes(length)} there`,
      detail: `${formatBytes(content.bytes)} in ${content.inodes} files and directories, and what ${mkfs.type} itself takes.`,
      help: `make ${quoted(mkfs.base)} at least ${Math.ceil(needed / MIB)}MiB large, or use \`size: auto\``,
      address: `mkfs.${mkfs.name}`,
      part: 'key' as const,
    };
    if (hopeless) issues.error('DIB_BLOCKDEV_CONTENT_TOO_LARGE', mkfs.pointer, text);
    else issues.warn('DIB_BLOCKDEV_CONTENT_TIGHT', mkfs.pointer, text);
  }
  return issues.diagnostics;
}
