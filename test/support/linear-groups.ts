import type { BlockDevices, StackLayout } from '../../src/blockdev/devices.ts';
import type { LinearGroup } from '../../src/blockdev/lvm-metadata.ts';

/** The groups of a stack that dib writes itself, as lvmPieces takes them. */
export function linearGroups(devices: BlockDevices, stack: StackLayout): readonly LinearGroup[] {
  return stack.groups
    .filter(({ lvs }) => lvs.every(({ segments }) => segments.length > 0))
    .map(({ group, extentSize, pvs, lvs }) => ({
      name: group,
      id: named(devices.vgs, group).id,
      extentSize,
      epoch: 1_700_000_000,
      pvs: pvs.map((pv) => ({ ...pv, id: named(devices.pvs, pv.name).id })),
      lvs: lvs.map((lv) => ({ ...lv, id: named(devices.lvs, lv.name).id, volume: named(devices.lvs, lv.name).volume })),
    }));
}

function named<T extends { readonly name: string }>(nodes: readonly T[], name: string): T {
  const node = nodes.find((candidate) => candidate.name === name);
  if (!node) throw new Error(`no node ${name}`);
  return node;
}

/** The same devices without options for LVM, and with ext4 in place of file systems that must be mounted. */
export function offlineOnly(devices: BlockDevices): BlockDevices {
  const withoutOptions = <T extends object>(node: T): T => ({ ...node, options: [] });
  return {
    ...devices,
    pvs: devices.pvs.map(withoutOptions),
    vgs: devices.vgs.map(withoutOptions),
    lvs: devices.lvs.map(withoutOptions),
    filesystems: devices.filesystems.map((mkfs) => ({ ...mkfs, type: 'ext4' })),
    subvolumes: [],
    mounts: devices.mounts.filter(({ base }) => devices.subvolumes.every(({ name }) => name !== base)),
  };
}
