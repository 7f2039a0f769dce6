import { quoted } from '../diagnostics/printable.ts';
import type {
  BlockDevices,
  DeviceExtent,
  DiskLayout,
  LogicalVolume,
  Luks,
  PlacedDevice,
  PlacedGroup,
  PlacedVolume,
  Raid,
  StackLayout,
  VolumeGroup,
} from './devices.ts';
import type { Issues } from './issues.ts';
import { allocateGroup, extentsOf, PV_START } from './lvm-layout.ts';
import { reportVolumes, warnOvercommit } from './lvm-report.ts';
import { raidGeometry } from './raid-layout.ts';
import { exactSize, formatBytes, MIB } from './sizes.ts';
import { kernelReasons } from './stacks.ts';

/** Bytes in front of the payload of a LUKS2 container: two headers and the key slots (cryptsetup's default). */
export const LUKS_HEADER = 16 * MIB;

/**
 * Gives a size to every device whose disks are placed, and extents where dib can write its bytes into files.
 *
 * Disks and partitions always have extents. A LUKS container or a logical volume has them only where its whole stack can be made offline (stacksOf); then the
 * container is a place of its own, in which extents of what stands on it are counted. RAIDs and thin volumes never have any.
 */
export function placeStack(devices: BlockDevices, disks: readonly DiskLayout[], issues: Issues): StackLayout {
  const placing = new Placing(devices, issues);
  for (const layout of disks) placing.addDisk(layout);
  placing.addOthers();
  return { disks, devices: [...placing.devices.values()], groups: [...placing.groups.values()] };
}

/** Size in bytes of what a file system or anything else stands on; undefined while unknown. */
export function deviceSize(stack: StackLayout, device: string): number | undefined {
  return stack.devices.find(({ name }) => name === device)?.size;
}

class Placing {
  readonly devices = new Map<string, PlacedDevice>();
  readonly groups = new Map<string, PlacedGroup>();
  readonly #tree: BlockDevices;
  readonly #issues: Issues;
  readonly #kernelReasons: ReadonlyMap<string, string>;

  constructor(tree: BlockDevices, issues: Issues) {
    this.#tree = tree;
    this.#issues = issues;
    this.#kernelReasons = kernelReasons(tree);
  }

  addDisk({ disk, size, sectorSize, partitions }: DiskLayout): void {
    this.#add({ name: disk, size, sectorSize, extents: [{ container: disk, offset: 0, length: size }] });
    for (const { name, offset, length } of partitions) {
      this.#add({ name, size: length, sectorSize, extents: [{ container: disk, offset, length }] });
    }
  }

  /** Places whatever all foundations are known of, until nothing more is found: the tree may name things in any order. */
  addOthers(): void {
    const waiting = new Set<() => boolean>([
      ...this.#tree.raids.map((raid) => () => this.#tryRaid(raid)),
      ...this.#tree.luks.map((luks) => () => this.#tryLuks(luks)),
      ...this.#tree.vgs.map((group) => () => this.#tryGroup(group)),
    ]);
    let before: number;
    do {
      before = waiting.size;
      for (const attempt of waiting) if (attempt()) waiting.delete(attempt);
    } while (waiting.size < before);
  }

