/** The kinds of node, named as in diskimage-builder; `partition` is only written inside `partitions`. */
export type NodeKind = 'local_loop' | 'partitioning' | 'partition' | 'mkfs' | 'mount' | 'fstab';

export interface NodeGrammar {
  /** Keys that the node knows, besides the plugins nested in it. */
  readonly keys: readonly string[];
  /** Kinds of node that it can stand on. */
  readonly parents: readonly NodeKind[];
  /** What it stands on, for people. */
  readonly on: string;
}

/** What may stand on what: the grammar of a tree of block devices. */
export const GRAMMAR: Readonly<Record<NodeKind, NodeGrammar>> = {
  local_loop: { keys: ['name', 'size', 'directory', 'block_size'], parents: [], on: 'nothing' },
  partitioning: {
    keys: ['name', 'base', 'label', 'align', 'uuid', 'partitions'],
    parents: ['local_loop'],
    on: 'a disk (local_loop)',
  },
  partition: { keys: ['name', 'base', 'size', 'type', 'flags', 'uuid'], parents: ['local_loop'], on: 'a disk (local_loop)' },
  mkfs: {
    keys: ['name', 'base', 'type', 'label', 'opts', 'uuid'],
    parents: ['local_loop', 'partition'],
    on: 'a partition or a disk (local_loop)',
  },
  mount: { keys: ['name', 'base', 'mount_point', 'options'], parents: ['mkfs'], on: 'a file system (mkfs)' },
  fstab: { keys: ['name', 'base', 'options', 'dump-freq', 'fsck-passno'], parents: ['mount'], on: 'a mount' },
};

export const PLUGINS: readonly NodeKind[] = ['local_loop', 'partitioning', 'mkfs', 'mount', 'fstab'];

/** Block devices that people know from diskimage-builder and elsewhere, and that dib cannot make yet. */
export const UNSUPPORTED_PLUGINS: readonly string[] = [
  'lvm',
  'luks',
  'crypt',
  'raid',
  'mdraid',
  'disk',
  'bcache',
  'verity',
  'integrity',
  'zpool',
  'zfs',
  'btrfs_subvolume',
  'subvolume',
];

export function isPlugin(key: string): key is NodeKind {
  return (PLUGINS as readonly string[]).includes(key);
}
