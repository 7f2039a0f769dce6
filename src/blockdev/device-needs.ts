import { smallest } from './auto-size.ts';
import type { BlockDevices, LogicalVolume, Mkfs, VolumeGroup } from './devices.ts';
import { allocateGroup, PV_START } from './lvm-layout.ts';
import { raidGeometry, raidMemberNeed } from './raid-layout.ts';
import { MIB } from './sizes.ts';
import { LUKS_HEADER } from './stack-layout.ts';

/** More than a group can have; what does not fit into so many fits into no group, such as 60%VG twice. */
const MOST_EXTENTS = 2 ** 32;
/** Then the size does not matter: the layout tells what is wrong, with a sum of readable figures. */
const EXAMPLE_EXTENTS = 1000;

/** Bytes that a file system needs for its content. */
export type FilesystemNeed = (mkfs: Mkfs) => number;

/**
 * Bytes that a device needs so that everything on it has room, through containers, arrays and volume groups. 1 MiB where nothing stands on it.
 * Of a group, its physical volumes share the need equally, but for those whose size is written down.
 */
export function deviceNeed(devices: BlockDevices, device: string, filesystemNeed: FilesystemNeed): number {
  const need = (name: string) => deviceNeed(devices, name, filesystemNeed);
  const mkfs = devices.filesystems.find(({ base }) => base === device);
  if (mkfs !== undefined) return filesystemNeed(mkfs);
  const luks = devices.luks.find(({ base }) => base === device);
  if (luks !== undefined) return LUKS_HEADER + need(luks.name);
  const raid = devices.raids.find(({ base }) => base.includes(device));
  if (raid !== undefined) return raidMemberNeed(raid, need(raid.name));
  const pv = devices.pvs.find(({ base }) => base === device);
  const group = devices.vgs.find(({ base }) => pv !== undefined && base.includes(pv.name));
  return group === undefined ? MIB : memberNeed(devices, group, need);
}

/** Bytes of each physical volume whose size is open. */
function memberNeed(devices: BlockDevices, group: VolumeGroup, need: (device: string) => number): number {
  const volumes = devices.lvs.filter(({ base }) => base === group.name);
  const fixed = group.base.map((name) => {
    const base = devices.pvs.find((pv) => pv.name === name)?.base;
    return { name, size: base === undefined ? undefined : writtenSize(devices, base) };
  });
  const floors = new Map(
    volumes
      .filter(({ size, type }) => 'percent' in size && type !== 'thin')
      .map((volume) => [volume.name, volumeNeed(devices, volume, need)]),
  );
  const bytes = (extents: number): number => PV_START + extents * group.extentSize;
  if (fixed.every(({ size }) => size !== undefined)) return bytes(1);
  const holds = (extents: number): boolean => {
    const sizes = fixed.map(({ name, size }) => ({ name, size: size ?? bytes(extents) }));
    const { placed, problems } = allocateGroup(group, sizes, volumes);
    return (
      problems.every(({ volume }) => isHopeless(volume, group)) &&
      placed.lvs.every(({ name, size }) => size >= (floors.get(name) ?? 0))
    );
  };
  return bytes(holds(MOST_EXTENTS) ? smallest(1, holds) : EXAMPLE_EXTENTS);
}

/** Less than an extent is asked for: no size of the group mends that. */
function isHopeless({ size }: LogicalVolume, { extentSize }: VolumeGroup): boolean {
  return 'bytes' in size && size.bytes < extentSize;
}

/** What stands on a volume, or on the thin volumes of a pool. */
function volumeNeed(devices: BlockDevices, volume: LogicalVolume, need: (device: string) => number): number {
  if (volume.type !== 'thin-pool') return need(volume.name);
  const thin = devices.lvs.filter(({ type, pool }) => type === 'thin' && pool === volume.name);
  return thin.reduce((sum, { name }) => sum + need(name), 0);
}

/** Bytes of a device that follow from what is written in the tree alone. */
function writtenSize(devices: BlockDevices, device: string): number | undefined {
  const disk = devices.disks.find(({ name }) => name === device);
  if (disk !== undefined) return typeof disk.size === 'object' ? disk.size.bytes : undefined;
  const partition = devices.tables.flatMap(({ partitions }) => partitions).find(({ name }) => name === device);
  if (partition !== undefined) {
    return partition.size !== 'auto' && 'bytes' in partition.size ? partition.size.bytes : undefined;
  }
  const luks = devices.luks.find(({ name }) => name === device);
  if (luks !== undefined) {
    const parent = writtenSize(devices, luks.base);
    return parent === undefined ? undefined : parent - LUKS_HEADER;
  }
  const raid = devices.raids.find(({ name }) => name === device);
  const members = (raid?.base ?? []).map((member) => writtenSize(devices, member));
  const known = members.filter((size) => size !== undefined);
  return raid === undefined || known.length < members.length ? undefined : raidGeometry(raid, known).size;
}
