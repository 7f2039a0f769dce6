import type { BlockDevices, DiskLayout, Partition } from './devices.ts';
import { partitionPurpose } from './partition-types.ts';

/** A disk as the plan shows it; of the shape of PlannedDisk in plan/plan.ts. */
export interface DrawnDisk {
  readonly address: string;
  /** Bytes; absent while unknown. */
  readonly size?: number;
  /** `gpt`, `mbr` or `no partition table`. */
  readonly label: string;
  readonly sectorSize: number;
  /** In order of place; start and length in bytes, absent while unknown. */
  readonly segments: readonly {
    readonly name: string;
    readonly start?: number;
    readonly length?: number;
    readonly what: string;
  }[];
}

/** Every disk for the drawing of a plan, with what is known of it by now. */
export function toPlannedDisks(devices: BlockDevices, layouts: readonly DiskLayout[]): DrawnDisk[] {
  return devices.disks.map((disk): DrawnDisk => {
    const layout = layouts.find((candidate) => candidate.disk === disk.name);
    const table = devices.tables.find(({ base }) => base === disk.name);
    const known = layout === undefined ? (typeof disk.size === 'object' ? disk.size.bytes : undefined) : layout.size;
    const whole = {
      name: disk.name,
      ...(known === undefined ? {} : { start: 0, length: known }),
      what: contentOf(devices, disk.name) ?? 'empty',
    };
    return {
      address: `${disk.plugin}.${disk.name}`,
      ...(known === undefined ? {} : { size: known }),
      label: table?.label ?? 'no partition table',
      sectorSize: layout?.sectorSize ?? disk.blockSize,
      segments: table === undefined ? [whole] : table.partitions.map((partition) => segment(devices, partition, layout)),
    };
  });
}

function segment(devices: BlockDevices, partition: Partition, layout: DiskLayout | undefined): DrawnDisk['segments'][number] {
  const place = layout?.partitions.find(({ name }) => name === partition.name);
  return {
    name: partition.name,
    ...(place === undefined ? written(partition) : { start: place.offset, length: place.length }),
    what: contentOf(devices, partition.name) ?? partitionPurpose(partition.type) ?? `type ${partition.typeText}`,
  };
}

/** While the place is not known, the length may be: it stands in the tree. */
function written(partition: Partition): { readonly length?: number } {
  return partition.size !== 'auto' && 'bytes' in partition.size ? { length: partition.size.bytes } : {};
}

/** `ext4 /var`, `swap`, `xfs`. */
function contentOf(devices: BlockDevices, device: string): string | undefined {
  const mkfs = devices.filesystems.find(({ base }) => base === device);
  if (mkfs === undefined) return undefined;
  const mountPoint = devices.mounts.find(({ base }) => base === mkfs.name)?.mountPoint;
  return mountPoint === undefined || mountPoint === 'none' ? mkfs.type : `${mkfs.type} ${mountPoint}`;
}
