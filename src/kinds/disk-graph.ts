import { dirname, join } from 'node:path';
import { bootDisks } from '../blockdev/boot-disks.ts';
import { type DeviceIdentity, describeIdentity } from '../blockdev/device-facts.ts';
import type { BlockDevices, Disk, ExistingDisk, Partition, Partitioning, StackLayout } from '../blockdev/devices.ts';
import { formatBytes } from '../blockdev/sizes.ts';
import type { OutputConfig } from '../config/image.ts';
import type { SourceRange } from '../diagnostics/diagnostic.ts';
import type { JsonObject } from '../util/json.ts';
import { bootloaderPlace } from './bootloader-place.ts';
import { DeviceGraph, type DeviceGraphInput, resource } from './device-graph.ts';
import type { ContainerContent, Later } from './disk-inputs.ts';
import type { ExistingDiskInputs } from './existing-disk-inputs.ts';
import { type Filesystem, filesystemResources, filesystemsOf, isCopied, TREE } from './filesystem-graph.ts';
import { type Resource, UNKNOWN } from './kind.ts';
import { withContent } from './luks-content.ts';
import { encryptResources, type KeyFingerprints, stackResources } from './stack-graph.ts';

/** What the disks of an image are made of, and how. */
export interface DiskGraphInput extends DeviceGraphInput {
  readonly outputs: readonly OutputConfig[];
  /** Names of the files that elements make for the user. */
  readonly files?: readonly string[] | undefined;
  /** Address of the last layer. */
  readonly tree: string;
  /** Seconds since 1970, at least 1: no time stamp in a file system is later. */
  readonly epoch: Later;
  /** Whether an element puts GRUB's images for the BIOS into the tree. */
  readonly bootloader: boolean;
  /** Who the existing disks are, by name, as far as they were seen. */
  readonly existing?: Readonly<Record<string, DeviceIdentity>> | undefined;
  /** Fingerprints of the keys of LUKS containers, as far as they are known. */
  readonly keyFingerprints?: KeyFingerprints | undefined;
  /** Finds the declaration of an output by its JSON pointer inside the image. */
  readonly locateOutput?: ((pointer: string) => SourceRange | undefined) | undefined;
}

/** All resources between the last layer and the finished files, kind by kind: not in the order of their dependencies. Pure. */
export function diskResources(input: DiskGraphInput): Resource[] {
  const graph = new DeviceGraph(input);
  const { devices } = graph;
  const filesystems = filesystemsOf(graph);
  const boot = bootloaderResources(filesystems, graph, input);
  return withContent([
    ...devices.disks.map((disk) => diskResource(disk, graph, input)),
    ...devices.tables.flatMap((table) => tableResources(table, graph)),
    ...stackResources(graph, input.keyFingerprints ?? {}),
    ...filesystemResources(filesystems, input, graph),
    ...encryptResources(graph, containerContents(graph)),
    ...boot,
    ...outputResources(graph, filesystems, boot, input),
  ]);
}

function diskResource(disk: Disk, graph: DeviceGraph, { tree, existing = {} }: DiskGraphInput): Resource {
  const size = graph.size(disk.name);
  const realisation = graph.realisation(disk.name);
  const text = size === UNKNOWN ? `size ${UNKNOWN}` : formatBytes(size);
  const source = graph.source(disk.pointer);
  if (disk.plugin === 'disk') return existingResource(disk, graph, tree, existing[disk.name]);
  const inputs = { name: disk.name, size, sectorSize: disk.blockSize, realisation };
  const dependsOn = isMeasured(disk, graph.devices) ? [tree] : [];
  return resource('local_loop', disk.name, inputs, dependsOn, `disk file of ${text}`, source);
}

/**
 * It is touched only when the whole tree is there: a build that fails before costs nobody his data. Whether it may be wiped is no part of its inputs, as
 * the result does not depend on it.
 */
