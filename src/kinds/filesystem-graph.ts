import type { Mkfs, Mount, Subvolume } from '../blockdev/devices.ts';
import { effectiveMkfsOpts } from '../blockdev/filesystems.ts';
import { fstabEntries } from '../blockdev/fstab.ts';
import { offlineCapable } from '../blockdev/offline.ts';
import { type DeviceGraph, resource } from './device-graph.ts';
import type { Later, MkfsInputs, MountInputs, SubvolumeInputs, TreeInputs } from './disk-inputs.ts';
import { type Realisation, type Resource, UNKNOWN } from './kind.ts';

/** Address of the resource that copies the tree into attached file systems. */
export const TREE = 'tree.root';

/**
 * 2000-01-01: time stamps of file systems that hold nothing of the tree (swap, unmounted ones). The date of the mirror is no matter of
 * theirs: they are made beside the bootstrap, before it is known.
 */
const EMPTY_EPOCH = 946_684_800;

/** A file system with where it is mounted: itself, or its subvolumes. */
export interface Filesystem {
  readonly mkfs: Mkfs;
  /** Address of what it lies on. */
  readonly device: string;
  readonly realisation: Realisation;
  readonly mounts: readonly MountedPart[];
  readonly subvolumes: readonly Subvolume[];
}

/** A mount, of a whole file system or of a subvolume. */
export interface MountedPart {
  readonly mount: Mount;
  readonly subvolume?: Subvolume | undefined;
}

/** What the tree is, for the file systems that hold it. */
export interface TreeSource {
  /** Address of the last layer. */
  readonly tree: string;
  /** Seconds since 1970, at least 1: no time stamp in a file system is later. */
  readonly epoch: Later;
}

/** The file systems of an image in the order of their declaration. */
export function filesystemsOf(graph: DeviceGraph): Filesystem[] {
  const { mounts, filesystems, subvolumes } = graph.devices;
  return filesystems.map((mkfs) => {
    const own = subvolumes.filter(({ base }) => base === mkfs.name);
    const parts = mounts.flatMap((mount): MountedPart[] => {
      if (mount.base === mkfs.name) return [{ mount }];
      const subvolume = own.find(({ name }) => name === mount.base);
      return subvolume === undefined ? [] : [{ mount, subvolume }];
    });
    const { base } = mkfs;
    return { mkfs, device: graph.address(base), realisation: graph.realisation(base), mounts: parts, subvolumes: own };
  });
}

/** Where files of the image go in it: sorted mount points. */
function mountPoints({ mkfs, mounts }: Filesystem): string[] {
  const points = mkfs.type === 'swap' ? [] : mounts.map(({ mount }) => mount.mountPoint).filter((point) => point !== 'none');
  return points.sort();
}

/** Filled by tree.root, through a mount: its type cannot be filled as a file. */
export function isCopied(filesystem: Filesystem): boolean {
  const mounted = mountPoints(filesystem).length > 0;
  return filesystem.realisation === 'attached' && mounted && !offlineCapable({ type: filesystem.mkfs.type, mounted }).ok;
}

/** File systems, their subvolumes, the copy of the tree into those that are copied, mounts and lines of fstab. */
export function filesystemResources(filesystems: readonly Filesystem[], source: TreeSource, graph: DeviceGraph): Resource[] {
  const copied = filesystems.filter(isCopied);
  return [
    ...filesystems.map((filesystem) => mkfsResource(filesystem, filesystems, source, graph)),
    ...filesystems.flatMap((filesystem) => subvolumeResources(filesystem, graph)),
    ...treeResource(filesystems, source, graph),
    ...graph.devices.mounts.map((mount) => mountResource(mount, filesystems, copied, graph)),
    ...fstabEntries(graph.devices).map(({ fstab, line }) =>
      resource('fstab', fstab.name, { line }, [`mount.${fstab.base}`], `/etc/fstab: ${line}`, graph.source(fstab.pointer)),
    ),
  ];
}

function mkfsResource(filesystem: Filesystem, all: readonly Filesystem[], source: TreeSource, graph: DeviceGraph): Resource {
  const { mkfs, device, realisation } = filesystem;
  const [path] = mountPoints(filesystem);
  const filled = path !== undefined && !isCopied(filesystem);
  const place = graph.place(mkfs.base);
  const length = graph.size(mkfs.base);
  const inputs: MkfsInputs = {
    device,
    ...(place !== undefined && { place }),
    length,
    sectorSize: graph.sectorSize(mkfs.base),
    type: mkfs.type,
    label: mkfs.label,
    uuid: mkfs.uuid,
    opts: length === UNKNOWN ? UNKNOWN : effectiveMkfsOpts(mkfs, length),
    realisation,
    epoch: path === undefined ? EMPTY_EPOCH : source.epoch,
    ...(filled && { fill: { tree: source.tree, path, hide: pointsBelow(all, path) } }),
  };
  const containers = Array.isArray(place) ? place.map(({ container }) => container as string) : [];
  // A changed tree is copied into a fresh file system, never over an older copy: so it depends on the tree even if it is filled later.
  const dependsOn = [device, ...containers, ...(path === undefined ? [] : [source.tree])];
  const about = `${mkfs.type} "${mkfs.label}" on ${device}${filled ? `, filled with ${path} of ${source.tree}` : ''}`;
  return resource('mkfs', mkfs.name, inputs, dependsOn, about, graph.source(mkfs.pointer));
}

