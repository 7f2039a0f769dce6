import type { BlockDevices, Disk, DiskLayout, Mkfs, Mount, Partition, Partitioning } from '../blockdev/devices.ts';
import { effectiveMkfsOpts } from '../blockdev/filesystems.ts';
import { fstabEntries } from '../blockdev/fstab.ts';
import { formatBytes } from '../blockdev/sizes.ts';
import type { OutputConfig } from '../config/image.ts';
import type { SourceRange } from '../diagnostics/diagnostic.ts';
import type { JsonObject } from '../util/json.ts';
import { BIOS_BOOT, bootloaderPlace } from './bootloader-place.ts';
import type { Later } from './disk-inputs.ts';
import type { Realisation, Resource } from './kind.ts';
import { UNKNOWN } from './kind.ts';

/** What the disks of an image are made of, and how. */
export interface DiskGraphInput {
  readonly devices: BlockDevices;
  /** Placed disks; a disk that is not among them has a size that is only known after apply. */
  readonly layouts: readonly DiskLayout[];
  /** By name of the disk; default offline. */
  readonly realisation: Readonly<Record<string, Realisation>>;
  readonly outputs: readonly OutputConfig[];
  /** Address of the last layer. */
  readonly tree: string;
  /** Seconds since 1970, at least 1: no time stamp in a file system is later. */
  readonly epoch: Later;
  /** Whether an element put GRUB's images into the tree. */
  readonly bootloader: boolean;
  /** Finds a declaration by its JSON pointer: of a device inside `block_device`, of an output inside the image. */
  readonly locateDevice?: ((pointer: string) => SourceRange | undefined) | undefined;
  readonly locateOutput?: ((pointer: string) => SourceRange | undefined) | undefined;
}

/** A file system with its place in the graph. */
interface Filesystem {
  readonly mkfs: Mkfs;
  readonly disk: Disk;
  readonly partition?: Partition | undefined;
  readonly mount?: Mount | undefined;
  readonly realisation: Realisation;
  /** Address of what it lies on. */
  readonly device: string;
  /** Bytes on the disk; undefined while not known. */
  readonly extent?: { readonly offset: number; readonly length: number } | undefined;
}

const TREE = 'tree.root';

/**
 * 2000-01-01: time stamps of file systems that hold nothing of the tree (swap, unmounted ones). The date of the mirror is no matter of
 * theirs: they are made beside the bootstrap, before it is known.
 */
const EMPTY_EPOCH = 946_684_800;

/** All resources between the last layer and the finished files, in an order where dependencies come first. Pure. */
export function diskResources(input: DiskGraphInput): Resource[] {
  const filesystems = input.devices.filesystems.map((mkfs) => placeFilesystem(mkfs, input));
  const copied = copiedMounts(filesystems, input);
  return [
    ...input.devices.disks.map((disk) => diskResource(disk, input)),
    ...input.devices.tables.flatMap((table) => tableResources(table, input)),
    ...filesystems.map((filesystem) => mkfsResource(filesystem, filesystems, input)),
    ...treeResource(copied, filesystems, input),
    ...input.devices.mounts.map((mount) => mountResource(mount, filesystems, copied.length > 0, input)),
    ...fstabResources(input),
    ...bootloaderResource(filesystems, input),
    ...outputResources(filesystems, copied, input),
  ];
}

function realisationOf(disk: string, { realisation }: DiskGraphInput): Realisation {
  return realisation[disk] ?? 'offline';
}

function layoutOf(disk: string, { layouts }: DiskGraphInput): DiskLayout | undefined {
  return layouts.find((layout) => layout.disk === disk);
}

function placeFilesystem(mkfs: Mkfs, input: DiskGraphInput): Filesystem {
  const { disks, tables, mounts } = input.devices;
  const partition = tables.flatMap((table) => table.partitions).find(({ name }) => name === mkfs.base);
  const disk = disks.find(({ name }) => name === (partition?.base ?? mkfs.base));
  if (disk === undefined) throw new Error(`mkfs ${mkfs.name} lies on ${mkfs.base}, which is no partition and no disk`);
  const layout = layoutOf(disk.name, input);
  const placed = layout?.partitions.find(({ name }) => name === mkfs.base);
  const whole = layout && partition === undefined ? { offset: 0, length: layout.size } : undefined;
  return {
    mkfs,
    disk,
    partition,
    mount: mounts.find(({ base }) => base === mkfs.name),
    realisation: realisationOf(disk.name, input),
    device: partition === undefined ? `local_loop.${disk.name}` : `partition.${partition.name}`,
    extent: placed === undefined ? whole : { offset: placed.offset, length: placed.length },
  };
}