function existingResource(disk: ExistingDisk, graph: DeviceGraph, tree: string, seen: DeviceIdentity | undefined): Resource {
  const inputs: ExistingDiskInputs = {
    name: disk.name,
    path: disk.path,
    size: graph.size(disk.name),
    sectorSize: graph.sectorSize(disk.name),
    ...(seen?.serial !== undefined && { serial: seen.serial }),
    ...(seen?.wwid !== undefined && { wwid: seen.wwid }),
    realisation: graph.realisation(disk.name),
  };
  const who = seen === undefined ? `size ${UNKNOWN}` : describeIdentity(seen);
  return resource('disk', disk.name, inputs, [tree], `existing disk ${disk.path}: ${who}`, graph.source(disk.pointer));
}

/** Whether the size of a disk, or of a partition on it, follows from the files. */
function isMeasured(disk: Disk, { tables }: BlockDevices): boolean {
  const table = tables.find(({ base }) => base === disk.name);
  return typeof disk.size !== 'object' || (table?.partitions ?? []).some(({ size }) => size === 'auto');
}

function tableResources(table: Partitioning, graph: DeviceGraph): Resource[] {
  const layout = graph.layout(table.base);
  const disk = graph.address(table.base);
  const address = `partitioning.${table.name}`;
  const label = table.label === 'gpt' ? 'GPT' : 'MBR';
  const count = table.partitions.length;
  const inputs = { disk, label: table.label, layout: layout === undefined ? UNKNOWN : plainJson(layout) };
  const about = `${label} with ${count} ${count === 1 ? 'partition' : 'partitions'} on ${disk}`;
  return [
    resource('partitioning', table.name, inputs, [disk], about, graph.source(table.pointer)),
    ...table.partitions.map((partition) => partitionResource(partition, address, graph)),
  ];
}

/** JSON of a layout: as it is, without undefined members. */
function plainJson(layout: StackLayout['disks'][number]): JsonObject {
  return JSON.parse(JSON.stringify(layout)) as JsonObject;
}

function partitionResource(partition: Partition, table: string, graph: DeviceGraph): Resource {
  const placed = graph.layout(partition.base)?.partitions.find(({ name }) => name === partition.name);
  const disk = graph.address(partition.base);
  const inputs = {
    disk,
    number: placed?.number ?? UNKNOWN,
    offset: placed?.offset ?? UNKNOWN,
    length: placed?.length ?? UNKNOWN,
    realisation: graph.realisation(partition.name),
  };
  const size = placed === undefined ? partition.sizeText : formatBytes(placed.length);
  const about = `partition of ${size}, type ${partition.typeText}`;
  return resource('partition', partition.name, inputs, [disk, table], about, graph.source(partition.pointer));
}

/** By name of a LUKS container: what is written into it while it is made offline; of another one in it, that one. */
function containerContents(graph: DeviceGraph): Map<string, ContainerContent[]> {
  const { luks, vgs, pvs, filesystems } = graph.devices;
  const holds = (container: string, device: string) => graph.withBelow(device).has(container);
  return new Map(
    luks.map(({ name }) => {
      const inner = luks.filter((other) => other.name !== name && holds(name, other.name));
      const holdsItself = (device: string) => holds(name, device) && !inner.some((other) => holds(other.name, device));
      return [
        name,
        [
          ...filesystems
            .filter(({ base }) => holdsItself(base))
            .map((mkfs) => ({ address: `mkfs.${mkfs.name}`, type: mkfs.type })),
          ...vgs
            .filter((group) => pvs.some((pv) => group.base.includes(pv.name) && holdsItself(pv.base)))
            .map((group) => ({ address: `vgs.${group.name}` })),
          ...inner.map((other) => ({ address: `encrypt.${other.name}` })),
        ],
      ];
    }),
  );
}

function bootloaderResources(filesystems: readonly Filesystem[], graph: DeviceGraph, input: DiskGraphInput): Resource[] {
  if (!input.bootloader) return [];
  return bootDisks(graph.devices).map((disk) => {
    const layout = graph.layout(disk.name);
    const table = graph.devices.tables.find(({ base }) => base === disk.name);
    const address = graph.address(disk.name);
    const inputs = { disk: address, tree: input.tree, ...(layout === undefined ? { place: UNKNOWN } : bootloaderPlace(layout)) };
    const dependsOn = [address, `partitioning.${table?.name}`, input.tree];
    // Written into the file itself: not while the tree is copied through loop devices.
    if (copiesTo(disk, filesystems, graph)) dependsOn.push(TREE);
    const where = table?.label === 'gpt' ? 'the BIOS boot partition' : 'the gap after the MBR';
    return resource('bootloader', disk.name, inputs, dependsOn, `GRUB for the BIOS in ${where} of ${address}`);
  });
}