/** Mount points of other file systems, below `path`. */
function pointsBelow(all: readonly Filesystem[], path: string): string[] {
  const prefix = path === '/' ? '/' : `${path}/`;
  return all
    .flatMap(mountPoints)
    .filter((point) => point !== path && point.startsWith(prefix))
    .sort();
}

function subvolumeResources({ mkfs, device, subvolumes }: Filesystem, graph: DeviceGraph): Resource[] {
  return subvolumes.map((subvolume) => {
    const inputs: SubvolumeInputs = { device, path: subvolume.path };
    const about = `subvolume ${subvolume.path} of mkfs.${mkfs.name}`;
    // A subvolume can lie in another one, which must not be made as a plain directory.
    const above = subvolumes.filter(({ path }) => subvolume.path.startsWith(`${path}/`));
    const dependsOn = [device, `mkfs.${mkfs.name}`, ...above.map(({ name }) => `subvolume.${name}`)];
    return resource('subvolume', subvolume.name, inputs, dependsOn, about, graph.source(subvolume.pointer));
  });
}

/** Options of a mount, with the subvolume that it shows (btrfs(5)). */
function optionsOf({ mount, subvolume }: MountedPart): readonly string[] {
  return subvolume === undefined ? mount.options : [...mount.options, `subvol=${subvolume.path}`];
}

function treeResource(filesystems: readonly Filesystem[], { tree }: TreeSource, graph: DeviceGraph): Resource[] {
  const copied = filesystems.filter(isCopied);
  if (copied.length === 0) return [];
  const parts = graph.devices.mounts.flatMap((mount) =>
    copied.flatMap((filesystem) =>
      filesystem.mounts.filter((part) => part.mount === mount).map((part) => ({ part, filesystem })),
    ),
  );
  const inputs: TreeInputs = {
    tree,
    mounts: parts.map(({ part, filesystem }) => ({
      device: filesystem.device,
      type: filesystem.mkfs.type,
      mountPoint: part.mount.mountPoint,
      options: optionsOf(part),
    })),
    hide: filesystems
      .filter((each) => !isCopied(each))
      .flatMap(mountPoints)
      .sort(),
  };
  const needs = copied.flatMap(({ device, mkfs, subvolumes }) => [
    device,
    `mkfs.${mkfs.name}`,
    ...subvolumes.map(({ name }) => `subvolume.${name}`),
  ]);
  const where = inputs.mounts.map(({ mountPoint }) => mountPoint).join(', ');
  return [resource('tree', 'root', inputs, [tree, ...needs], `copy of ${tree} into ${where}`)];
}

function mountResource(
  mount: Mount,
  filesystems: readonly Filesystem[],
  copied: readonly Filesystem[],
  graph: DeviceGraph,
): Resource {
  const filesystem = filesystems.find(({ mounts }) => mounts.some((part) => part.mount === mount));
  const part = filesystem?.mounts.find((each) => each.mount === mount);
  if (filesystem === undefined || part === undefined) throw new Error(`mount ${mount.name} has no file system ${mount.base}`);
  const { device, mkfs } = filesystem;
  const inputs: MountInputs = { device, type: mkfs.type, mountPoint: mount.mountPoint, options: optionsOf(part) };
  const parent = parentMount(mount, graph.devices.mounts);
  const dependsOn = [device, `mkfs.${mkfs.name}`];
  if (part.subvolume !== undefined) dependsOn.push(`subvolume.${part.subvolume.name}`);
  if (parent !== undefined) dependsOn.push(`mount.${parent.name}`);
  if (copied.includes(filesystem)) dependsOn.push(TREE);
  const shown = part.subvolume === undefined ? `mkfs.${mkfs.name}` : `subvolume.${part.subvolume.name}`;
  const about = mkfs.type === 'swap' ? `mkfs.${mkfs.name} as swap` : `${shown} at ${mount.mountPoint}`;
  return resource('mount', mount.name, inputs, dependsOn, about, graph.source(mount.pointer));
}

/** The file system that a mount point lies in. */
function parentMount(mount: Mount, mounts: readonly Mount[]): Mount | undefined {
  if (mount.mountPoint === 'none' || mount.mountPoint === '/') return undefined;
  const above = mounts.filter(
    ({ mountPoint }) => mountPoint === '/' || (mount.mountPoint !== mountPoint && mount.mountPoint.startsWith(`${mountPoint}/`)),
  );
  return above.sort((a, b) => b.mountPoint.length - a.mountPoint.length)[0];
}