/** Mounted somewhere in the image: holds a part of the tree. */
function holdsTree({ mkfs, mount }: Filesystem): boolean {
  return mkfs.type !== 'swap' && mount !== undefined && mount.mountPoint !== 'none';
}

/** vfat is always filled by mtools: many kernels of build machines lack its driver. */
function copiedLater(filesystem: Filesystem): boolean {
  return filesystem.realisation === 'attached' && filesystem.mkfs.type !== 'vfat' && holdsTree(filesystem);
}

function resource(
  kind: string,
  name: string,
  inputs: JsonObject,
  dependsOn: readonly string[],
  description: string,
  source?: SourceRange | undefined,
): Resource {
  return {
    address: `${kind}.${name}`,
    kind,
    name,
    inputs,
    dependsOn: [...new Set(dependsOn)],
    description,
    ...(source && { source }),
  };
}

function diskResource(disk: Disk, input: DiskGraphInput): Resource {
  const size = layoutOf(disk.name, input)?.size ?? UNKNOWN;
  const realisation = realisationOf(disk.name, input);
  const inputs = { name: disk.name, size, sectorSize: disk.blockSize, realisation };
  const dependsOn = isMeasured(disk, input.devices) ? [input.tree] : [];
  const text = size === UNKNOWN ? `size ${UNKNOWN}` : formatBytes(size);
  const about = `disk file of ${text}`;
  return resource('local_loop', disk.name, inputs, dependsOn, about, input.locateDevice?.(disk.pointer));
}

/** Whether the size of a disk, or of a partition on it, follows from the files. */
function isMeasured(disk: Disk, { tables }: BlockDevices): boolean {
  const table = tables.find(({ base }) => base === disk.name);
  return typeof disk.size !== 'object' || (table?.partitions ?? []).some(({ size }) => size === 'auto');
}

function tableResources(table: Partitioning, input: DiskGraphInput): Resource[] {
  const layout = layoutOf(table.base, input);
  const disk = `local_loop.${table.base}`;
  const address = `partitioning.${table.name}`;
  const label = table.label === 'gpt' ? 'GPT' : 'MBR';
  const count = table.partitions.length;
  const inputs = { disk, label: table.label, layout: layout === undefined ? UNKNOWN : plainLayout(layout) };
  const about = `${label} with ${count} ${count === 1 ? 'partition' : 'partitions'} on ${disk}`;
  return [
    resource('partitioning', table.name, inputs, [disk], about, input.locateDevice?.(table.pointer)),
    ...table.partitions.map((partition) => partitionResource(partition, address, layout, input)),
  ];
}

/** JSON of a layout: as it is, without undefined members. */
function plainLayout(layout: DiskLayout): JsonObject {
  return JSON.parse(JSON.stringify(layout)) as JsonObject;
}

function partitionResource(partition: Partition, table: string, layout: DiskLayout | undefined, input: DiskGraphInput): Resource {
  const placed = layout?.partitions.find(({ name }) => name === partition.name);
  const disk = `local_loop.${partition.base}`;
  const realisation = realisationOf(partition.base, input);
  const inputs = {
    disk,
    number: placed?.number ?? UNKNOWN,
    offset: placed?.offset ?? UNKNOWN,
    length: placed?.length ?? UNKNOWN,
    realisation,
  };
  const size = placed === undefined ? partition.sizeText : formatBytes(placed.length);
  const about = `partition of ${size}, type ${partition.typeText}`;
  return resource('partition', partition.name, inputs, [disk, table], about, input.locateDevice?.(partition.pointer));
}

