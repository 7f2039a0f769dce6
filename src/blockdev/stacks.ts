import { quoted } from '../diagnostics/printable.ts';
import type { BlockDevices, DeviceNode, Mkfs } from './devices.ts';
import { offlineCapable } from './offline.ts';

/** Disks that are made together: those that a RAID or a volume group joins. */
export interface DiskStack {
  /** Names, in the order of the tree. */
  readonly disks: readonly string[];
  /** Why the stack cannot be made as bytes in files: it needs the kernel. Absent: it can. */
  readonly reason?: string | undefined;
}

/**
 * By name of a device, physical volume or volume group: the names of what it stands on, directly. A logical volume stands on its group,
 * the group on its physical volumes, each of them on a device.
 */
export function foundations(devices: BlockDevices): ReadonlyMap<string, readonly string[]> {
  const under = new Map<string, readonly string[]>();
  for (const disk of devices.disks) under.set(disk.name, []);
  for (const table of devices.tables) for (const { name, base } of table.partitions) under.set(name, [base]);
  for (const { name, base } of [...devices.luks, ...devices.pvs, ...devices.lvs]) under.set(name, [base]);
  for (const { name, base } of [...devices.raids, ...devices.vgs]) under.set(name, base);
  return under;
}

/** Names of the disks that a device stands on, at any depth; none for a name that nobody has. */
export function disksUnder(devices: BlockDevices, name: string): ReadonlySet<string> {
  const under = foundations(devices);
  const found = new Set<string>();
  const seen = new Set<string>();
  const visit = (device: string): void => {
    if (seen.has(device)) return;
    seen.add(device);
    const below = under.get(device);
    if (below?.length === 0 && devices.disks.some((disk) => disk.name === device)) found.add(device);
    for (const each of below ?? []) visit(each);
  };
  visit(name);
  return found;
}

/** Groups the disks into stacks; every disk is in exactly one. */
export function stacksOf(devices: BlockDevices): readonly DiskStack[] {
  let groups = devices.disks.map(({ name }) => new Set([name]));
  for (const name of foundations(devices).keys()) {
    const disks = disksUnder(devices, name);
    const joined = groups.filter((group) => [...group].some((disk) => disks.has(disk)));
    if (joined.length < 2) continue;
    const [first, ...others] = joined as [Set<string>, ...Set<string>[]];
    for (const other of others) for (const disk of other) first.add(disk);
    groups = groups.filter((group) => !others.includes(group));
  }
  const needs = kernelNeeds(devices);
  return groups.map((group) => {
    const need = needs.find(({ on }) => [...disksUnder(devices, on)].some((disk) => group.has(disk)));
    const disks = devices.disks.flatMap(({ name }) => (group.has(name) ? [name] : []));
    return { disks, ...(need === undefined ? {} : { reason: need.reason }) };
  });
}

/** Why a device (or physical volume, or volume group) cannot be made offline: because of it, or of anything else in its stack. */
export function needsKernel(devices: BlockDevices, name: string): { readonly reason: string } | undefined {
  const disks = disksUnder(devices, name);
  const reason = stacksOf(devices).find((stack) => stack.disks.some((disk) => disks.has(disk)))?.reason;
  return reason === undefined ? undefined : { reason };
}

interface KernelNeed {
  /** Name of a device that it concerns. */
  readonly on: string;
  readonly reason: string;
}

/** Everything that cannot be done as bytes in files, deepest first. */
function kernelNeeds(devices: BlockDevices): readonly KernelNeed[] {
  const needs: KernelNeed[] = [];
  const withOptions = (kind: string, nodes: readonly (DeviceNode & { readonly options: readonly string[] })[]): void => {
    for (const { name, options } of nodes) {
      if (options.length === 0) continue;
      needs.push({ on: name, reason: `${kind}.${name}: lvm must read its options ${quoted(options.join(' '))}` });
    }
  };
  for (const { name } of devices.raids) needs.push({ on: name, reason: `raid.${name}: the kernel makes a RAID` });
  withOptions('pvs', devices.pvs);
  withOptions('vgs', devices.vgs);
  for (const { name, type } of devices.lvs) {
    if (type !== 'linear')
      needs.push({
        on: name,
        reason: `lvs.${name}: the kernel makes a ${type.replace('-', ' ')}${type === 'thin' ? ' volume' : ''}`,
      });
  }
  withOptions('lvs', devices.lvs);
  for (const mkfs of devices.filesystems) {
    const capability = offlineCapable({ type: mkfs.type, mounted: isMounted(devices, mkfs) });
    if (!capability.ok) needs.push({ on: mkfs.base, reason: `mkfs.${mkfs.name}: ${capability.reason}` });
  }
  return needs;
}

/** Whether anything goes into a file system: it, or a subvolume of it, is mounted somewhere, or subvolumes must be made in it. */
function isMounted(devices: BlockDevices, mkfs: Mkfs): boolean {
  return (
    devices.subvolumes.some(({ base }) => base === mkfs.name) ||
    devices.mounts.some(({ base, mountPoint }) => base === mkfs.name && mountPoint !== 'none')
  );
}
