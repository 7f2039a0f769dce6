/** What a member's superblock says of its array and of its place in it. Sizes are sectors of 512 bytes. */
export interface MdSuperblock {
  /** 32 hexadecimal digits. */
  readonly uuid: string;
  /** Bits of what else the metadata has: MD_FEATURE_... in the source below. */
  readonly features: number;
  readonly level: number;
  /** How chunks go round the members: its meaning is the level's. */
  readonly layout: number;
  /** What the array uses of each member. */
  readonly componentSize: number;
  readonly chunk: number;
  readonly members: number;
  readonly dataOffset: number;
  readonly dataSize: number;
  /** Place of this member, from 0 on; undefined of a spare, and of one that failed. */
  readonly place: number | undefined;
  /** Grows with each change: equal on all members that took part in the last one. */
  readonly events: bigint;
}

/** The only feature of an array that is nothing but whole and has a write-intent bitmap. */
export const MD_FEATURE_BITMAP = 1;

/** Bytes that hold a superblock with the places of up to 384 members. */
export const MD_SUPERBLOCK_BYTES = 1024;

const MAGIC = 0xa92b4efc;
const SECTOR = 512;
const PLACES = 256;
/** Places from here on say why there is none. */
const NO_PLACE = 0xff00;

/** Where metadata 1.0 stands on a device of `size` bytes, from its start: super_1_load() in linux, drivers/md/md.c. */
export function mdSuperblockAtEnd(size: number): number {
  return Math.floor(size / SECTOR / 8) * 8 * SECTOR - 16 * SECTOR;
}

/** Whether a superblock of version 1 begins here. */
export function isMdSuperblock(block: Buffer): boolean {
  return block.length >= PLACES && block.readUInt32LE(0) === MAGIC && block.readUInt32LE(4) === 1;
}

/** struct mdp_superblock_1: linux, include/uapi/linux/raid/md_p.h. Undefined where there is none. */
export function readMdSuperblock(block: Buffer): MdSuperblock | undefined {
  if (!isMdSuperblock(block)) return undefined;
  const sectors = (offset: number) => Number(block.readBigUInt64LE(offset));
  const entry = PLACES + 2 * block.readUInt32LE(160);
  const place = entry + 2 <= block.length ? block.readUInt16LE(entry) : NO_PLACE;
  return {
    uuid: block.toString('hex', 16, 32),
    features: block.readUInt32LE(8),
    level: block.readInt32LE(72),
    layout: block.readInt32LE(76),
    componentSize: sectors(80),
    chunk: block.readUInt32LE(88),
    members: block.readUInt32LE(92),
    dataOffset: sectors(128),
    dataSize: sectors(136),
    place: place < NO_PLACE ? place : undefined,
    events: block.readBigUInt64LE(200),
  };
}
