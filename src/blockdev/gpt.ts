import { crc32 } from 'node:zlib';
import type { DiskLayout } from './devices.ts';
import type { Region } from './mbr.ts';

const ENTRY_COUNT = 128;
const ENTRY_SIZE = 128;
const HEADER_SIZE = 92;
const PROTECTIVE_START = 440;

/** Where the parts of a GPT lie, in sectors. */
export interface GptGeometry {
  readonly firstUsable: number;
  readonly lastUsable: number;
  readonly backupEntries: number;
  readonly backupHeader: number;
}

/** Bytes are those of the disk; a last part of a sector is not used. */
export function gptGeometry(size: number, sectorSize: number): GptGeometry {
  const total = Math.floor(size / sectorSize);
  const entrySectors = (ENTRY_COUNT * ENTRY_SIZE) / sectorSize;
  return {
    firstUsable: 2 + entrySectors,
    lastUsable: total - entrySectors - 2,
    backupEntries: total - entrySectors - 1,
    backupHeader: total - 1,
  };
}

/**
 * The bytes of a GUID partition table (UEFI 2.10, 5.2 and 5.3): protective MBR, header and entries, and their backup at the end of the disk.
 * Boot code before byte 440 stays.
 */
export function gptBytes(layout: DiskLayout): readonly Region[] {
  const { sectorSize } = layout;
  const geometry = gptGeometry(layout.size, sectorSize);
  const entries = entryArray(layout);
  const primary = { self: 1, other: geometry.backupHeader, entries: 2 };
  const backup = { self: geometry.backupHeader, other: 1, entries: geometry.backupEntries };
  return [
    { offset: PROTECTIVE_START, bytes: protectiveMbr(geometry.backupHeader) },
    { offset: sectorSize, bytes: header(layout, geometry, primary, entries) },
    { offset: 2 * sectorSize, bytes: entries },
    { offset: backup.entries * sectorSize, bytes: entries },
    { offset: backup.self * sectorSize, bytes: header(layout, geometry, backup, entries) },
  ];
}

/** One partition of type EE over the whole disk, so that tools that only know MBRs keep off. */
function protectiveMbr(lastSector: number): Buffer {
  const bytes = Buffer.alloc(512 - PROTECTIVE_START);
  const at = 446 - PROTECTIVE_START;
  bytes.set([0x00, 0x00, 0x02, 0x00, 0xee, 0xff, 0xff, 0xff], at);
  bytes.writeUInt32LE(1, at + 8);
  bytes.writeUInt32LE(Math.min(lastSector, 0xffffffff), at + 12);
  bytes.writeUInt16LE(0xaa55, bytes.length - 2);
  return bytes;
}

function entryArray(layout: DiskLayout): Buffer {
  const bytes = Buffer.alloc(ENTRY_COUNT * ENTRY_SIZE);
  for (const partition of layout.partitions) {
    const at = (partition.number - 1) * ENTRY_SIZE;
    guidBytes(partition.type).copy(bytes, at);
    guidBytes(partition.uuid).copy(bytes, at + 16);
    bytes.writeBigUInt64LE(BigInt(partition.startSector), at + 32);
    bytes.writeBigUInt64LE(BigInt(partition.startSector + partition.sectors - 1), at + 40);
    bytes.write(partition.name, at + 56, 72, 'utf16le');
  }
  return bytes;
}

function header(
  layout: DiskLayout,
  geometry: GptGeometry,
  place: { readonly self: number; readonly other: number; readonly entries: number },
  entries: Buffer,
): Buffer {
  const bytes = Buffer.alloc(layout.sectorSize);
  bytes.write('EFI PART', 0, 'latin1');
  bytes.writeUInt32LE(0x00010000, 8);
  bytes.writeUInt32LE(HEADER_SIZE, 12);
  bytes.writeBigUInt64LE(BigInt(place.self), 24);
  bytes.writeBigUInt64LE(BigInt(place.other), 32);
  bytes.writeBigUInt64LE(BigInt(geometry.firstUsable), 40);
  bytes.writeBigUInt64LE(BigInt(geometry.lastUsable), 48);
  guidBytes(layout.diskId ?? '').copy(bytes, 56);
  bytes.writeBigUInt64LE(BigInt(place.entries), 72);
  bytes.writeUInt32LE(ENTRY_COUNT, 80);
  bytes.writeUInt32LE(ENTRY_SIZE, 84);
  bytes.writeUInt32LE(crc32(entries), 88);
  // Of the header with this field zero.
  bytes.writeUInt32LE(crc32(bytes.subarray(0, HEADER_SIZE)), 16);
  return bytes;
}

/** A GUID as GPT stores it: the first three groups little-endian. */
export function guidBytes(guid: string): Buffer {
  const bytes = Buffer.from(guid.replaceAll('-', ''), 'hex');
  bytes.subarray(0, 4).reverse();
  bytes.subarray(4, 6).reverse();
  bytes.subarray(6, 8).reverse();
  return bytes;
}
