import { bootloader } from './bootloader.ts';
import { type DeviceAccess, existingDisk } from './disk.ts';
import { encrypt } from './encrypt.ts';
import { fstab } from './fstab.ts';
import type { Kind } from './kind.ts';
import { localLoop } from './local-loop.ts';
import { luks } from './luks.ts';
import { luksHeader, type VolumeKeys } from './luks-header.ts';
import { lvs } from './lvs.ts';
import { mkfs } from './mkfs.ts';
import { mount } from './mount.ts';
import { output } from './output.ts';
import { partition } from './partition.ts';
import { partitioning } from './partitioning.ts';
import { pvs } from './pvs.ts';
import { raid } from './raid.ts';
import type { KeyAccess } from './secret-keys.ts';
import { subvolume } from './subvolume.ts';
import { treeRoot } from './tree.ts';
import type { TreeAccess } from './tree-view.ts';
import { vgs } from './vgs.ts';

/** All kinds between the merged tree and the finished files. */
export function diskKinds(access: TreeAccess & KeyAccess & DeviceAccess): readonly Kind[] {
  const volumeKeys: VolumeKeys = new Map();
  return [
    ...[localLoop, existingDisk(access.devices), partitioning, partition],
    ...[raid, luks(access), luksHeader(access, volumeKeys), encrypt(access, volumeKeys), pvs, vgs, lvs],
    ...[mkfs(access), mount, fstab, subvolume, treeRoot(access), bootloader(access), output(access)],
  ];
}
