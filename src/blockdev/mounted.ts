import type { BlockDevices, Mkfs, Mount, Subvolume } from './devices.ts';
import { foundations } from './stacks.ts';

/** What is mounted: a whole file system, or a subvolume of one. */
export interface MountedFilesystem {
  readonly mkfs: Mkfs;
  readonly subvolume?: Subvolume | undefined;
}

/** The file system that a mount shows. */
export function mountedFilesystem(devices: BlockDevices, mount: Mount): MountedFilesystem | undefined {
  const subvolume = devices.subvolumes.find(({ name }) => name === mount.base);
  const mkfs = devices.filesystems.find(({ name }) => name === (subvolume?.base ?? mount.base));
  return mkfs && { mkfs, subvolume };
}

/** The file system mounted at exactly this path. */
export function filesystemAt(devices: BlockDevices, mountPoint: string): Mkfs | undefined {
  const mount = devices.mounts.find((candidate) => candidate.mountPoint === mountPoint);
  return mount && mountedFilesystem(devices, mount)?.mkfs;
}

/** The mount that an absolute path lies in: the deepest one above it. */
export function mountHolding(devices: BlockDevices, path: string): Mount | undefined {
  const above = devices.mounts.filter(
    ({ mountPoint }) => mountPoint === '/' || path === mountPoint || path.startsWith(`${mountPoint}/`),
  );
  return above.toSorted((a, b) => b.mountPoint.length - a.mountPoint.length)[0];
}

/** Names of a device and of all that it stands on, at any depth: volumes, groups, containers, arrays, partitions, disks. */
export function devicesUnder(devices: BlockDevices, name: string): ReadonlySet<string> {
  const under = foundations(devices);
  const found = new Set<string>();
  const visit = (device: string): void => {
    if (found.has(device)) return;
    found.add(device);
    for (const below of under.get(device) ?? []) visit(below);
  };
  visit(name);
  return found;
}