function mkfsResource(filesystem: Filesystem, all: readonly Filesystem[], input: DiskGraphInput): Resource {
  const { mkfs, disk, device, extent, mount, realisation } = filesystem;
  const path = mount?.mountPoint ?? 'none';
  const filled = holdsTree(filesystem) && !copiedLater(filesystem);
  const inputs = {
    disk: `local_loop.${disk.name}`,
    device,
    offset: extent?.offset ?? UNKNOWN,
    length: extent?.length ?? UNKNOWN,
    sectorSize: disk.blockSize,
    type: mkfs.type,
    label: mkfs.label,
    uuid: mkfs.uuid,
    opts: extent === undefined ? UNKNOWN : effectiveMkfsOpts(mkfs, extent.length),
    realisation,
    epoch: holdsTree(filesystem) ? input.epoch : EMPTY_EPOCH,
    ...(filled && { fill: { tree: input.tree, path, hide: otherMountPoints(all, path) } }),
  };
  // A changed tree is copied into a fresh file system, never over an older copy: so it depends on the tree even if it is filled later.
  const dependsOn = holdsTree(filesystem) ? [device, input.tree] : [device];
  const about = `${mkfs.type} "${mkfs.label}" on ${device}${filled ? `, filled with ${path} of ${input.tree}` : ''}`;
  return resource('mkfs', mkfs.name, inputs, dependsOn, about, input.locateDevice?.(mkfs.pointer));
}

/** Mount points of the other file systems, below `path`. */
function otherMountPoints(all: readonly Filesystem[], path: string): string[] {
  const prefix = path === '/' ? '/' : `${path}/`;
  return mountPointsOf(all.filter(holdsTree)).filter((point) => point !== path && point.startsWith(prefix));
}

function mountPointsOf(filesystems: readonly Filesystem[]): string[] {
  return filesystems.map(({ mount }) => mount?.mountPoint ?? 'none').sort();
}

/** File systems that tree.root fills, in mount order. */
function copiedMounts(filesystems: readonly Filesystem[], { devices }: DiskGraphInput): Filesystem[] {
  return devices.mounts.flatMap((mount) => filesystems.filter((each) => each.mount === mount && copiedLater(each)));
}

function treeResource(copied: readonly Filesystem[], all: readonly Filesystem[], input: DiskGraphInput): Resource[] {
  if (copied.length === 0) return [];
  const mounts = copied.map(({ device, mkfs, mount }) => ({
    device,
    type: mkfs.type,
    mountPoint: mount?.mountPoint ?? 'none',
    options: mount?.options ?? [],
  }));
  const hide = mountPointsOf(all.filter((each) => holdsTree(each) && !copiedLater(each)));
  const dependsOn = [input.tree, ...copied.flatMap(({ device, mkfs }) => [device, `mkfs.${mkfs.name}`])];
  const where = mounts.map(({ mountPoint }) => mountPoint).join(', ');
  return [resource('tree', 'root', { tree: input.tree, mounts, hide }, dependsOn, `copy of ${input.tree} into ${where}`)];
}

function mountResource(mount: Mount, filesystems: readonly Filesystem[], copied: boolean, input: DiskGraphInput): Resource {
  const filesystem = filesystems.find(({ mkfs }) => mkfs.name === mount.base);
  if (filesystem === undefined) throw new Error(`mount ${mount.name} has no file system ${mount.base}`);
  const { device, mkfs } = filesystem;
  const inputs = { device, type: mkfs.type, mountPoint: mount.mountPoint, options: mount.options };
  const parent = parentMount(mount, input.devices.mounts);
  const dependsOn = [device, `mkfs.${mkfs.name}`];
  if (parent !== undefined) dependsOn.push(`mount.${parent.name}`);
  if (copied && copiedLater(filesystem)) dependsOn.push(TREE);
  const about = mkfs.type === 'swap' ? `mkfs.${mkfs.name} as swap` : `mkfs.${mkfs.name} at ${mount.mountPoint}`;
  return resource('mount', mount.name, inputs, dependsOn, about, input.locateDevice?.(mount.pointer));
}

/** The file system that a mount point lies in. */
function parentMount(mount: Mount, mounts: readonly Mount[]): Mount | undefined {
  if (mount.mountPoint === 'none' || mount.mountPoint === '/') return undefined;
  const above = mounts.filter(
    ({ mountPoint }) => mountPoint === '/' || (mount.mountPoint !== mountPoint && mount.mountPoint.startsWith(`${mountPoint}/`)),
  );
  return above.sort((a, b) => b.mountPoint.length - a.mountPoint.length)[0];
}

