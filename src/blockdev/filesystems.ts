import type { FilesystemType, Mkfs } from './devices.ts';
import { GIB, KIB, MIB } from './sizes.ts';

export interface FilesystemTraits {
  /** Longest label, in bytes. */
  readonly labelBytes: number;
  /** Smallest size that its mkfs accepts, in bytes. */
  readonly minimum: number;
  /** Characters that its label cannot hold, besides control characters. */
  readonly labelForbids?: RegExp;
  /** Whether a Linux root file system can lie on it. */
  readonly root: boolean;
}

/**
 * What mkfs can do per type, the usual type first: of names that are equally near, it is the one suggested. Labels: ext2-4 `volume_name[16]`; xfs
 * `sb_fname[12]`; FAT 11; swap 15, because mkswap keeps the last of its 16 bytes for NUL and cuts what is longer; btrfs 255. Minimum sizes: mkfs.xfs(8)
 * since 5.19, mkfs.btrfs(8) with duplicated metadata, mkswap (10 pages).
 */
export const FILESYSTEMS: Readonly<Record<FilesystemType, FilesystemTraits>> = {
  ext4: { labelBytes: 16, minimum: 2 * MIB, root: true },
  ext3: { labelBytes: 16, minimum: 2 * MIB, root: true },
  ext2: { labelBytes: 16, minimum: 64 * KIB, root: true },
  xfs: { labelBytes: 12, minimum: 300 * MIB, root: true, labelForbids: /[ ]/ },
  btrfs: { labelBytes: 255, minimum: 114_294_784, root: true },
  vfat: { labelBytes: 11, minimum: 64 * KIB, root: false, labelForbids: /[^\x20-\x7e]|[*?.,;:/\\|+=<>[\]"]/ },
  swap: { labelBytes: 15, minimum: 40 * KIB, root: false },
};

export const FILESYSTEM_TYPES = Object.keys(FILESYSTEMS) as readonly FilesystemType[];

/** Types that upstream hands to mkfs by another name. */
export const FILESYSTEM_ALIASES: Readonly<Record<string, FilesystemType>> = { fat: 'vfat', 'linux-swap': 'swap' };

/** From this size on, ext3 and ext4 get diskimage-builder's journal of 64 MiB; below, mke2fs chooses a smaller one. */
const JOURNAL_FROM = 512 * MIB;
const JOURNAL_MIB = 64;

/**
 * Arguments for mkfs besides label, UUID and device: diskimage-builder's defaults for ext2-4 (an inode for each 4096 bytes, a journal of 64 MiB), then the
 * user's. A default that the user's arguments decide otherwise is left out. `length` in bytes, where it is known.
 */
export function effectiveMkfsOpts(mkfs: Pick<Mkfs, 'type' | 'opts'>, length: number = GIB): readonly string[] {
  const { type, opts } = mkfs;
  if (type !== 'ext2' && type !== 'ext3' && type !== 'ext4') return opts;
  const defaults: string[] = [];
  if (!hasOption(opts, 'i') && !hasOption(opts, 'N') && !hasOption(opts, 'T')) defaults.push('-i', '4096');
  const journal = type !== 'ext2' && length >= JOURNAL_FROM;
  if (journal && !hasOption(opts, 'J') && !hasFeature(opts, '^has_journal')) defaults.push('-J', `size=${JOURNAL_MIB}`);
  return [...defaults, ...opts];
}

/** Value of the last `-X value` or `-Xvalue` among arguments. */
export function optionValue(opts: readonly string[], letter: string): string | undefined {
  let value: string | undefined;
  for (const [index, word] of opts.entries()) {
    if (word === `-${letter}`) value = opts[index + 1];
    else if (word.startsWith(`-${letter}`)) value = word.slice(2);
  }
  return value;
}

/** Whether `-O` among mke2fs arguments names a feature (`^name`: turns it off). */
export function hasFeature(opts: readonly string[], feature: string): boolean {
  return opts.some((word, index) => {
    const list = opts[index - 1] === '-O' ? word : word.startsWith('-O') ? word.slice(2) : '';
    return list.split(',').includes(feature);
  });
}

function hasOption(opts: readonly string[], letter: string): boolean {
  return opts.some((word) => word.startsWith(`-${letter}`));
}
