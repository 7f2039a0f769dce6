import type { KeyGrammar } from './grammar-values.ts';
import { DISK_KEYS, LOCAL_LOOP_KEYS, PARTITION_KEYS, PARTITIONING_KEYS } from './keys-disks.ts';
import { BTRFS_KEYS, FSTAB_KEYS, MKFS_KEYS, MOUNT_KEYS, SUBVOLUME_KEYS } from './keys-filesystems.ts';
import { LUKS_KEYS, LVM_KEYS, LVM_PV_KEYS, LVS_KEYS, PVS_KEYS, RAID_KEYS, RAID_MEMBER_KEYS, VGS_KEYS } from './keys-stacks.ts';

/** The kinds of node as they are written. */
export type NodeKind =
  | 'local_loop'
  | 'disk'
  | 'partitioning'
  | 'partition'
  | 'raid'
  | 'raid_member'
  | 'luks'
  | 'lvm'
  | 'pvs'
  | 'vgs'
  | 'lvs'
  | 'lvm_pv'
  | 'mkfs'
  | 'btrfs'
  | 'subvolume'
  | 'mount'
  | 'fstab';

/** Devices: what can hold something. */
export const DEVICES = ['local_loop', 'disk', 'partition', 'raid', 'luks', 'lvs'] as const satisfies readonly NodeKind[];

export interface NodeGrammar {
  /** What it is called in messages. */
  readonly noun: string;
  /** A sentence. */
  readonly description: string;
  /**
   * `top`: an entry of the list of block devices; `plugin`: that, or below what it stands on; otherwise a list, the key of another node, as the only
   * place where it is written.
   */
  readonly written: 'top' | 'plugin' | { readonly in: NodeKind; readonly list: string };
  /** Kinds of node that it can stand on: every check, the schema and the documentation follow from this. */
  readonly parents: readonly NodeKind[];
  /** It stands on any number of nodes: `base` may be a list. */
  readonly joins?: true;
  /** Where it has no name, it is named after its base, with this and `_` in front; without this, a name has to be given. */
  readonly prefix?: string;
  /** Keys that the node knows, besides the plugins nested in it. */
  readonly keys: Readonly<Record<string, KeyGrammar>>;
}

/** What may stand on what, and what can be said about it: the grammar of a tree of block devices. */
export const GRAMMAR: Readonly<Record<NodeKind, NodeGrammar>> = {
  local_loop: {
    noun: 'local_loop',
    description: 'A disk of the image: a file of the given size.',
    written: 'top',
    parents: [],
    keys: LOCAL_LOOP_KEYS,
  },
  disk: {
    noun: 'disk',
    description: 'A disk of this machine that is there already, such as a hard disk, an iSCSI target or a LUN.',
    written: 'top',
    parents: [],
    keys: DISK_KEYS,
  },
  partitioning: {
    noun: 'partitioning',
    description: 'A partition table.',
    written: 'plugin',
    parents: ['local_loop', 'disk'],
    prefix: 'partitioning',
    keys: PARTITIONING_KEYS,
  },
  partition: {
    noun: 'partition',
    description: 'A partition.',
    written: { in: 'partitioning', list: 'partitions' },
    parents: ['local_loop', 'disk'],
    keys: PARTITION_KEYS,
  },
  raid: {
    noun: 'raid',
    description: 'A software RAID of several devices, as mdadm makes it.',
    written: 'top',
    parents: DEVICES,
    joins: true,
    keys: RAID_KEYS,
  },
  raid_member: {
    noun: 'raid_member',
    description: 'Gives the device that it stands on to a RAID, by name.',
    written: 'plugin',
    parents: DEVICES,
    prefix: 'raid_member',
    keys: RAID_MEMBER_KEYS,
  },
  luks: {
    noun: 'luks',
    description: 'An encrypted container (LUKS2).',
    written: 'plugin',
    parents: DEVICES,
    prefix: 'luks',
    keys: LUKS_KEYS,
  },
  lvm: {
    noun: 'lvm',
    description: 'Physical volumes, volume groups and logical volumes that belong together.',
    written: 'plugin',
    parents: [...DEVICES, 'partitioning'],
    prefix: 'lvm',
    keys: LVM_KEYS,
  },
  pvs: {
    noun: 'physical volume',
    description: 'A device as a physical volume.',
    written: { in: 'lvm', list: 'pvs' },
    parents: DEVICES,
    keys: PVS_KEYS,
  },
  vgs: {
    noun: 'volume group',
    description: 'A volume group of one or more physical volumes.',
    written: { in: 'lvm', list: 'vgs' },
    parents: ['pvs', 'lvm_pv'],
    joins: true,
    keys: VGS_KEYS,
  },
  lvs: {
    noun: 'logical volume',
    description: 'A logical volume in a volume group.',
    written: { in: 'lvm', list: 'lvs' },
    parents: ['vgs'],
    keys: LVS_KEYS,
  },
  lvm_pv: {
    noun: 'physical volume',
    description: 'Gives the device that it stands on to a volume group, by name.',
    written: 'plugin',
    parents: DEVICES,
    prefix: 'pv',
    keys: LVM_PV_KEYS,
  },
  mkfs: {
    noun: 'mkfs',
    description: 'A file system or a swap area.',
    written: 'plugin',
    parents: DEVICES,
    prefix: 'mkfs',
    keys: MKFS_KEYS,
  },
  btrfs: {
    noun: 'btrfs',
    description: 'A btrfs file system with subvolumes.',
    written: 'plugin',
    parents: DEVICES,
    prefix: 'btrfs',
    keys: BTRFS_KEYS,
  },
  subvolume: {
    noun: 'subvolume',
    description: 'A subvolume of a btrfs file system.',
    written: { in: 'btrfs', list: 'subvolumes' },
    parents: ['btrfs'],
    keys: SUBVOLUME_KEYS,
  },
  mount: {
    noun: 'mount',
    description: 'Where a file system belongs in the tree.',
    written: 'plugin',
    parents: ['mkfs', 'btrfs', 'subvolume'],
    prefix: 'mount',
    keys: MOUNT_KEYS,
  },
  fstab: {
    noun: 'fstab',
    description: 'The line in /etc/fstab.',
    written: 'plugin',
    parents: ['mount'],
    prefix: 'fstab',
    keys: FSTAB_KEYS,
  },
};

