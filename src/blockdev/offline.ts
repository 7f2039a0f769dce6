import type { FilesystemType } from './devices.ts';

/** Whether dib can make and fill something as bytes in a file. */
export interface OfflineCapability {
  readonly ok: boolean;
  readonly reason: string;
}

const FILLER: Readonly<Record<FilesystemType, OfflineCapability>> = {
  ext2: { ok: true, reason: 'mkfs.ext2 fills itself from the tree' },
  ext3: { ok: true, reason: 'mkfs.ext3 fills itself from the tree' },
  ext4: { ok: true, reason: 'mkfs.ext4 fills itself from the tree' },
  vfat: { ok: true, reason: 'mtools fill vfat without mounting it' },
  swap: { ok: true, reason: 'swap has no content' },
  xfs: {
    ok: false,
    reason: 'mkfs.xfs cannot fill itself with extended attributes and hard links: the file system must be mounted',
  },
  btrfs: {
    ok: false,
    reason:
      'mkfs.btrfs --rootdir loses device numbers, holes in files and the owner of its root: the file system must be mounted',
  },
};

/**
 * Whether a file system can be made offline. One that stays empty (not mounted anywhere) always can.
 * Judged with e2fsprogs 1.47, dosfstools 4.2, xfsprogs 6.1 and btrfs-progs 6.2.
 */
export function offlineCapable(filesystem: { readonly type: FilesystemType; readonly mounted: boolean }): OfflineCapability {
  if (!filesystem.mounted) return { ok: true, reason: 'it stays empty' };
  return FILLER[filesystem.type];
}
