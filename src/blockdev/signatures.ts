import { printedLvmId } from './lvm-metadata.ts';
import { isMdSuperblock, mdSuperblockAtEnd } from './md-superblock.ts';

/** Reads `length` bytes of a device from `offset` on; fewer where it ends. */
export type ReadBytes = (offset: number, length: number) => Promise<Uint8Array>;

/** What a superblock or header says of the device that it stands on. Names of types are those of libblkid (blkid(8), TYPE). */
export interface Signature {
  readonly type: SignatureType;
  /** As blkid prints it; of LVM2_member 32 characters with dashes in six places. Absent for tables and where there is none. */
  readonly uuid?: string | undefined;
  /** Absent where the type has none, or it is empty. */
  readonly label?: string | undefined;
}

export type SignatureType =
  | 'ext2'
  | 'ext3'
  | 'ext4'
  | 'xfs'
  | 'btrfs'
  | 'vfat'
  | 'swap'
  | 'crypto_LUKS'
  | 'LVM2_member'
  | 'linux_raid_member'
  | 'gpt'
  | 'mbr';

type Reader = (read: ReadBytes, size: number) => Promise<Signature | undefined>;

const SECTOR = 512;

/** All that is found on a device of `size` bytes: more than one where a later one was written over part of an earlier one. */
export async function readSignatures(read: ReadBytes, size: number): Promise<readonly Signature[]> {
  const found: Signature[] = [];
  for (const reader of READERS) {
    const signature = await reader(read, size);
    if (signature !== undefined) found.push(signature);
  }
  return found;
}

/** Bytes with the accessors that superblocks need; undefined where the device ends before. */
async function piece(read: ReadBytes, offset: number, length: number): Promise<Buffer | undefined> {
  const bytes = await read(offset, length);
  return bytes.length < length ? undefined : Buffer.from(bytes.buffer, bytes.byteOffset, length);
}

/** struct ext2_super_block: e2fsprogs, lib/ext2fs/ext2_fs.h. What ext3 lacks of features makes it ext4, as in libblkid. */
const ext: Reader = async (read) => {
  const block = await piece(read, 1024, 1024);
  if (block === undefined || block.readUInt16LE(56) !== 0xef53) return undefined;
  const [compatible, incompatible, readOnly] = [block.readUInt32LE(92), block.readUInt32LE(96), block.readUInt32LE(100)];
  const isExt4 = (incompatible & ~EXT3_INCOMPATIBLE) !== 0 || (readOnly & ~EXT3_READ_ONLY) !== 0;
  const type = isExt4 ? 'ext4' : (compatible & EXT_HAS_JOURNAL) === 0 ? 'ext2' : 'ext3';
  return { type, uuid: uuidText(block.subarray(104, 120)), label: text(block.subarray(120, 136)) };
};
const EXT_HAS_JOURNAL = 0x4;
/** filetype, needs_recovery, meta_bg. */
const EXT3_INCOMPATIBLE = 0x16;
/** sparse_super, large_file, btree_dir. */
const EXT3_READ_ONLY = 0x7;

/** struct xfs_dsb: linux, fs/xfs/libxfs/xfs_format.h. */
const xfs: Reader = async (read) => {
  const block = await piece(read, 0, 128);
  if (block === undefined || block.toString('latin1', 0, 4) !== 'XFSB') return undefined;
  return { type: 'xfs', uuid: uuidText(block.subarray(32, 48)), label: text(block.subarray(108, 120)) };
};

/** struct btrfs_super_block: linux, include/uapi/linux/btrfs_tree.h. */
const btrfs: Reader = async (read) => {
  const block = await piece(read, 65_536, 1024);
  if (block === undefined || block.toString('latin1', 64, 72) !== '_BHRfS_M') return undefined;
  return { type: 'btrfs', uuid: uuidText(block.subarray(32, 48)), label: text(block.subarray(299, 555)) };
};

/** FAT12/16/32 boot sector: Microsoft's "FAT: General Overview of On-Disk Format", with the volume id as blkid writes it. */
const vfat: Reader = async (read) => {
  const sector = await piece(read, 0, SECTOR);
  if (sector === undefined || sector.readUInt16LE(510) !== 0xaa55) return undefined;
  const wide = sector.toString('latin1', 82, 87) === 'FAT32';
  if (!wide && !/^FAT1[26]?/.test(sector.toString('latin1', 54, 59))) return undefined;
  const start = wide ? 67 : 39;
  const id = sector.readUInt32LE(start).toString(16).toUpperCase().padStart(8, '0');
  const label = text(sector.subarray(start + 4, start + 15));
  return { type: 'vfat', uuid: `${id.slice(0, 4)}-${id.slice(4)}`, label: label === 'NO NAME' ? undefined : label };
};

