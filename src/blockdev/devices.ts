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

/** A disk of the machine that is there already: a hard disk, an iSCSI target, a LUN. dib writes it where it is. */
export interface ExistingDisk extends DeviceNode {
  readonly plugin: 'disk';
  /** Absolute path below /dev, as written: a stable name such as /dev/disk/by-id/... is best. */
  readonly path: string;
  /** Whether what is on it may be overwritten, once the user has confirmed it. */
  readonly wipe: boolean;
  /** Not known before the device was looked at: see DeviceFacts. */
  readonly size: 'device';
  readonly sizeText?: undefined;
  /** Sectors of the device as far as it was seen, else 512. */
  readonly blockSize: 512 | 4096;
}

export type Disk = LocalLoop | ExistingDisk;

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
  /** Name of the device that it lies on. */
  readonly base: string;
  readonly type: FilesystemType;
  readonly label: string;
  /** UUID (lower case); for vfat the volume id as `ABCD-1234`. */
  readonly uuid: string;
  /** Extra arguments for mkfs, in order. */
  readonly opts: readonly string[];
}

/** A subvolume of a btrfs file system (btrfs-subvolume(8)). */
export interface Subvolume extends DeviceNode {
  readonly plugin: 'subvolume';
  /** Name of the file system (mkfs). */
  readonly base: string;
  /** Inside the file system, without a leading slash, such as `@home`. */
  readonly path: string;
}

/** A physical volume: a device given to a volume group (pvcreate(8)). */
export interface PhysicalVolume extends DeviceNode {
  readonly plugin: 'pvs';
  readonly base: string;
  /** LVM's 32 characters without dashes. */
  readonly id: string;
  /** Further arguments of pvcreate. */
  readonly options: readonly string[];
}

/** A volume group (vgcreate(8)); its node name is its name in LVM. */
export interface VolumeGroup extends DeviceNode {
  readonly plugin: 'vgs';
  /** Names of its physical volumes, in order. */
  readonly base: readonly string[];
  readonly id: string;
  /** Bytes of an extent, default 4 MiB. */
  readonly extentSize: number;
  readonly options: readonly string[];
}

export type VolumeType = 'linear' | 'thin-pool' | 'thin';

/** `of`: VG, the whole group; FREE, what is free when it is made; PVS, the same as VG (lvcreate(8) -l). `extents`: a number of them. */
export type VolumeSize =
  | { readonly bytes: number }
  | { readonly extents: number }
  | { readonly percent: number; readonly of: 'VG' | 'FREE' | 'PVS' };

/** A logical volume (lvcreate(8)). */
export interface LogicalVolume extends DeviceNode {
  readonly plugin: 'lvs';
  /** Name of the volume group. */
  readonly base: string;
  /** Name in LVM: the node name. */
  readonly volume: string;
  readonly id: string;
  readonly type: VolumeType;
  /** Of a thin volume: the virtual size. */
  readonly size: VolumeSize;
  readonly sizeText: string;
  /** Node name of the pool of a thin volume. */
  readonly pool?: string | undefined;
  readonly options: readonly string[];
}

/** Where the passphrase or key of a LUKS container comes from; never the key itself. */
export type KeySource =
  /** Path as written, relative to the directory of image.yaml; the bytes of the whole file are the key. */
  | { readonly from: 'file'; readonly path: string }
  /** Name of an environment variable; its value is the passphrase. */
  | { readonly from: 'env'; readonly name: string }
  /** Asked for on the terminal when it is needed. */
  | { readonly from: 'prompt' };

/** A LUKS2 container (cryptsetup-luksFormat(8)). */
export interface Luks extends DeviceNode {
  readonly plugin: 'luks';
  readonly base: string;
  /** Name of the opened device below /dev/mapper in the running image (crypttab(5)): the node name. */
  readonly mapper: string;
  readonly uuid: string;
  readonly label: string;
  readonly key: KeySource;
  readonly cipher: string;
  /** Bits. */
  readonly keySize: number;
  readonly pbkdf: 'argon2id' | 'argon2i' | 'pbkdf2';
  /** Milliseconds that unlocking shall take on this machine. */
  readonly iterTime: number;
  /** KiB that argon2 uses: what unlocks the image must have it free. */
  readonly pbkdfMemory: number;
  /** Options in crypttab, such as `discard`. */
  readonly options: readonly string[];
}

