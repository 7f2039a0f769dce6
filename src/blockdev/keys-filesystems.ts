import { FILESYSTEM_TYPES } from './filesystems.ts';
import { choice, integer, type KeyGrammar, NAME, nodes, shaped, TEXT, words } from './grammar-values.ts';

/** Keys of file systems and mounts, for the grammar. */
type Keys = Readonly<Record<string, KeyGrammar>>;

const NESTED = 'what it is nested in';
const DEVICE = { form: NAME, default: NESTED, meaning: 'Name of the device.' };
const UUID = { form: TEXT, default: "derived from the image's name" };

export const MKFS_KEYS: Keys = {
  name: { form: NAME, default: '`mkfs_<base>`', meaning: 'Name of the file system.' },
  base: DEVICE,
  type: {
    form: choice(...FILESYSTEM_TYPES),
    default: 'at `/`: `FS_TYPE`, else `ext4`; elsewhere it must be said',
    meaning: 'Type of the file system.',
  },
  label: {
    form: TEXT,
    default: 'its name; at `/`: `ROOT_LABEL`, else `cloudimg-rootfs` (xfs: `img-rootfs`)',
    meaning: 'Label of the file system. vfat labels become upper case.',
  },
  opts: { form: words('white space', ['-m 1']), default: 'none', meaning: 'Further arguments for mkfs.' },
  uuid: { ...UUID, meaning: 'UUID; for vfat the volume id, such as `1A2B-3C4D`.' },
};

export const BTRFS_KEYS: Keys = {
  name: { form: NAME, default: '`btrfs_<base>`', meaning: 'Name of the file system.' },
  base: DEVICE,
  label: MKFS_KEYS['label'] as KeyGrammar,
  opts: { form: words('white space'), default: 'none', meaning: 'Further arguments for mkfs.btrfs.' },
  uuid: { ...UUID, meaning: 'UUID of the file system.' },
  subvolumes: { form: nodes('subvolume', 'subvolumes'), default: 'none', meaning: 'The subvolumes, made in this order.' },
};

export const SUBVOLUME_KEYS: Keys = {
  name: { form: NAME, required: true, meaning: 'Name of the subvolume in this file.' },
  base: { form: NAME, default: 'the btrfs that it is written in', meaning: 'Name of the file system.' },
  path: {
    form: shaped('path', '^[^/]', ['@home', 'snapshots/first']),
    default: 'its name',
    meaning: 'Path inside of the file system, without a slash in front.',
  },
};

export const MOUNT_KEYS: Keys = {
  name: { form: NAME, default: '`mount_<base>`', meaning: 'Name of the mount.' },
  base: { form: NAME, default: NESTED, meaning: 'Name of the file system or subvolume.' },
  mount_point: {
    form: { text: 'absolute path', schema: { type: 'string', examples: ['/', '/boot/efi', 'none'] } },
    default: 'of swap: `none`; elsewhere it must be said',
    meaning: 'Where the file system is mounted in the image; `none` for swap.',
  },
  options: {
    form: words('commas', ['noatime,nodev']),
    default: 'none',
    meaning: 'Options for mounting while building, and in fstab unless that says otherwise.',
  },
};

export const FSTAB_KEYS: Keys = {
  name: { form: NAME, default: '`fstab_<base>`', meaning: 'Name of the entry.' },
  base: { form: NAME, default: NESTED, meaning: 'Name of the mount.' },
  options: { form: words('commas', ['defaults']), default: 'those of the mount, else `defaults`', meaning: 'Mount options.' },
  'dump-freq': { form: integer(0, 9), default: '0', meaning: 'Fifth field: whether dump(8) saves it.' },
  'fsck-passno': {
    form: integer(0, 9),
    default: '1 for `/`, 2 for others, 0 for swap',
    meaning: 'Sixth field: when fsck(8) checks it; 0 is never.',
  },
};