function copiesTo(disk: Disk, filesystems: readonly Filesystem[], graph: DeviceGraph): boolean {
  return filesystems.some((each) => isCopied(each) && graph.disksUnder(each.mkfs.base).has(disk.name));
}

function outputResources(
  graph: DeviceGraph,
  filesystems: readonly Filesystem[],
  boot: readonly Resource[],
  input: DiskGraphInput,
): Resource[] {
  const used = new Set<string>();
  const first = graph.devices.disks.find(({ plugin }) => plugin === 'local_loop');
  const declared = input.outputs.map((config) => {
    const disk =
      config.format === 'tar' ? undefined : graph.devices.disks.find(({ name }) => name === (config.disk ?? first?.name));
    const suffix = disk === undefined || disk === first ? '' : `_${disk.name}`;
    const name = unusedName(`${config.format}${suffix}`, used);
    const common = { format: config.format, path: config.path, compression: config.compression };
    const source = input.locateOutput?.(config.pointer);
    if (disk === undefined) {
      const inputs = { ...common, tree: input.tree, epoch: input.epoch };
      return resource('output', name, inputs, [input.tree], `${config.path}: ${config.format} of ${input.tree}`, source);
    }
    const address = graph.address(disk.name);
    const dependsOn = [address, ...contentOf(disk, filesystems, graph)];
    if (copiesTo(disk, filesystems, graph)) dependsOn.push(TREE);
    dependsOn.push(...boot.map((each) => each.address).filter((each) => each === `bootloader.${disk.name}`));
    const about = `${config.path}: ${config.format} of ${address}`;
    return resource('output', name, { ...common, disk: address }, dependsOn, about, source);
  });
  return [...declared, ...fileResources(input, used)];
}

/** Files that elements make, beside the first output. */
function fileResources({ files = [], outputs, tree }: DiskGraphInput, used: Set<string>): Resource[] {
  return files.map((file) => {
    const path = join(dirname(outputs[0]?.path ?? '.'), file);
    const name = unusedName(file.replace(/[^A-Za-z0-9_-]+/g, '_'), used);
    return resource(
      'output',
      name,
      { format: 'file', path, compression: 'none', tree, file },
      [tree],
      `${path}: made by ${tree}`,
    );
  });
}

/** Everything that is written to a disk, so that its file is whole when all of it is done. */
function contentOf(disk: Disk, filesystems: readonly Filesystem[], graph: DeviceGraph): string[] {
  const { tables, raids, luks, vgs, pvs, lvs } = graph.devices;
  const on = (device: string) => graph.disksUnder(device).has(disk.name);
  const pvsOn = pvs.filter(({ base }) => on(base)).map(({ name }) => name);
  const groups = vgs.filter(({ base }) => base.some((name) => pvsOn.includes(name))).map(({ name }) => name);
  return [
    ...tables.filter(({ base }) => base === disk.name).map(({ name }) => `partitioning.${name}`),
    ...raids.filter(({ name }) => on(name)).map(({ name }) => `raid.${name}`),
    ...luks.filter(({ name }) => on(name)).map(({ name }) => sealed(name, graph)),
    ...groups.map((name) => `vgs.${name}`),
    ...lvs.filter(({ base }) => groups.includes(base)).map(({ name }) => `lvs.${name}`),
    ...filesystems.filter(({ mkfs }) => on(mkfs.base)).map(({ mkfs }) => `mkfs.${mkfs.name}`),
    ...filesystems.flatMap(({ mkfs, subvolumes }) => (on(mkfs.base) ? subvolumes.map(({ name }) => `subvolume.${name}`) : [])),
  ];
}

function sealed(luks: string, graph: DeviceGraph): string {
  return graph.realisation(luks) === 'offline' ? `encrypt.${luks}` : `luks.${luks}`;
}

function unusedName(wanted: string, used: Set<string>): string {
  let name = wanted;
  for (let count = 2; used.has(name); count++) name = `${wanted}_${count}`;
  used.add(name);
  return name;
}
