import type { BlockDevices, LogicalVolume, Partition, StackLayout, VolumeGroup } from './devices.ts';
import { partitionPurpose } from './partition-types.ts';
import { formatBytes } from './sizes.ts';
import { deviceSize } from './stack-layout.ts';

/** A disk, volume group or thin pool as the plan shows it; of the shape of PlannedDisk in plan/plan.ts. */
export interface DrawnDisk {
  readonly address: string;
  /** Bytes; absent while unknown. */
  readonly size?: number;
  /** `gpt`, `mbr` or `no partition table`; what a group or pool is. */
  readonly label: string;
  /** Of disks. */
  readonly sectorSize?: number;
  /** In order of place; start and length in bytes, absent while unknown. Volumes have no start: they may lie in pieces. */
  readonly segments: readonly DrawnSegment[];
}

interface DrawnSegment {
  readonly name: string;
  readonly start?: number;
  readonly length?: number;
  readonly what: string;
}

/** Every disk, volume group and thin pool for the drawing of a plan, with what is known of it by now. */
export function toPlannedDisks(devices: BlockDevices, stack: StackLayout): DrawnDisk[] {
  const drawing = new Drawing(devices, stack);
  return [
    ...drawing.disks(),
    ...devices.vgs.map((group) => drawing.group(group)),
    ...devices.lvs.filter(({ type }) => type === 'thin-pool').map((pool) => drawing.pool(pool)),
  ];
}

class Drawing {
  readonly #devices: BlockDevices;
  readonly #stack: StackLayout;

  constructor(devices: BlockDevices, stack: StackLayout) {
    this.#devices = devices;
    this.#stack = stack;
  }

  disks(): DrawnDisk[] {
    return this.#devices.disks.map((disk) => {
      const layout = this.#stack.disks.find((candidate) => candidate.disk === disk.name);
      const table = this.#devices.tables.find(({ base }) => base === disk.name);
      const known = layout?.size ?? (typeof disk.size === 'object' ? disk.size.bytes : undefined);
      const whole = {
        name: disk.name,
        ...(known === undefined ? {} : { start: 0, length: known }),
        what: this.#contentOf(disk.name) ?? 'empty',
      };
      return {
        address: `${disk.plugin}.${disk.name}`,
        ...sizeIfKnown(known),
        label: table?.label ?? 'no partition table',
        sectorSize: layout?.sectorSize ?? disk.blockSize,
        segments: table === undefined ? [whole] : table.partitions.map((partition) => this.#partition(partition)),
      };
    });
  }

  group(group: VolumeGroup): DrawnDisk {
    const placed = this.#stack.groups.find((candidate) => candidate.group === group.name);
    const volumes = this.#devices.lvs.filter(({ base, type }) => base === group.name && type !== 'thin');
    const members = group.base.map((name) => this.#devices.pvs.find((pv) => pv.name === name)?.base ?? name);
    return {
      address: `vgs.${group.name}`,
      ...sizeIfKnown(placed && placed.pvs.reduce((sum, { extents }) => sum + extents, 0) * group.extentSize),
      label: `volume group on ${members.join(', ')}, extents of ${formatBytes(group.extentSize)}`,
      segments: volumes.map((volume) => {
        const extents = placed?.lvs.find(({ name }) => name === volume.name)?.extents;
        return this.#volume(volume, extents && extents * group.extentSize);
      }),
    };
  }

  pool(pool: LogicalVolume): DrawnDisk {
    const sizes = this.#stack.groups.find(({ group }) => group === pool.base)?.lvs ?? [];
    const thin = this.#devices.lvs.filter((volume) => volume.type === 'thin' && volume.pool === pool.name);
    return {
      address: `lvs.${pool.name}`,
      ...sizeIfKnown(sizes.find(({ name }) => name === pool.name)?.size),
      label: `thin pool in ${pool.base}`,
      segments: thin.map((volume) => this.#volume(volume, sizes.find(({ name }) => name === volume.name)?.size)),
    };
  }

  #volume(volume: LogicalVolume, length: number | undefined): DrawnSegment {
    const { name, type, size } = volume;
    const written = 'bytes' in size ? { length: size.bytes } : {};
    const what = type === 'thin-pool' ? 'thin pool with its metadata' : (this.#contentOf(name) ?? 'empty');
    return { name, ...(length === undefined ? written : { length }), what };
  }

  #partition(partition: Partition): DrawnSegment {
    const place = this.#stack.disks.flatMap(({ partitions }) => partitions).find(({ name }) => name === partition.name);
    return {
      name: partition.name,
      ...(place === undefined ? written(partition) : { start: place.offset, length: place.length }),
      what: this.#contentOf(partition.name) ?? partitionPurpose(partition.type) ?? `type ${partition.typeText}`,
    };
  }

  /** `ext4 /var`, `swap`, `physical volume of vg`, `LUKS crypt (500 MiB): ext4 /`; of an array only its first member tells what is on it. */
  #contentOf(device: string): string | undefined {
    const { pvs, vgs, luks, raids } = this.#devices;
    const pv = pvs.find(({ base }) => base === device);
    if (pv !== undefined) return `physical volume of ${vgs.find(({ base }) => base.includes(pv.name))?.name ?? 'no group'}`;
    const container = luks.find(({ base }) => base === device);
    if (container !== undefined) return this.#chain(`LUKS ${container.name}`, container.name);
    const raid = raids.find(({ base }) => base.includes(device));
    const title = raid && `RAID ${raid.level} ${raid.name}`;
    if (raid !== undefined) return raid.base[0] === device ? this.#chain(title ?? '', raid.name) : title;
    return this.#filesystemOn(device);
  }

  #chain(title: string, device: string): string {
    const size = deviceSize(this.#stack, device);
    return `${title}${size === undefined ? '' : ` (${formatBytes(size)})`}: ${this.#contentOf(device) ?? 'empty'}`;
  }

  #filesystemOn(device: string): string | undefined {
    const mkfs = this.#devices.filesystems.find(({ base }) => base === device);
    if (mkfs === undefined) return undefined;
    const subvolumes = this.#devices.subvolumes.filter(({ base }) => base === mkfs.name);
    const sources = [mkfs.name, ...subvolumes.map(({ name }) => name)];
    const places = this.#devices.mounts.filter(({ base, mountPoint }) => sources.includes(base) && mountPoint !== 'none');
    return [mkfs.type, ...places.map(({ mountPoint }) => mountPoint)].join(' ');
  }
}

function sizeIfKnown(size: number | undefined): { readonly size?: number } {
  return size === undefined ? {} : { size };
}

/** While the place is not known, the length may be: it stands in the tree. */
function written(partition: Partition): { readonly length?: number } {
  return partition.size !== 'auto' && 'bytes' in partition.size ? { length: partition.size.bytes } : {};
}
