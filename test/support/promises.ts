import type { DiskLayout, PlacedPartition } from '../../src/blockdev/devices.ts';
import type { FstabInputs, MkfsInputs, MountInputs, PartitioningInputs } from '../../src/kinds/disk-inputs.ts';

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
    readonly partuuid: string;
  }[];
  readonly swaps: readonly { readonly uuid: string; readonly bytes: number }[];
  readonly partitions: readonly { readonly partuuid: string; readonly size: number }[];
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
        return { target: mount.mountPoint, fstype: type, uuid, partuuid };
      }),
    swaps: filesystems
      .filter(({ type }) => type === 'swap')
      .map(({ uuid, length }) => ({ uuid, bytes: Number(length) - SWAP_HEADER })),
    partitions: partitions.map(({ partuuid, size }) => ({ partuuid, size })),
    fstab: of<FstabInputs>('fstab').map(({ line }) => line),
  };
}

/** PARTUUID as the kernel shows it: for MBR the disk's signature and the partition's number, both in hexadecimal. */
function partitionUuid(layout: DiskLayout, partition: PlacedPartition): string {
  if (layout.label === 'gpt') return partition.uuid.toLowerCase();
  const signature = (layout.diskId ?? '').replace(/^0x/, '');
  return `${signature}-${partition.number.toString(16).padStart(2, '0')}`;
}