export type RaidLevel = 0 | 1 | 5 | 6 | 10;

/** A Linux software RAID (md(4)) with metadata 1.2. */
export interface Raid extends DeviceNode {
  readonly plugin: 'raid';
  /** Names of its member devices, in order. */
  readonly base: readonly string[];
  readonly level: RaidLevel;
  readonly uuid: string;
  /** KiB; levels 0, 5, 6 and 10. */
  readonly chunk: number;
  /** 1.0: at the end of the members, so that firmware can read a mirrored ESP. 1.2: the default. */
  readonly metadata: '1.0' | '1.2';
  readonly options: readonly string[];
}

export interface Mount extends DeviceNode {
  readonly plugin: 'mount';
  /** Name of the file system (mkfs) or subvolume. */
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
  readonly disks: readonly Disk[];
  readonly tables: readonly Partitioning[];
  readonly raids: readonly Raid[];
  readonly luks: readonly Luks[];
  readonly pvs: readonly PhysicalVolume[];
  readonly vgs: readonly VolumeGroup[];
  readonly lvs: readonly LogicalVolume[];
  readonly filesystems: readonly Mkfs[];
  readonly subvolumes: readonly Subvolume[];
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

/** A run of bytes on a disk, or inside of a LUKS container (where they lie decrypted). */
export interface DeviceExtent {
  /** Name of the disk or LUKS container. */
  readonly container: string;
  /** Bytes. */
  readonly offset: number;
  readonly length: number;
}

/** A device with its size and place: disk, partition, RAID, LUKS container, logical volume. */
export interface PlacedDevice {
  readonly name: string;
  /** Bytes that what stands on it can use. */
  readonly size: number;
  readonly sectorSize: number;
  /** Its bytes in order. Absent where only the kernel knows: RAID, thin volumes, and all that stands on them. */
  readonly extents?: readonly DeviceExtent[] | undefined;
}

/** A volume group with everything in it allocated. */
export interface PlacedGroup {
  /** Name of the volume group. */
  readonly group: string;
  readonly extentSize: number;
  readonly pvs: readonly PlacedPhysicalVolume[];
  readonly lvs: readonly PlacedVolume[];
  /** Extents that are left. */
  readonly free: number;
}

export interface PlacedPhysicalVolume {
  readonly name: string;
  /** Bytes of the device. */
  readonly size: number;
  /** Bytes before the first extent. */
  readonly start: number;
  /** Number of extents. */
  readonly extents: number;
}

export interface PlacedVolume {
  readonly name: string;
  /** Extents that it takes of the group; 0 for a thin volume. */
  readonly extents: number;
  /** Bytes of the device that it gives. */
  readonly size: number;
  /** Of a linear volume in a group that dib writes itself: runs of extents, in order. Empty where lvcreate chooses. */
  readonly segments: readonly { readonly pv: string; readonly start: number; readonly count: number }[];
  /** Of a thin pool: extents of its metadata, and of the spare of the group that its repair needs; bytes of a chunk of its data. */
  readonly metadata?: { readonly extents: number; readonly spare: number; readonly chunk: number } | undefined;
}

/** An image without any disk. */
export const NO_DEVICES: BlockDevices = {
  disks: [],
  tables: [],
  raids: [],
  luks: [],
  pvs: [],
  vgs: [],
  lvs: [],
  filesystems: [],
  subvolumes: [],
  mounts: [],
  fstabs: [],
};

/** Everything placed that can be: disks and what stands on disks whose size is known. */
export interface StackLayout {
  readonly disks: readonly DiskLayout[];
  readonly devices: readonly PlacedDevice[];
  readonly groups: readonly PlacedGroup[];
}

/** What the files below a mount point take: bytes with every file and directory rounded up to blocks of 4 KiB (as du counts them), and how many there are. */
export interface ContentUsage {
  readonly bytes: number;
  readonly inodes: number;
}

/** By mount point; what lies on another mount point is counted there. */
export type UsageByMount = Readonly<Record<string, ContentUsage>>;
