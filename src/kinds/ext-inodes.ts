import type { FileHandle } from 'node:fs/promises';
import { fail } from '../diagnostics/errors.ts';
import { openDisk } from './disk-file.ts';

/**
 * Direct edits of an ext2, ext3 or ext4 file system that mke2fs has just filled: what `mke2fs -d` of e2fsprogs 1.47.0 leaves to chance.
 * Layout after "Ext4 Disk Layout" of the kernel documentation (Documentation/filesystems/ext4).
 */

/** What the root directory of the file system must look like: mke2fs -d fills it but does not copy these. */
export interface RootInode {
  /** Permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Seconds since 1970. */
  readonly mtime: number;
}

interface Superblock {
  readonly blockSize: number;
  readonly groups: number;
  readonly inodesPerGroup: number;
  readonly inodeSize: number;
  readonly descriptorSize: number;
  readonly descriptorTable: number;
  readonly wideDescriptors: boolean;
  /** Groups may leave the end of their inode table uninitialised. */
  readonly lazyTables: boolean;
  /** Seed of the inode checksums; absent without metadata_csum. */
  readonly seed?: number | undefined;
}

const SUPERBLOCK_OFFSET = 1024;
const MAGIC = 0xef53;
const ROOT_INODE = 2;
const FIRST_FREE_INODE = 11;
const INCOMPAT_META_BG = 0x10;
const INCOMPAT_64BIT = 0x80;
const INCOMPAT_CSUM_SEED = 0x2000;
const RO_COMPAT_GDT_CSUM = 0x10;
const RO_COMPAT_METADATA_CSUM = 0x400;
const GROUP_INODES_UNINIT = 1;

const CRC32C_TABLE = makeTable();

function makeTable(): Uint32Array {
  const table = new Uint32Array(256);
  for (let index = 0; index < 256; index++) {
    let value = index;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
    table[index] = value;
  }
  return table;
}

/** CRC-32C (Castagnoli) without the final inversion, as ext4 uses it: chains from any seed. */
export function crc32c(seed: number, bytes: Uint8Array): number {
  let crc = seed;
  for (const byte of bytes) crc = (CRC32C_TABLE[(crc ^ byte) & 0xff] as number) ^ (crc >>> 8);
  return crc >>> 0;
}

/**
 * Makes every time stamp independent of when and how the source tree was copied: change, access and creation times become `epoch`,
 * modification times later than it too. Gives the root directory its owner, mode and time. Checksums are kept right.
 */
export async function normaliseExt(file: string, offset: number, epoch: number, root: RootInode | undefined): Promise<void> {
  const handle = await openDisk(file);
  try {
    const superblock = await readSuperblock(handle, offset);
    const descriptors = Buffer.alloc(superblock.groups * superblock.descriptorSize);
    await handle.read(descriptors, 0, descriptors.length, offset + superblock.descriptorTable);
    for (let group = 0; group < superblock.groups; group++) {
      await normaliseGroup(handle, offset, superblock, descriptors, group, epoch, root);
    }
  } finally {
    await handle.close();
  }
}

async function readSuperblock(handle: FileHandle, offset: number): Promise<Superblock> {
  const bytes = Buffer.alloc(1024);
  await handle.read(bytes, 0, 1024, offset + SUPERBLOCK_OFFSET);
  const incompat = bytes.readUInt32LE(96);
  const roCompat = bytes.readUInt32LE(100);
  if (bytes.readUInt16LE(56) !== MAGIC) throw new Error(`no ext file system at byte ${offset}`);
  if (incompat & INCOMPAT_META_BG) {
    fail({
      code: 'DIB_MKFS_UNSUPPORTED',
      summary: 'The ext feature `meta_bg` is not supported offline',
      detail: 'dib sets owners and times in the inode tables itself and does not know this layout.',
      help: 'Remove `meta_bg` from the mkfs `opts`, or use `--realisation attached`.',
    });
  }
  const blockSize = 1024 << bytes.readUInt32LE(24);
  const firstDataBlock = bytes.readUInt32LE(20);
  const wideDescriptors = (incompat & INCOMPAT_64BIT) !== 0;
  const blocks = bytes.readUInt32LE(4) + (wideDescriptors ? bytes.readUInt32LE(0x150) * 2 ** 32 : 0);
  const checksummed = (roCompat & RO_COMPAT_METADATA_CSUM) !== 0;
  const seed = incompat & INCOMPAT_CSUM_SEED ? bytes.readUInt32LE(0x270) : crc32c(0xffffffff, bytes.subarray(104, 120));
  return {
    blockSize,
    groups: Math.ceil((blocks - firstDataBlock) / bytes.readUInt32LE(32)),
    inodesPerGroup: bytes.readUInt32LE(40),
    inodeSize: bytes.readUInt16LE(88),
    descriptorSize: wideDescriptors ? bytes.readUInt16LE(254) : 32,
    descriptorTable: (firstDataBlock + 1) * blockSize,
    wideDescriptors,
    lazyTables: checksummed || (roCompat & RO_COMPAT_GDT_CSUM) !== 0,
    seed: checksummed ? seed : undefined,
  };
}