export const NODE_KINDS = Object.keys(GRAMMAR) as readonly NodeKind[];

/** Kinds that are written with their name as key. */
export const PLUGINS: readonly NodeKind[] = NODE_KINDS.filter((kind) => typeof GRAMMAR[kind].written === 'string');

/** Block devices that people know from elsewhere by another name, and what to write. */
export const OTHER_NAMES: Readonly<Record<string, string>> = {
  crypt: 'write `luks`',
  cryptsetup: 'write `luks`',
  dm_crypt: 'write `luks`',
  encrypt: 'write `luks`',
  encryption: 'write `luks`',
  md: 'write `raid`',
  mdadm: 'write `raid`',
  mdraid: 'write `raid_member: {raid: md0}` below each member, and `- raid: {name: md0, level: 1}`',
  pv: 'write `lvm_pv: {vg: data}` below the device',
  vg: 'write it in the list `vgs` of an `lvm`',
  lv: 'write it in the list `lvs` of an `lvm`',
  lvm_vg: 'write it in the list `vgs` of an `lvm`',
  lvm_partition: 'write it in the list `lvs` of an `lvm`',
  lvm_volgroup: 'write it in the list `vgs` of an `lvm`',
  btrfs_subvolume: 'write it in the list `subvolumes` of a `btrfs`',
  subvolumes: 'write them in the list `subvolumes` of a `btrfs`',
  filesystem: 'write `mkfs`',
  format: 'write `mkfs`',
  loop: 'write `local_loop`',
};

/** Block devices that people know from elsewhere, and that dib cannot make. */
export const UNSUPPORTED_PLUGINS: readonly string[] = ['bcache', 'verity', 'integrity', 'zpool', 'zfs', 'bcachefs', 'multipath'];

export function isPlugin(key: string): key is NodeKind {
  return (PLUGINS as readonly string[]).includes(key);
}

export function isNodeKind(key: string): key is NodeKind {
  return Object.hasOwn(GRAMMAR, key);
}

/** Plugins that may be nested in a node of this kind. */
export function childrenOf(kind: NodeKind): readonly NodeKind[] {
  // Partitions are written in their table, which stands in the disk already.
  return PLUGINS.filter((plugin) => GRAMMAR[plugin].written === 'plugin' && GRAMMAR[plugin].parents.includes(kind));
}

/** What a node of this kind stands on, for people: `a local_loop or disk`. */
export function standsOn(kind: NodeKind): string {
  const nouns = [...new Set(GRAMMAR[kind].parents.map((parent) => GRAMMAR[parent].noun))];
  const last = nouns.pop();
  if (last === undefined) return 'nothing';
  return `a ${nouns.length === 0 ? last : `${nouns.join(', ')} or ${last}`}`;
}
