import type { BlockDevices } from './devices.ts';
import { devicesUnder, mountedFilesystem } from './mounted.ts';
import { disksUnder } from './stacks.ts';

/** What GRUB's tools would find out about the file system at a mount point, were it there. */
export interface GrubFilesystem {
  readonly mountPoint: string;
  readonly uuid: string;
  /** Device in the running image, as grub-probe names it: for a logical volume its own path, as that becomes `root=`, else one by UUID. */
  readonly device: string;
  /** As in fstab. */
  readonly type: string;
  /** Path of the subvolume inside the file system, without a leading slash; else empty. */
  readonly subvolume: string;
  /** Modules for what lies between the file system and the disks. */
  readonly abstraction: readonly string[];
  /** Partition tables of the disks, as GRUB names them. */
  readonly partmaps: readonly ('gpt' | 'msdos')[];
}

/** The mounted file systems, in mount order. */
export function grubFilesystems(devices: BlockDevices): readonly GrubFilesystem[] {
  return devices.mounts.flatMap((mount): GrubFilesystem[] => {
    const mounted = mountedFilesystem(devices, mount);
    if (mounted === undefined || !mount.mountPoint.startsWith('/')) return [];
    const { mkfs, subvolume } = mounted;
    return [
      {
        mountPoint: mount.mountPoint,
        uuid: mkfs.uuid,
        device: grubDevice(devices, mkfs.base, mkfs.uuid),
        type: mkfs.type,
        subvolume: subvolume?.path ?? '',
        abstraction: abstraction(devices, mkfs.base),
        partmaps: partmaps(devices, mkfs.base),
      },
    ];
  });
}

/** One line for each: mount point, UUID, device, type, subvolume, abstraction and partition tables (both separated by spaces), with `|` between. */
export function grubFilesystemsText(devices: BlockDevices): string {
  return grubFilesystems(devices)
    .map(({ mountPoint, uuid, device, type, subvolume, abstraction: modules, partmaps: tables }) =>
      [mountPoint, uuid, device, type, subvolume, modules.join(' '), tables.join(' ')].join('|'),
    )
    .join('\n');
}

/** Path of a logical volume below /dev/mapper: dashes inside of its names are doubled (lvm(8)). */
export function mapperPath(group: string, volume: string): string {
  return `/dev/mapper/${[group, volume].map((name) => name.replaceAll('-', '--')).join('-')}`;
}

function grubDevice(devices: BlockDevices, base: string, uuid: string): string {
  const volume = devices.lvs.find(({ name }) => name === base);
  return volume === undefined ? `/dev/disk/by-uuid/${uuid}` : mapperPath(volume.base, volume.volume);
}

function abstraction(devices: BlockDevices, base: string): string[] {
  const under = devicesUnder(devices, base);
  const raids = devices.raids.filter(({ name }) => under.has(name));
  const levels = raids.flatMap(({ level }) => (level === 5 || level === 6 ? [`raid${level}rec`] : []));
  return [
    ...(devices.lvs.some(({ name }) => under.has(name)) ? ['lvm'] : []),
    ...(devices.luks.some(({ name }) => under.has(name)) ? ['cryptodisk', 'luks2'] : []),
    ...(raids.length > 0 ? ['diskfilter', 'mdraid1x'] : []),
    ...new Set(levels),
  ];
}

function partmaps(devices: BlockDevices, base: string): ('gpt' | 'msdos')[] {
  const disks = disksUnder(devices, base);
  const labels = devices.tables.filter((table) => disks.has(table.base)).map(({ label }) => (label === 'gpt' ? 'gpt' : 'msdos'));
  return [...new Set<'gpt' | 'msdos'>(labels)];
}
