import { quoted } from '../diagnostics/printable.ts';
import type { BlockDevices, DeviceNode, Mkfs } from './devices.ts';
import { fileCipher } from './luks-cipher.ts';
import { offlineCapable } from './offline.ts';

/** Disks that are made together: those that a RAID or a volume group joins. */
export interface DiskStack {
  /** Names, in the order of the tree. */
  readonly disks: readonly string[];
  /** Why the stack cannot be made as bytes in files: it needs the kernel. Absent: it can. */
  readonly reason?: string | undefined;
}

const FOUNDATIONS = new WeakMap<BlockDevices, ReadonlyMap<string, readonly string[]>>();

/**
 * By name of a device, physical volume or volume group: the names of what it stands on, directly. A logical volume stands on its group,
 * the group on its physical volumes, each of them on a device.
 */
export function foundations(devices: BlockDevices): ReadonlyMap<string, readonly string[]> {
  const known = FOUNDATIONS.get(devices);
  if (known !== undefined) return known;
  const under = new Map<string, readonly string[]>();
  for (const disk of devices.disks) under.set(disk.name, []);
  for (const table of devices.tables) for (const { name, base } of table.partitions) under.set(name, [base]);
  for (const { name, base } of [...devices.luks, ...devices.pvs, ...devices.lvs]) under.set(name, [base]);
  for (const { name, base } of [...devices.raids, ...devices.vgs]) under.set(name, base);
  FOUNDATIONS.set(devices, under);
  return under;
}

/** Names of the disks that a device stands on, at any depth; none for a name that nobody has. */
export function disksUnder(devices: BlockDevices, name: string): ReadonlySet<string> {
  const under = foundations(devices);
  const seen = new Set([name]);
  // What is added while going through a set is visited too.
  for (const device of seen) for (const below of under.get(device) ?? []) seen.add(below);
  return new Set(devices.disks.flatMap((disk) => (seen.has(disk.name) ? [disk.name] : [])));
}

/** Groups the disks into stacks; every disk is in exactly one. */
export function stacksOf(devices: BlockDevices): readonly DiskStack[] {
  const heads = stackHeads(devices);
  const reasons = kernelReasons(devices);
  const stacks = new Map<string, string[]>();
  for (const { name } of devices.disks) {
    const head = heads.get(name) ?? name;
    stacks.set(head, [...(stacks.get(head) ?? []), name]);
  }
  return [...stacks.values()].map((disks) => {
    const reason = reasons.get(disks[0] ?? '');
    return { disks, ...(reason === undefined ? {} : { reason }) };
  });
}

/**
 * By name of a device, physical volume or volume group: why it cannot be made offline, because of it or of anything else in its stack.
 * What is not in it can.
 */
export function kernelReasons(devices: BlockDevices): ReadonlyMap<string, string> {
  const heads = stackHeads(devices);
  const byHead = new Map<string, string>();
  for (const { on, reason } of kernelNeeds(devices)) {
    const head = heads.get(on) ?? on;
    if (!byHead.has(head)) byHead.set(head, reason);
  }
  return new Map(
    [...heads].flatMap(([name, head]) => {
      const reason = byHead.get(head);
      return reason === undefined ? [] : [[name, reason] as const];
    }),
  );
}

/** By name of everything that stands in a stack: the same name for all of it. */
function stackHeads(devices: BlockDevices): ReadonlyMap<string, string> {
  const parent = new Map<string, string>();
  const headOf = (name: string): string => {
    let head = name;
    for (let next = parent.get(head); next !== undefined && next !== head; next = parent.get(head)) head = next;
    parent.set(name, head);
    return head;
  };
  const under = foundations(devices);
  for (const [name, below] of under) for (const each of below) parent.set(headOf(name), headOf(each));
  return new Map([...under.keys()].map((name) => [name, headOf(name)]));
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
  for (const { name, cipher, keySize } of devices.luks) {
    if (fileCipher(cipher, keySize) === undefined)
      needs.push({ on: name, reason: `luks.${name}: the kernel encrypts with ${cipher} and a key of ${keySize} bits` });
  }
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