  #add(device: PlacedDevice): void {
    this.devices.set(device.name, device);
  }

  /** The named devices, if all of them are placed. */
  #all(names: readonly string[]): readonly PlacedDevice[] | undefined {
    const found = names.flatMap((name) => this.devices.get(name) ?? []);
    return found.length === names.length ? found : undefined;
  }

  #tryRaid(raid: Raid): boolean {
    const members = this.#all(raid.base);
    if (members === undefined) return false;
    const { size, dataOffset } = raidGeometry(
      raid,
      members.map((member) => member.size),
    );
    if (size > 0) {
      this.#add({ name: raid.name, size, sectorSize: largestSector(members) });
      return true;
    }
    const smallest = members.reduce((a, b) => (b.size < a.size ? b : a));
    this.#issues.error('DIB_BLOCKDEV_RAID_TOO_SMALL', raid.pointer, {
      summary: `${quoted(smallest.name)} is too small as a member of RAID ${quoted(raid.name)}: ${formatBytes(smallest.size)}`,
      detail: `Each member keeps ${formatBytes(dataOffset || MIB)} for the superblock of the array.`,
      help: `make ${quoted(smallest.name)} larger`,
      part: 'key',
      address: `raid.${raid.name}`,
    });
    return true;
  }

  #tryLuks(luks: Luks): boolean {
    const parent = this.devices.get(luks.base);
    if (parent === undefined) return false;
    const { sectorSize } = parent;
    const size = parent.size - LUKS_HEADER;
    if (size > 0) {
      const inside = this.#offline(luks.name) ? [{ container: luks.name, offset: 0, length: size }] : undefined;
      this.#add({ name: luks.name, size, sectorSize, ...(inside && parent.extents ? { extents: inside } : {}) });
      return true;
    }
    this.#issues.error('DIB_BLOCKDEV_LUKS_TOO_SMALL', luks.pointer, {
      summary: `${quoted(luks.base)} is too small for the LUKS container ${quoted(luks.name)}: ${formatBytes(parent.size)}`,
      detail: `The header of a LUKS2 container takes ${formatBytes(LUKS_HEADER)}; what is behind it can be used.`,
      help: `make ${quoted(luks.base)} larger`,
      part: 'key',
      address: `luks.${luks.name}`,
    });
    return true;
  }

  #tryGroup(group: VolumeGroup): boolean {
    const pvs = group.base.flatMap((name) => this.#tree.pvs.find((pv) => pv.name === name) ?? []);
    const parents = this.#all(pvs.map(({ base }) => base));
    if (parents === undefined || pvs.length < group.base.length) return false;
    const volumes = this.#tree.lvs.filter(({ base }) => base === group.name);
    const sizes = pvs.map(({ name }, index) => ({ name, size: parents[index]?.size ?? 0 }));
    if (!this.#checkPvs(group, sizes)) return true;
    const allocation = allocateGroup(group, sizes, volumes);
    reportVolumes(group, allocation, this.#issues);
    const offline = this.#offline(group.name) && parents.every(({ extents }) => extents !== undefined);
    const lvs = offline ? allocation.placed.lvs : allocation.placed.lvs.map((lv) => ({ ...lv, segments: [] }));
    this.groups.set(group.name, { ...allocation.placed, lvs });
    warnOvercommit(volumes, allocation.placed.lvs, this.#issues);
    for (const lv of lvs) {
      const volume = volumes.find(({ name }) => name === lv.name);
      if (volume === undefined || volume.type === 'thin-pool') continue;
      const extents = offline ? this.#mapped(volume, lv, group) : undefined;
      const { name, size } = lv;
      this.#add({ name, size, sectorSize: largestSector(parents), ...(extents ? { extents } : {}) });
    }
    return true;
  }

  #checkPvs(group: VolumeGroup, sizes: readonly { readonly name: string; readonly size: number }[]): boolean {
    const small = sizes.filter(({ size }) => extentsOf(size, group.extentSize) < 1);
    for (const { name, size } of small) {
      const pv = this.#tree.pvs.find((candidate) => candidate.name === name);
      this.#issues.error('DIB_BLOCKDEV_PV_TOO_SMALL', pv?.pointer ?? group.pointer, {
        summary: `${quoted(pv?.base ?? name)} is too small as a physical volume of ${quoted(group.name)}: ${formatBytes(size)}, at least ${formatBytes(PV_START + group.extentSize)} needed`,
        detail: `LVM keeps ${formatBytes(PV_START)} for its metadata, and an extent of ${quoted(group.name)} has ${formatBytes(group.extentSize)}.`,
        help: `make ${quoted(pv?.base ?? name)} at least ${exactSize(PV_START + group.extentSize)} large`,
        part: 'key',
        address: `pvs.${name}`,
      });
    }
    return small.length === 0;
  }

  /** The bytes of a linear volume: its runs of extents, through what its physical volumes lie on. */
  #mapped({ type }: LogicalVolume, { segments }: PlacedVolume, { extentSize }: VolumeGroup): readonly DeviceExtent[] | undefined {
    if (type !== 'linear') return undefined;
    const runs = segments.flatMap(({ pv, start, count }) => {
      const base = this.#tree.pvs.find(({ name }) => name === pv)?.base ?? '';
      return slice(this.devices.get(base)?.extents ?? [], PV_START + start * extentSize, count * extentSize);
    });
    return joined(runs);
  }

  #offline(name: string): boolean {
    return !this.#kernelReasons.has(name);
  }
}

function largestSector(devices: readonly PlacedDevice[]): number {
  return Math.max(...devices.map(({ sectorSize }) => sectorSize));
}

/** The part of a device from `offset` on, as extents of what it lies on. */
export function slice(extents: readonly DeviceExtent[], offset: number, length: number): readonly DeviceExtent[] {
  const parts: DeviceExtent[] = [];
  let position = 0;
  for (const extent of extents) {
    const from = Math.max(offset, position);
    const to = Math.min(offset + length, position + extent.length);
    if (from < to) parts.push({ ...extent, offset: extent.offset + from - position, length: to - from });
    position += extent.length;
  }
  return parts;
}

/** Runs that follow one another without a gap become one. */
function joined(extents: readonly DeviceExtent[]): readonly DeviceExtent[] {
  const runs: DeviceExtent[] = [];
  for (const extent of extents) {
    const last = runs.at(-1);
    if (last?.container === extent.container && last.offset + last.length === extent.offset) {
      runs[runs.length - 1] = { ...last, length: last.length + extent.length };
    } else runs.push(extent);
  }
  return runs;
}
