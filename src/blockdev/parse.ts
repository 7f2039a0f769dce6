import type { Checked, Locator } from '../diagnostics/diagnostic.ts';
import type { Json } from '../util/json.ts';
import { checkIdentity } from './check-identity.ts';
import { checkSizes } from './check-sizes.ts';
import { checkRaidDisks, checkRaidMember, checkRoot, checkUnused } from './check-stacks.ts';
import { checkCycles } from './cycles.ts';
import type { BlockDevices, Fstab, Mount, Partitioning } from './devices.ts';
import type { BlockDeviceDefaults, ParseContext } from './fields.ts';
import { flatten } from './flatten.ts';
import type { NodeKind } from './grammar.ts';
import { Issues } from './issues.ts';
import type { Item } from './item.ts';
import { readDisk, readExistingDisk } from './read-disks.ts';
import { isRootMount, readFstab, readMkfs, readMount, readSubvolume } from './read-filesystems.ts';
import { checkLvm, readLogicalVolume, readPhysicalVolume, readVolumeGroup } from './read-lvm.ts';
import { readTable } from './read-partitions.ts';
import { readLuks, readRaid } from './read-stacks.ts';
import { checkBases, indexByName, joinByName } from './references.ts';
import { checkShared } from './sharing.ts';

export interface BlockDeviceContext {
  /** Identifiers derive from it. */
  readonly imageName: string;
  /** Finds values by JSON pointer relative to the list, such as `/1/partitioning/partitions/0/size`. */
  readonly locate: Locator;
  /** What is put before those pointers in diagnostics, such as `/block_device`. */
  readonly pointerPrefix?: string | undefined;
  /** The text of a scalar as it stands in the file, to tell `0700` from 700. */
  readonly sourceText?: ((pointer: string) => string | undefined) | undefined;
  /** DIB_BLOCK_SIZE: sector size of every disk, whatever its block_size. */
  readonly blockSizeOverride?: number | undefined;
  readonly defaults?: BlockDeviceDefaults | undefined;
}

/**
 * Checks a block-device configuration in any of diskimage-builder's notations and fills in every name, base, identifier and default.
 * Finds all mistakes at once; with errors there is no value.
 */
export function parseBlockDevices(raw: readonly Json[], context: BlockDeviceContext): Checked<BlockDevices> {
  const issues = new Issues(context.locate, context.pointerPrefix, context.sourceText);
  const parseContext: ParseContext = {
    imageName: context.imageName,
    issues,
    sourceText: issues.sourceText,
    blockSizeOverride: context.blockSizeOverride,
    defaults: context.defaults ?? {},
  };
  const items = joinByName(flatten(raw, issues), issues);
  const byName = indexByName(items, issues);
  const inCycle = checkCycles(items, byName, issues);
  checkBases(items, byName, issues, inCycle);
  checkShared(items, byName, inCycle, issues);
  const devices = readNodes(parseContext, items, byName);
  checkIdentity(issues, items, devices);
  checkRoot(issues, items, devices);
  checkRaidDisks(issues, items, byName);
  checkUnused(issues, items);
  checkSizes(issues, items, byName, devices);
  return issues.failed ? { diagnostics: issues.diagnostics } : { value: devices, diagnostics: issues.diagnostics };
}

function readNodes(context: ParseContext, items: readonly Item[], byName: ReadonlyMap<string, Item>): BlockDevices {
  const of = (...kinds: readonly NodeKind[]): readonly Item[] => items.filter((item) => kinds.includes(item.kind));
  const roots = rootFilesystems(of('mount'), byName);
  const disks = of('local_loop', 'disk').map((item) =>
    item.kind === 'disk' ? readExistingDisk(context, item) : readDisk(context, item),
  );
  const tables = of('partitioning').map(
    (item): Partitioning =>
      readTable(
        context,
        item,
        of('partition').filter((partition) => partition.owner === item),
      ),
  );
  for (const item of of('lvm')) checkLvm(context, item);
  const raids = of('raid').map((item) => readRaid(context, item));
  const luks = of('luks').map((item) => readLuks(context, item));
  const pvs = of('pvs', 'lvm_pv').map((item) => readPhysicalVolume(context, item));
  const vgs = of('vgs').map((item) => readVolumeGroup(context, item));
  const lvs = of('lvs').map((item) => readLogicalVolume(context, item, byName));
  for (const item of of('raid_member')) checkRaidMember(context, item);
  const filesystems = of('mkfs', 'btrfs').map((item) => readMkfs(context, item, roots.has(item.name)));
  const subvolumes = of('subvolume').map((item) => readSubvolume(context, item));
  const isSwap = (base: string | undefined): boolean => byName.get(base ?? '')?.values['type'] === 'swap';
  const mounts = of('mount').map((item): Mount => readMount(context, item, isSwap(item.base)));
  const mountOf = (item: Item): Mount | undefined => mounts.find((mount) => mount.name === item.base);
  const fstabs = of('fstab').map((item): Fstab => readFstab(context, item, mountOf(item)));
  return { disks, tables, raids, luks, pvs, vgs, lvs, filesystems, subvolumes, mounts: mountOrder(mounts), fstabs };
}

/** Names of the file systems that are mounted at `/`, themselves or one of their subvolumes. */
function rootFilesystems(mounts: readonly Item[], byName: ReadonlyMap<string, Item>): ReadonlySet<string> {
  const bases = mounts.flatMap((item) => (isRootMount(item) && item.base !== undefined ? [item.base] : []));
  return new Set(
    bases.map((name) => {
      const base = byName.get(name);
      return base?.kind === 'subvolume' ? (base.base ?? name) : name;
    }),
  );
}

/** diskimage-builder's order: mount points as plain strings by code unit, so that parents come before what is in them; swap last. */
export function mountOrder(mounts: readonly Mount[]): readonly Mount[] {
  return [...mounts].sort((a, b) => (a.mountPoint < b.mountPoint ? -1 : a.mountPoint > b.mountPoint ? 1 : 0));
}
