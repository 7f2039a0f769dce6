import type { ContentUsage, Mkfs } from './devices.ts';
import { effectiveMkfsOpts, FILESYSTEMS, hasFeature, optionValue } from './filesystems.ts';
import { GIB, KIB, MIB, roundDown, roundUp } from './sizes.ts';

/** Bytes that a file system has beyond what its content takes, for what the first boot writes. */
const SLACK = 16 * MIB;
/** The part of the content that is added for what the model does not count: extent blocks, fragments. */
const SLACK_SHARE = 0.02;
const MODEL_BLOCK = 4 * KIB;
/** Inodes 1 to 10 are reserved, 11 is lost+found. */
const RESERVED_INODES = 11;

/** The smallest size, in whole MiB, that a file system with these arguments for mkfs must have to hold the content. */
export function minimumFilesystemSize(mkfs: Pick<Mkfs, 'type' | 'opts'>, usage: ContentUsage): number {
  const floor = roundUp(FILESYSTEMS[mkfs.type].minimum, MIB);
  switch (mkfs.type) {
    case 'ext2':
    case 'ext3':
    case 'ext4':
      return Math.max(floor, minimumExt(mkfs, usage));
    case 'vfat':
      return Math.max(floor, minimumFat(usage));
    case 'xfs':
      // Internal log of at least 64 MiB, inodes of 512 bytes, allocation group headers.
      return Math.max(floor, roundUp(withSlack(usage.bytes) + usage.inodes * 512 + 80 * MIB, MIB));
    case 'btrfs':
      // Metadata is written twice; block groups come in large pieces.
      return Math.max(floor, roundUp(usage.bytes * 1.1 + usage.inodes * 2 * KIB + 256 * MIB, MIB));
    case 'swap':
      return floor;
  }
}

function withSlack(bytes: number): number {
  return bytes * (1 + SLACK_SHARE) + SLACK;
}

/** The first size that offers enough, found by halving: what ext offers grows with its size. */
function minimumExt(mkfs: Pick<Mkfs, 'type' | 'opts'>, usage: ContentUsage): number {
  const holds = (mebibytes: number): boolean => {
    const offer = extCapacity(mkfs, mebibytes * MIB);
    // ext2 and ext3 map blocks one by one: a block of pointers for each file above 12 blocks, and one for each 256.
    const mapping = mkfs.type === 'ext4' ? 0 : usage.bytes / 128 + Math.min(usage.inodes * MODEL_BLOCK, usage.bytes / 3);
    return offer.bytes >= withSlack(usage.bytes) + mapping && offer.inodes >= usage.inodes;
  };
  return smallest(1, holds) * MIB;
}

/** The smallest integer from `start` for which `holds` is true; it must stay true from there on. */
export function smallest(start: number, holds: (value: number) => boolean): number {
  let high = start;
  while (!holds(high)) {
    high *= 2;
    if (high > Number.MAX_SAFE_INTEGER / 2) throw new RangeError('no size is large enough');
  }
  let low = Math.max(start, Math.floor(high / 2));
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Bytes and inodes that an empty ext file system of this size offers, at least: the layout that mke2fs(8) makes, with blocks of 4096 and, below 512 MiB, also 1024 bytes. */
export function extCapacity(mkfs: Pick<Mkfs, 'type' | 'opts'>, size: number): ContentUsage {
  const opts = effectiveMkfsOpts(mkfs, size);
  const given = Number(optionValue(opts, 'b'));
  // mke2fs.conf of e2fsprogs up to 1.47 makes small file systems with blocks of 1024 bytes; later ones do not.
  const blockSizes = given >= KIB ? [given] : size < 512 * MIB ? [KIB, MODEL_BLOCK] : [MODEL_BLOCK];
  const offers = blockSizes.map((blockSize) => extOffer(mkfs.type, opts, size, blockSize));
  return { bytes: Math.min(...offers.map(({ bytes }) => bytes)), inodes: Math.min(...offers.map(({ inodes }) => inodes)) };
}

function extOffer(type: Mkfs['type'], opts: readonly string[], size: number, blockSize: number): ContentUsage {
  const blocks = Math.floor(size / blockSize);
  const blocksPerGroup = 8 * blockSize;
  const groups = Math.ceil(blocks / blocksPerGroup);
  const inodeSize = Number(optionValue(opts, 'I') ?? 256);
  const ratio = Number(optionValue(opts, 'i') ?? 16384);
  const inodes = Number(optionValue(opts, 'N') ?? Math.floor(size / ratio));
  const inodesPerBlock = blockSize / inodeSize;
  // Tables fill whole blocks; then the number per group is rounded down to a multiple of 8.
  const tableBlocks = Math.ceil(Math.ceil(inodes / groups) / inodesPerBlock);
  const inodesPerGroup = roundDown(tableBlocks * inodesPerBlock, 8);
  const descriptors = Math.ceil((groups * 64) / blockSize);
  const growth = Math.min(blocks * 1024, 2 ** 32) / blocksPerGroup;
  const reserved = hasFeature(opts, '^resize_inode')
    ? 0
    : Math.min(blockSize / 4, Math.max(0, Math.ceil((growth * 64) / blockSize) - descriptors));
  const superblocks = sparseGroups(groups) * (1 + descriptors + reserved);
  const lostAndFound = 16;
  const used = (tableBlocks + 2) * groups + superblocks + journalBlocks(type, opts, blocks, blockSize) + lostAndFound;
  return { bytes: (blocks - used) * blockSize, inodes: inodesPerGroup * groups - RESERVED_INODES };
}

/** How many groups hold a copy of the superblock: 0, 1 and the powers of 3, 5 and 7. */
function sparseGroups(groups: number): number {
  const holders = new Set([0, 1].filter((group) => group < groups));
  for (const base of [3, 5, 7]) for (let group = base; group < groups; group *= base) holders.add(group);
  return holders.size;
}

function journalBlocks(type: Mkfs['type'], opts: readonly string[], blocks: number, blockSize: number): number {
  if (type === 'ext2' || hasFeature(opts, '^has_journal')) return 0;
  const given = /(?:^|,)size=([0-9]+)/.exec(optionValue(opts, 'J') ?? '');
  if (given) return (Number(given[1]) * MIB) / blockSize;
  // What mke2fs chooses by itself (ext2fs_default_journal_size).
  const steps: readonly (readonly [number, number])[] = [
    [2048, 0],
    [32_768, 1024],
    [262_144, 4096],
    [524_288, 8192],
    [4_194_304, 16_384],
    [8_388_608, 32_768],
    [16_777_216, 65_536],
    [33_554_432, 131_072],
  ];
  return steps.find(([below]) => blocks < below)?.[1] ?? 262_144;
}

/** FAT: files in whole clusters (8 KiB as the most that mkfs.fat chooses up to 16 GiB), two tables of up to 4 bytes a cluster of 512 bytes. */
function minimumFat(usage: ContentUsage): number {
  const cluster = usage.bytes > 8 * GIB ? 32 * KIB : 8 * KIB;
  return roundUp((usage.bytes + usage.inodes * cluster) * 1.02 + MIB, MIB);
}
