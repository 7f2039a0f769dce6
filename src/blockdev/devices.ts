/**
 * diskimage-builder's block-device configuration in canonical flat form: every name and base filled in, sizes parsed.
 * `pointer` is the JSON pointer of the declaration inside `block_device` (for positions).
 */
export interface DeviceNode {
  readonly name: string;
  readonly pointer: string;
}

/** Bytes; `auto`: as small as the content allows; `computed`: from the tree, as diskimage-builder does. */
export type DiskSize = { readonly bytes: number } | 'auto' | 'computed';

export interface LocalLoop extends DeviceNode {
  readonly plugin: 'local_loop';
  readonly size: DiskSize;
  /** The size as the user wrote it, for messages. */
  readonly sizeText?: string | undefined;
  readonly blockSize: 512 | 4096;
}

export type TableLabel = 'mbr' | 'gpt';

export interface Partitioning extends DeviceNode {
  readonly plugin: 'partitioning';
  readonly base: string;
  readonly label: TableLabel;
  /** Bytes. */
  readonly align: number;
  /** gpt: disk GUID (lower case); mbr: disk signature as 0x%08x. */
  readonly uuid: string;
  readonly partitions: readonly Partition[];
}

/** `percent` is of the space left at this point; `auto`: as small as the content of its file system allows. */
export type PartitionSize = { readonly bytes: number } | { readonly percent: number } | 'auto';

export interface Partition extends DeviceNode {
  readonly plugin: 'partition';
  /** Name of the disk. */
  readonly base: string;
  readonly size: PartitionSize;
  readonly sizeText: string;
  /** gpt: GUID, upper case. mbr: one byte as two lower-case hex digits. */
  readonly type: string;
  /** As the user wrote it, such as `EF00`. */
  readonly typeText: string;
  readonly boot: boolean;
  readonly primary: boolean;
  /** What the kernel calls PARTUUID. gpt: partition GUID (lower case); mbr: signature and number, such as `1a2b3c4d-05`. */
  readonly uuid: string;
}

export type FilesystemType = 'ext2' | 'ext3' | 'ext4' | 'xfs' | 'btrfs' | 'vfat' | 'swap';

export interface Mkfs extends DeviceNode {
  readonly plugin: 'mkfs';
  readonly base: string;
  readonly type: FilesystemType;
  readonly label: string;
  /** UUID (lower case); for vfat the volume id as `ABCD-1234`. */
  readonly uuid: string;
  /** Extra arguments for mkfs, in order. */
  readonly opts: readonly string[];
}

export interface Mount extends DeviceNode {
  readonly plugin: 'mount';
  readonly base: string;
  /** Absolute path, or `none` for swap. */
  readonly mountPoint: string;
  /** Used when dib mounts the file system while building, and in fstab unless the fstab node says otherwise. */
  readonly options: readonly string[];
}

export interface Fstab extends DeviceNode {
  readonly plugin: 'fstab';
  readonly base: string;
  readonly options: string;
  readonly dumpFreq: number;
  readonly fsckPassno: number;
}

export interface BlockDevices {
  readonly disks: readonly LocalLoop[];
  readonly tables: readonly Partitioning[];
  readonly filesystems: readonly Mkfs[];
  /** In mount order: parents first. */
  readonly mounts: readonly Mount[];
  readonly fstabs: readonly Fstab[];
}

/** Where a partition lies. */
export interface PlacedPartition {
  readonly name: string;
  /** As the kernel counts: logical partitions from 5. */
  readonly number: number;
  readonly kind: 'primary' | 'logical' | 'gpt';
  /** First sector and number of sectors, in sectors of the disk. */
  readonly startSector: number;
  readonly sectors: number;
  /** Bytes. */
  readonly offset: number;
  readonly length: number;
  readonly type: string;
  /** PARTUUID, see Partition. */
  readonly uuid: string;
  readonly boot: boolean;
  /** Of a logical partition: the sector of its extended boot record. */
  readonly ebrSector?: number | undefined;
}

/** One disk with everything on it placed. */
export interface DiskLayout {
  readonly disk: string;
  readonly size: number;
  readonly sectorSize: number;
  /** Absent: no partition table, the file system lies straight on the disk. */
  readonly label?: TableLabel | undefined;
  /** gpt: disk GUID; mbr: signature as 0x%08x. */
  readonly diskId?: string | undefined;
  readonly partitions: readonly PlacedPartition[];
  /** mbr: extended partition, if any, in sectors. */
  readonly extended?: { readonly startSector: number; readonly sectors: number } | undefined;
}

/** What the files below a mount point take: bytes with every file and directory rounded up to blocks of 4 KiB (as du counts them), and how many there are. */
export interface ContentUsage {
  readonly bytes: number;
  readonly inodes: number;
}

/** By mount point; what lies on another mount point is counted there. */
export type UsageByMount = Readonly<Record<string, ContentUsage>>;