/** union swap_header: linux, include/linux/swap.h. The signature ends the first page, whose size is the maker's. */
const swap: Reader = async (read) => {
  for (const page of [4096, 8192, 16_384, 65_536]) {
    const block = await piece(read, 0, page);
    if (block === undefined) return undefined;
    if (block.toString('latin1', page - 10) !== 'SWAPSPACE2') continue;
    return { type: 'swap', uuid: uuidText(block.subarray(1036, 1052)), label: text(block.subarray(1052, 1068)) };
  }
  return undefined;
};

/** LUKS1 and LUKS2 binary headers: cryptsetup, docs/on-disk-format.pdf and docs/on-disk-format-luks2.pdf. */
const luks: Reader = async (read) => {
  const header = await piece(read, 0, SECTOR);
  if (header === undefined || header.toString('latin1', 0, 6) !== 'LUKS\xba\xbe') return undefined;
  const label = header.readUInt16BE(6) === 2 ? text(header.subarray(24, 72)) : undefined;
  return { type: 'crypto_LUKS', uuid: text(header.subarray(168, 208)), label };
};

/** struct label_header and pv_header in one of the first four sectors: lvm2, lib/label/label.h, lib/format_text/layout.h. */
const lvm: Reader = async (read) => {
  const sectors = await piece(read, 0, 4 * SECTOR);
  for (let at = 0; sectors !== undefined && at < 4 * SECTOR; at += SECTOR) {
    if (sectors.toString('latin1', at, at + 8) !== 'LABELONE') continue;
    if (sectors.toString('latin1', at + 24, at + 32) !== 'LVM2 001') continue;
    const header = at + sectors.readUInt32LE(at + 20);
    if (header + 32 > sectors.length) return undefined;
    return { type: 'LVM2_member', uuid: printedLvmId(sectors.toString('latin1', header, header + 32)) };
  }
  return undefined;
};

/** struct mdp_superblock_1, versions 1.2, 1.1 and 1.0: linux, include/uapi/linux/raid/md_p.h. */
const md: Reader = async (read, size) => {
  for (const offset of [4096, 0, mdSuperblockAtEnd(size)]) {
    const block = offset < 0 ? undefined : await piece(read, offset, 256);
    if (block === undefined || !isMdSuperblock(block)) continue;
    return { type: 'linux_raid_member', uuid: uuidText(block.subarray(16, 32)), label: text(block.subarray(32, 64)) };
  }
  return undefined;
};

/** Partition tables: UEFI specification, chapter 5. The boot sector of a FAT has the same last two bytes and is none. */
const table: Reader = async (read, size) => {
  const sectors = await piece(read, 0, 2 * SECTOR);
  if (sectors === undefined) return undefined;
  const larger = size >= 8192 ? await piece(read, 4096, 8) : undefined;
  if (sectors.toString('latin1', SECTOR, SECTOR + 8) === 'EFI PART' || larger?.toString('latin1') === 'EFI PART')
    return { type: 'gpt' };
  if (sectors.readUInt16LE(510) !== 0xaa55 || (await vfat(read, size)) !== undefined) return undefined;
  const entries = [446, 462, 478, 494].map((at) => sectors.subarray(at, at + 16));
  const valid = entries.every((entry) => entry[0] === 0 || entry[0] === 0x80);
  return valid && entries.some((entry) => entry[4] !== 0) ? { type: 'mbr' } : undefined;
};

const READERS: readonly Reader[] = [ext, xfs, btrfs, vfat, swap, luks, lvm, md, table];

/** Lower-case UUID of 16 bytes; undefined when all are zero. */
function uuidText(bytes: Uint8Array): string | undefined {
  const hex = Buffer.from(bytes).toString('hex');
  if (/^0+$/.test(hex)) return undefined;
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** Text up to the first NUL, without the blanks that FAT pads with; undefined when nothing is left. */
function text(bytes: Uint8Array): string | undefined {
  const end = bytes.indexOf(0);
  const value = Buffer.from(end === -1 ? bytes : bytes.subarray(0, end))
    .toString('utf8')
    .trimEnd();
  return value === '' ? undefined : value;
}
