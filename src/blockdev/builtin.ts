import type { Json } from '../util/json.ts';

/**
 * What an image gets when neither image.yaml nor an element says anything about block devices, as in diskimage-builder: one disk
 * without partition table, the root file system straight on it.
 */
export function builtinBlockDevice(): readonly Json[] {
  const mount = { mount_point: '/', fstab: { options: 'defaults', 'fsck-passno': 1 } };
  return [{ local_loop: { name: 'image0', mkfs: { name: 'mkfs_root', mount } } }];
}
