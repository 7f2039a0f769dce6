import type { DiskLayout, PlacedPartition } from './devices.ts';

/** Bytes to write at an offset of the disk. */
export interface Region {
  readonly offset: number;
  readonly bytes: Buffer;
}

const SIGNATURE = 440;
const ENTRIES = 446;
const END = 512;
/** Extended partition with LBA addressing, and the type that links of the chain carry. */
const EXTENDED = 0x0f;
const LINK = 0x05;

/**
 * The bytes of a master boot record and its extended boot records. Only the table is written, from the disk signature at 440 on: boot code
 * that stands before it stays. Sectors of 4096 bytes: records lie in the first 512 bytes of their sector.
 */
export function mbrBytes(layout: DiskLayout): readonly Region[] {
  const record = Buffer.alloc(END - SIGNATURE);
  record.writeUInt32LE(Number(layout.diskId ?? 0), 0);
  const primaries = layout.partitions.filter(({ kind }) => kind === 'primary');
  const logicals = layout.partitions.filter(({ kind }) => kind === 'logical');
  for (const partition of primaries) writePartition(record, ENTRIES - SIGNATURE + 16 * (partition.number - 1), partition, 0);
  const { extended } = layout;
  if (extended)
    writeEntry(record, ENTRIES - SIGNATURE + 16 * primaries.length, {
      type: EXTENDED,
      boot: false,
      start: extended.startSector,
      sectors: extended.sectors,
      lba: extended.startSector,
    });
  record.writeUInt16LE(0xaa55, END - SIGNATURE - 2);
  return [
    { offset: SIGNATURE, bytes: record },
    ...logicals.map((partition, index) => extendedBootRecord(layout, partition, logicals[index + 1])),
  ];
}

/** A link of the chain: the partition relative to the link, the next link relative to the extended partition. */
function extendedBootRecord(layout: DiskLayout, partition: PlacedPartition, next: PlacedPartition | undefined): Region {
  const bytes = Buffer.alloc(END - ENTRIES);
  const ebr = partition.ebrSector ?? 0;
  writePartition(bytes, 0, partition, ebr);
  if (next?.ebrSector !== undefined) {
    const sectors = next.startSector + next.sectors - next.ebrSector;
    const start = next.ebrSector - (layout.extended?.startSector ?? 0);
    writeEntry(bytes, 16, { type: LINK, boot: false, start, sectors, lba: next.ebrSector });
  }
  bytes.writeUInt16LE(0xaa55, END - ENTRIES - 2);
  return { offset: ebr * layout.sectorSize + ENTRIES, bytes };
}

function writePartition(target: Buffer, at: number, partition: PlacedPartition, relativeTo: number): void {
  const { startSector, sectors, boot } = partition;
  writeEntry(target, at, {
    type: Number.parseInt(partition.type, 16),
    boot,
    start: startSector - relativeTo,
    sectors,
    lba: startSector,
  });
}

interface Entry {
  readonly type: number;
  readonly boot: boolean;
  /** First sector as the entry counts it. */
  readonly start: number;
  readonly sectors: number;
  /** First sector on the disk, for the CHS address. */
  readonly lba: number;
}

function writeEntry(target: Buffer, at: number, entry: Entry): void {
  target.writeUInt8(entry.boot ? 0x80 : 0, at);
  writeChs(target, at + 1, entry.lba);
  target.writeUInt8(entry.type, at + 4);
  writeChs(target, at + 5, entry.lba + entry.sectors - 1);
  target.writeUInt32LE(entry.start, at + 8);
  target.writeUInt32LE(Math.min(entry.sectors, 0xffffffff), at + 12);
}

/** Address in cylinders, heads and sectors of a disk with 255 heads and 63 sectors; what lies beyond cylinder 1023 is 1023/254/63. */
function writeChs(target: Buffer, at: number, lba: number): void {
  const cylinder = Math.floor(lba / (255 * 63));
  const [c, h, s] = cylinder > 1023 ? [1023, 254, 63] : [cylinder, Math.floor(lba / 63) % 255, (lba % 63) + 1];
  target.writeUInt8(h, at);
  target.writeUInt8(s | ((c >> 2) & 0xc0), at + 1);
  target.writeUInt8(c & 0xff, at + 2);
}
