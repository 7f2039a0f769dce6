import { disksOfGrub } from '../blockdev/boot-disks.ts';
import { type BlockDevices, type Disk, NO_DEVICES, type StackLayout } from '../blockdev/devices.ts';
import { grubFilesystemsText } from '../blockdev/grub-filesystems.ts';
import { resolveStack } from '../blockdev/layout.ts';
import { filesystemAt } from '../blockdev/mounted.ts';
import { toPlannedDisks } from '../blockdev/planned-disks.ts';
import { checkContentFits, resolveSizes } from '../blockdev/resolve-sizes.ts';
import { filesOfInitramfs, systemFiles } from '../blockdev/system-files.ts';
import type { Diagnostic, Locator, SourceRange } from '../diagnostics/diagnostic.ts';
import type { ElementSet } from '../elements/element.ts';
import { topologicalOrder } from '../graph/dag.ts';
import { diskResources } from '../kinds/disk-graph.ts';
import { type Realisation, type Resource, UNKNOWN } from '../kinds/kind.ts';
import { layerResources } from '../kinds/layer-graph.ts';
import { sourceResources } from '../kinds/source-graph.ts';
import type { LayoutFacts } from '../rootfs/hook-environment.ts';
import { type ResourceKey, resourceKeys } from './keys.ts';
import type { Facts, PlannedDisk } from './plan.ts';
import type { Prepared } from './prepare.ts';
import { becomesDisk } from './storage-packages.ts';

/** Where declarations stand, for resources and diagnostics. Absent in the worker, which only needs the graph. */
export interface Places {
  readonly locateDevice: Locator;
  /** What is put before the pointers of `locateDevice` in diagnostics. */
  readonly devicePrefix: string;
  readonly locateOutput: (pointer: string) => SourceRange | undefined;
}

export interface ExpandOptions {
  readonly facts: Facts;
  /** By name of the disk. */
  readonly realisation: Readonly<Record<string, Realisation>>;
  readonly places?: Places | undefined;
}

/** The graph of an image, as far as the facts go. */
export interface Expansion {
  /** In dependency order. */
  readonly resources: readonly Resource[];
  readonly keys: ReadonlyMap<string, ResourceKey>;
  readonly disks: readonly PlannedDisk[];
  readonly diagnostics: readonly Diagnostic[];
}

/** SHA-256 fits no date, so time stamps of an image without any known mirror start here: 2000-01-01. */
const FALLBACK_EPOCH = 946_684_800;

/**
 * Turns an image into its resource graph. Pure: the same image and facts give the same graph, in the front and in the worker.
 * With more facts, inputs that were UNKNOWN become known; nothing else changes.
 */
export function expand(image: Prepared, options: ExpandOptions): Expansion {
  const { config, elements } = image;
  const devices = withSectors(image.devices, options.facts.devices);
  const sources = sourceResources(elements, options.facts.sources);
  const layers = layerResources(elements, config, {
    systemFiles: systemFiles(devices),
    initramfsFiles: filesOfInitramfs(devices),
    layout: layoutFacts(devices),
    mirrorDigest: options.facts.mirrorDigest,
  });
  const tree = layers.at(-1)?.address as string;
  // An archive alone needs no disk; fstab is written all the same, as it may become one.
  const wanted = becomesDisk(config, devices) ? devices : NO_DEVICES;
  const { stack, diagnostics } = place(wanted, resourceKeys([...sources, ...layers]).get(tree)?.key, image, options);
  const resources = topologicalOrder([
    ...sources,
    ...layers,
    ...diskResources({
      devices: wanted,
      stack,
      existing: options.facts.devices,
      realisation: options.realisation,
      outputs: config.outputs,
      files: elements.extraOutputs.map((suffix) => `${config.name}${suffix}`),
      tree,
      epoch: epochOf(image, options.facts),
      bootloader: hasBios(elements) && elements.elements.some((element) => element.name === 'bootloader'),
      keyFingerprints: options.facts.luksKeys,
      locateDevice: options.places?.locateDevice,
      locateOutput: options.places?.locateOutput,
    }),
  ]);
  return { resources, keys: resourceKeys(resources), disks: toPlannedDisks(wanted, stack), diagnostics };
}

/** Machines of other architectures start by UEFI alone. */
function hasBios({ environment }: ElementSet): boolean {
  return (environment['ARCH'] ?? 'amd64') === 'amd64';
}

/** Existing disks with the sectors that they have, once they were seen. */
function withSectors(devices: BlockDevices, seen: Facts['devices'] = {}): BlockDevices {
  const sectorsOf = (disk: Disk) => (seen[disk.name]?.sectorSize === 4096 ? 4096 : disk.blockSize);
  const disks = devices.disks.map((disk) => (disk.plugin === 'disk' ? { ...disk, blockSize: sectorsOf(disk) } : disk));
  return { ...devices, disks };
}

const NO_STACK: StackLayout = { disks: [], devices: [], groups: [] };

function place(
  devices: BlockDevices,
  treeKey: string | undefined,
  image: Prepared,
  { facts, places }: ExpandOptions,
): { stack: StackLayout; diagnostics: readonly Diagnostic[] } {
  const usage = facts.usage !== undefined && facts.usage.layer === treeKey ? facts.usage.mounts : undefined;
  const existing = new Map(Object.entries(facts.devices ?? {}).map(([name, { size }]) => [name, size]));
  const sizes = resolveSizes(devices, usage, { extraSize: image.extraSize, existing });
  const context = { locate: places?.locateDevice, pointerPrefix: places?.devicePrefix, partitionSizes: sizes.partitions };
  const layout = resolveStack(devices, sizes.disks, context);
  if (layout.value === undefined) return { stack: NO_STACK, diagnostics: layout.diagnostics };
  const fit =
    usage === undefined ? [] : checkContentFits(devices, layout.value, usage, places?.locateDevice, places?.devicePrefix);
  return { stack: layout.value, diagnostics: [...layout.diagnostics, ...fit] };
}

/** The date of the newest package index, so that equal inputs give equal time stamps; SOURCE_DATE_EPOCH overrides it. */
function epochOf(image: Prepared, facts: Facts): number | typeof UNKNOWN {
  if (image.epoch !== undefined) return Math.max(1, image.epoch);
  if (image.elements.operatingSystem !== undefined) return FALLBACK_EPOCH;
  return facts.epoch ?? UNKNOWN;
}

/** What hooks are told of the disks: decided in the plan, before any device exists. */
export function layoutFacts(devices: BlockDevices): LayoutFacts {
  const root = filesystemAt(devices, '/');
  const boot = filesystemAt(devices, '/boot');
  const table = devices.tables.find(({ base }) => base === disksOfGrub(devices)[0]?.name);
  return {
    rootLabel: root?.label ?? '',
    rootFstype: root?.type ?? '',
    rootUuid: root?.uuid ?? '',
    bootLabel: boot?.label,
    bootUuid: boot?.uuid,
    bootFstype: boot?.type,
    espUuid: filesystemAt(devices, '/boot/efi')?.uuid,
    partmap: table === undefined ? undefined : table.label === 'gpt' ? 'gpt' : 'msdos',
    mountPoints: devices.mounts.map((mount) => mount.mountPoint),
    grubFilesystems: grubFilesystemsText(devices),
  };
}