function fstabResources(input: DiskGraphInput): Resource[] {
  return fstabEntries(input.devices).map(({ fstab, line }) =>
    resource('fstab', fstab.name, { line }, [`mount.${fstab.base}`], `/etc/fstab: ${line}`, input.locateDevice?.(fstab.pointer)),
  );
}

/** The disk that the BIOS starts from: the one with /boot, or else with the root file system. */
export function bootDisk(devices: BlockDevices): Disk | undefined {
  const mount =
    devices.mounts.find(({ mountPoint }) => mountPoint === '/boot') ?? devices.mounts.find((each) => each.mountPoint === '/');
  const mkfs = devices.filesystems.find(({ name }) => name === mount?.base);
  const partition = devices.tables.flatMap((table) => table.partitions).find(({ name }) => name === mkfs?.base);
  return devices.disks.find(({ name }) => name === (partition?.base ?? mkfs?.base));
}

function bootloaderResource(filesystems: readonly Filesystem[], input: DiskGraphInput): Resource[] {
  const disk = bootDisk(input.devices);
  const table = input.devices.tables.find(({ base }) => base === disk?.name);
  if (!input.bootloader || disk === undefined || table === undefined || disk.blockSize !== 512) return [];
  if (table.label === 'gpt' && !table.partitions.some(({ type }) => type.toUpperCase() === BIOS_BOOT)) return [];
  const layout = layoutOf(disk.name, input);
  const address = `local_loop.${disk.name}`;
  const inputs = { disk: address, tree: input.tree, ...(layout === undefined ? { place: UNKNOWN } : bootloaderPlace(layout)) };
  const dependsOn = [address, `partitioning.${table.name}`, input.tree];
  // Written into the file itself: not while the tree is copied through loop devices.
  if (filesystems.some((each) => each.disk === disk && copiedLater(each))) dependsOn.push(TREE);
  const where = table.label === 'gpt' ? 'the BIOS boot partition' : 'the gap after the MBR';
  return [resource('bootloader', disk.name, inputs, dependsOn, `GRUB for the BIOS in ${where} of ${address}`)];
}

function outputResources(filesystems: readonly Filesystem[], copied: readonly Filesystem[], input: DiskGraphInput): Resource[] {
  const used = new Set<string>();
  const first = input.devices.disks[0];
  const boot = bootloaderResource(filesystems, input).map(({ address }) => address);
  return input.outputs.map((config) => {
    const disk =
      config.format === 'tar' ? undefined : input.devices.disks.find(({ name }) => name === (config.disk ?? first?.name));
    const suffix = disk === undefined || disk === first ? '' : `_${disk.name}`;
    const name = unusedName(`${config.format}${suffix}`, used);
    const common = { format: config.format, path: config.path, compression: config.compression };
    const source = input.locateOutput?.(config.pointer);
    if (disk === undefined) {
      const inputs = { ...common, tree: input.tree, epoch: input.epoch };
      return resource('output', name, inputs, [input.tree], `${config.path}: ${config.format} of ${input.tree}`, source);
    }
    const address = `local_loop.${disk.name}`;
    const parts = filesystems.filter((each) => each.disk === disk);
    const tables = input.devices.tables.filter(({ base }) => base === disk.name);
    const dependsOn = [
      address,
      ...tables.map((table) => `partitioning.${table.name}`),
      ...parts.map(({ mkfs }) => `mkfs.${mkfs.name}`),
    ];
    if (copied.some((each) => each.disk === disk)) dependsOn.push(TREE);
    dependsOn.push(...boot.filter((each) => each === `bootloader.${disk.name}`));
    const about = `${config.path}: ${config.format} of ${address}`;
    return resource('output', name, { ...common, disk: address }, dependsOn, about, source);
  });
}

function unusedName(wanted: string, used: Set<string>): string {
  let name = wanted;
  for (let count = 2; used.has(name); count++) name = `${wanted}_${count}`;
  used.add(name);
  return name;
}
