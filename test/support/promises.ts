import type { DiskLayout, PlacedPartition } from '../../src/blockdev/devices.ts';
import { mdadmUuid } from '../../src/blockdev/mdadm-conf.ts';
import type {
  FstabInputs,
  LuksInputs,
  LvsInputs,
  MkfsInputs,
  MountInputs,
  PartitioningInputs,
  RaidInputs,
} from '../../src/kinds/disk-inputs.ts';
import type { ReportedArray, ReportedVolume } from './boot-report.ts';

/** The part of `dib plan --json` that tests read. */
export interface PlanJson {
  readonly worker: { readonly name: string };
  readonly resource_changes: readonly {
    readonly address: string;
    readonly kind: string;
    readonly change: { readonly actions: readonly string[]; readonly after: unknown };
  }[];
}

/** What a plan promises that a booted image will show. */
export interface Promises {
  readonly mounts: readonly {
    readonly target: string;
    readonly fstype: string;
    readonly uuid: string;
    /** Empty where it does not lie straight on a partition. */
    readonly partuuid: string;
    /** Path of a subvolume inside of its file system, such as `/@home`; else empty. */
    readonly subvolume: string;
  }[];
  readonly swaps: readonly { readonly uuid: string; readonly bytes: number }[];
  readonly partitions: readonly { readonly partuuid: string; readonly size: number }[];
  readonly volumes: readonly ReportedVolume[];
  /** What is complete lacks no member. */
  readonly arrays: readonly (ReportedArray & { readonly size: number })[];
  readonly containers: readonly {
    readonly name: string;
    readonly uuid: string;
    readonly cipher: string;
    readonly size: number;
  }[];
  /** Lines of /etc/fstab, fields separated by one space. */
  readonly fstab: readonly string[];
}

/** mkswap keeps the first page for its header (mkswap(8)). */
const SWAP_HEADER = 4096;

/** Reads the promises out of a plan: nothing of them may be unknown. */
export function promisesOf(plan: PlanJson): Promises {
  const of = <T>(kind: string) =>
    plan.resource_changes
      .filter((change) => change.kind === kind)
      .map(({ address, change }) => ({ address, ...(change.after as T) }));
  const filesystems = of<MkfsInputs>('mkfs');
  const partitions = of<PartitioningInputs>('partitioning').flatMap(({ layout }) => {
    if (typeof layout === 'string') throw new Error('the plan does not know the layout of a disk');
    return layout.partitions.map((partition) => ({
      name: partition.name,
      size: partition.length,
      partuuid: partitionUuid(layout, partition),
    }));
  });
  const filesystem = (mount: MountInputs) => {
    const found =
      filesystems.find(({ address }) => address === mount.device) ?? filesystems.find(({ device }) => device === mount.device);
    if (found === undefined) throw new Error(`no file system for ${mount.mountPoint}`);
    return found;
  };
  const mounts = of<MountInputs>('mount');
  return {
    mounts: mounts
      .filter(({ type }) => type !== 'swap')
      .map((mount) => {
        const { type, uuid, device } = filesystem(mount);
        const partuuid = partitions.find(({ name }) => `partition.${name}` === device)?.partuuid ?? '';
        const subvolume = mount.options.find((option) => option.startsWith('subvol='))?.slice('subvol='.length);
        return {
          target: mount.mountPoint,
          fstype: type,
          uuid,
          partuuid,
          subvolume: subvolume === undefined ? '' : `/${subvolume}`,
        };
      }),
    swaps: filesystems
      .filter(({ type }) => type === 'swap')
      .map(({ uuid, length }) => ({ uuid, bytes: Number(length) - SWAP_HEADER })),
    partitions: partitions.map(({ partuuid, size }) => ({ partuuid, size })),
    volumes: of<LvsInputs>('lvs').map(({ group, volume, size, type, pool = '' }) => ({
      group: nameOf(group),
      volume,
      size: Number(size),
      type,
      pool: nameOf(pool),
    })),
    arrays: of<RaidInputs>('raid').map(({ name, level, uuid, metadata, members, size }) => ({
      path: `/dev/md/${name}`,
      level: `raid${level}`,
      uuid: mdadmUuid(uuid),
      metadata,
      members: members.length,
      degraded: 0,
      size: Number(size),
    })),
    containers: of<LuksInputs>('luks').map(({ name, uuid, cipher, size }) => ({ name, uuid, cipher, size: Number(size) })),
    fstab: of<FstabInputs>('fstab').map(({ line }) => line),
  };
}

/** The last part of an address. */
function nameOf(address: string): string {
  return address.slice(address.indexOf('.') + 1);
}

/** PARTUUID as the kernel shows it: for MBR the disk's signature and the partition's number, both in hexadecimal. */
function partitionUuid(layout: DiskLayout, partition: PlacedPartition): string {
  if (layout.label === 'gpt') return partition.uuid.toLowerCase();
  const signature = (layout.diskId ?? '').replace(/^0x/, '');
  return `${signature}-${partition.number.toString(16).padStart(2, '0')}`;
}