async function normaliseGroup(
  handle: FileHandle,
  offset: number,
  superblock: Superblock,
  descriptors: Buffer,
  group: number,
  epoch: number,
  root: RootInode | undefined,
): Promise<void> {
  const { inodeSize, inodesPerGroup, wideDescriptors } = superblock;
  const at = group * superblock.descriptorSize;
  const flags = descriptors.readUInt16LE(at + 0x12);
  if (superblock.lazyTables && flags & GROUP_INODES_UNINIT) return;
  const short = (low: number, high: number): number =>
    descriptors.readUInt16LE(at + low) + (wideDescriptors ? descriptors.readUInt16LE(at + high) * 2 ** 16 : 0);
  const free = short(0x0e, 0x2e);
  if (free === inodesPerGroup) return;
  const table = descriptors.readUInt32LE(at + 8) + (wideDescriptors ? descriptors.readUInt32LE(at + 0x28) * 2 ** 32 : 0);
  const unused = superblock.lazyTables ? short(0x1c, 0x32) : 0;
  const bytes = Buffer.alloc((inodesPerGroup - unused) * inodeSize);
  const position = offset + table * superblock.blockSize;
  await handle.read(bytes, 0, bytes.length, position);
  let changed = false;
  for (let index = 0; index * inodeSize < bytes.length; index++) {
    const number = group * inodesPerGroup + index + 1;
    if (number !== ROOT_INODE && number < FIRST_FREE_INODE) continue;
    const inode = bytes.subarray(index * inodeSize, (index + 1) * inodeSize);
    if (inode.readUInt16LE(0) === 0 || inode.readUInt16LE(26) === 0) continue;
    changed = true;
    if (number === ROOT_INODE && root !== undefined) setRoot(inode, root);
    setTimes(inode, epoch);
    if (superblock.seed !== undefined) setChecksum(inode, number, superblock.seed);
  }
  if (changed) await handle.write(bytes, 0, bytes.length, position);
}

function setRoot(inode: Buffer, root: RootInode): void {
  inode.writeUInt16LE((inode.readUInt16LE(0) & 0xf000) | (root.mode & 0o7777), 0);
  inode.writeUInt16LE(root.uid & 0xffff, 2);
  inode.writeUInt16LE(root.uid >>> 16, 120);
  inode.writeUInt16LE(root.gid & 0xffff, 24);
  inode.writeUInt16LE(root.gid >>> 16, 122);
  setTime(inode, 16, 136, root.mtime);
}

function setTimes(inode: Buffer, epoch: number): void {
  setTime(inode, 8, 140, epoch);
  setTime(inode, 12, 132, epoch);
  const high = hasField(inode, 136) ? inode.readUInt32LE(136) & 3 : 0;
  if (inode.readInt32LE(16) + high * 2 ** 32 >= epoch) setTime(inode, 16, 136, epoch);
  if (hasField(inode, 148)) setTime(inode, 144, 148, epoch);
}

/** Writes whole seconds: the low 32 bits in one field, two more bits in the `extra` field where the inode has it. */
function setTime(inode: Buffer, field: number, extra: number, seconds: number): void {
  const low = seconds | 0;
  inode.writeInt32LE(low, field);
  if (hasField(inode, extra)) inode.writeUInt32LE(((seconds - low) / 2 ** 32) & 3, extra);
}

/** Whether the inode is large enough for a 4-byte field beyond the classic 128 bytes. */
function hasField(inode: Buffer, field: number): boolean {
  return inode.length > 128 && 128 + inode.readUInt16LE(128) >= field + 4;
}

function setChecksum(inode: Buffer, number: number, seed: number): void {
  const wide = inode.length > 128 && inode.readUInt16LE(128) >= 4;
  inode.writeUInt16LE(0, 124);
  if (wide) inode.writeUInt16LE(0, 130);
  const id = Buffer.alloc(4);
  id.writeUInt32LE(number);
  const generation = inode.subarray(100, 104);
  const crc = crc32c(crc32c(crc32c(seed, id), generation), inode);
  inode.writeUInt16LE(crc & 0xffff, 124);
  if (wide) inode.writeUInt16LE(crc >>> 16, 130);
}
