import type { Partition, Partitioning, PlacedPartition } from './devices.ts';
import { MIB, roundDown, roundUp } from './sizes.ts';

/** One line of the arithmetic: what takes how many bytes of a disk. */
export interface Share {
  readonly name: string;
  /** Size as written, such as `100%`. */
  readonly text: string;
  /** Bytes of the partition. */
  readonly bytes: number;
  /** Bytes lost before it for alignment and tables. */
  readonly gap: number;
}

export interface Placement {
  readonly partitions: readonly PlacedPartition[];
  readonly extended?: { readonly startSector: number; readonly sectors: number } | undefined;
  readonly shares: readonly Share[];
  /** Bytes from the start of the disk that all of it takes, the backup table included. */
  readonly needed: number;
  /** Bytes kept free behind the last partition. */
  readonly tail: number;
  /** Names of partitions for which less than one sector (gpt: 1 MiB) is left or asked for. */
  readonly empty: readonly string[];
}

/** What placing needs to know of the disk. */
export interface Room {
  /** Bytes. */
  readonly size: number;
  readonly sectorSize: number;
  /** Bytes of partitions whose size is `auto`. */
  readonly autoSizes: ReadonlyMap<string, number>;
}

/** Sectors that the table's 32-bit numbers reach. */
export const MBR_SECTORS = 2 ** 32;

/**
 * Places partitions as diskimage-builder does. Does not judge: a placement that needs more than the disk has is given as it is.
 * gpt: what sgdisk makes of `--new=0:0:+<n>M`: from 1 MiB on, whole MiB each, out of all but 2 MiB of the disk.
 * mbr: lengths in sectors, starts aligned; a logical partition begins one alignment after its extended boot record.
 */
export function placePartitions(table: Partitioning, room: Room): Placement {
  return table.label === 'gpt' ? placeGpt(table, room) : placeMbr(table, room);
}

/** Bytes that a partition asks for out of what is free. */
function requested(partition: Partition, free: number, room: Room): number {
  if (partition.size === 'auto') return room.autoSizes.get(partition.name) ?? 0;
  if ('bytes' in partition.size) return partition.size.bytes;
  return Math.max(0, Math.trunc((free * partition.size.percent) / 100));
}

function placeGpt(table: Partitioning, room: Room): Placement {
  const partitions: PlacedPartition[] = [];
  const shares: Share[] = [];
  const empty: string[] = [];
  let free = room.size - 2 * MIB;
  let offset = MIB;
  for (const [index, partition] of table.partitions.entries()) {
    const wanted = requested(partition, free, room);
    const length = roundDown(wanted, MIB);
    free -= wanted;
    if (length === 0) empty.push(partition.name);
    shares.push({ name: partition.name, text: partition.sizeText, bytes: length, gap: index === 0 ? MIB : 0 });
    partitions.push(placed(partition, 'gpt', index + 1, offset / room.sectorSize, length / room.sectorSize, room.sectorSize));
    offset += length;
  }
  return { partitions, shares, needed: offset + MIB, tail: MIB, empty };
}

function placeMbr(table: Partitioning, room: Room): Placement {
  const { sectorSize } = room;
  const align = table.align / sectorSize;
  const total = Math.floor(room.size / sectorSize);
  const partitions: PlacedPartition[] = [];
  const shares: Share[] = [];
  const empty: string[] = [];
  let nextFree = align;
  let end = 0;
  let extendedStart: number | undefined;
  let logicals = 0;
  for (const [index, partition] of table.partitions.entries()) {
    const free = (total - nextFree - align) * sectorSize;
    const sectors = Math.floor(requested(partition, free, room) / sectorSize);
    if (sectors === 0) empty.push(partition.name);
    const ebrSector = partition.primary ? undefined : nextFree;
    if (ebrSector !== undefined) extendedStart ??= ebrSector;
    const start = partition.primary ? nextFree : nextFree + align;
    const number = partition.primary ? index + 1 : 5 + logicals++;
    shares.push({ name: partition.name, text: partition.sizeText, bytes: sectors * sectorSize, gap: (start - end) * sectorSize });
    partitions.push({
      ...placed(partition, partition.primary ? 'primary' : 'logical', number, start, sectors, sectorSize),
      ...(ebrSector === undefined ? {} : { ebrSector }),
    });
    end = start + sectors;
    nextFree = roundUp(end, align);
  }
  return {
    partitions,
    ...(extendedStart === undefined ? {} : { extended: { startSector: extendedStart, sectors: total - extendedStart } }),
    shares,
    needed: end * sectorSize,
    tail: 0,
    empty,
  };
}

function placed(
  partition: Partition,
  kind: PlacedPartition['kind'],
  number: number,
  startSector: number,
  sectors: number,
  sectorSize: number,
): PlacedPartition {
  const { name, type, uuid, boot } = partition;
  return {
    name,
    number,
    kind,
    startSector,
    sectors,
    offset: startSector * sectorSize,
    length: sectors * sectorSize,
    type,
    uuid,
    boot,
  };
}

/** Whether everything has a place on the disk. */
export function fits(placement: Placement, room: Room): boolean {
  return placement.empty.length === 0 && placement.needed <= roundDown(room.size, room.sectorSize);
}
