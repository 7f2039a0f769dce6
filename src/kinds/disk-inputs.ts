import type {
  DiskLayout,
  FilesystemType,
  KeySource,
  PlacedPhysicalVolume,
  PlacedVolume,
  RaidLevel,
  TableLabel,
  VolumeType,
} from '../blockdev/devices.ts';
import type { JsonObject } from '../util/json.ts';
import { type Realisation, UNKNOWN } from './kind.ts';

/** A number that may only be known after apply. */
export type Later = number | typeof UNKNOWN;

/** Inputs of `local_loop.NAME`. */
export interface LocalLoopInputs extends JsonObject {
  readonly name: string;
  /** Bytes. */
  readonly size: Later;
  readonly sectorSize: 512 | 4096;
  readonly realisation: Realisation;
}

/** Outputs of `local_loop.NAME`. */
export interface LocalLoopOutputs extends JsonObject {
  /** Absolute path of the disk file. */
  readonly file: string;
  /** Bytes. */
  readonly size: number;
  readonly sectorSize: number;
  /** Device and inode number of the disk file: what a loop device is checked against. */
  readonly dev: number;
  readonly ino: number;
}

/** Inputs of `partitioning.NAME`. */
export interface PartitioningInputs extends JsonObject {
  /** Address of the disk. */
  readonly disk: string;
  readonly label: TableLabel;
  /** The placed partitions, as JSON; or UNKNOWN. */
  readonly layout: (DiskLayout & JsonObject) | typeof UNKNOWN;
}

/** Inputs of `partition.NAME`. */
export interface PartitionInputs extends JsonObject {
  readonly disk: string;
  readonly number: Later;
  /** Bytes from the start of the disk. */
  readonly offset: Later;
  readonly length: Later;
  readonly realisation: Realisation;
}

/** Outputs of `partition.NAME`. */
export interface ExtentOutputs extends JsonObject {
  readonly file: string;
  readonly offset: number;
  readonly length: number;
  readonly sectorSize: number;
}

/** A run of bytes of a file. */
export interface FileExtent extends JsonObject {
  /** Absolute path: a disk file, an existing device, or the decrypted content of a LUKS container while it is made. */
  readonly file: string;
  readonly offset: number;
  readonly length: number;
}

/** Outputs of `raid.NAME`, `luks.NAME` and `lvs.NAME`: a device that is more than a piece of a disk. */
export interface DeviceOutputs extends JsonObject {
  /** Bytes. */
  readonly size: number;
  readonly sectorSize: number;
  /** Where its bytes lie, in order; absent where only the kernel knows, so that it must be attached. */
  readonly extents?: readonly FileExtent[] | undefined;
}

/** What attaching anything that is a block device gives, besides what identifies it. */
export interface DeviceAttachment extends JsonObject {
  /** Such as /dev/loop3 or /dev/mapper/vg-root: on the machine of the run. */
  readonly device: string;
}

/** Inputs of `raid.NAME`. */
export interface RaidInputs extends JsonObject {
  readonly name: string;
  /** Addresses of the devices, in order. */
  readonly members: readonly string[];
  readonly level: RaidLevel;
  readonly metadata: '1.0' | '1.2';
  /** KiB. */
  readonly chunk: number;
  readonly uuid: string;
  /** Bytes that the array uses of each member (mdadm --size). Absent for level 0, which takes all of each. */
  readonly componentSize?: Later | undefined;
  /** Bytes before them (mdadm --data-offset); metadata 1.2. */
  readonly dataOffset: Later;
  /** Bytes of the array. */
  readonly size: Later;
  readonly sectorSize: 512 | 4096;
  /** All of its members lie in disk files: what nobody wrote reads as zeroes there, so that mirrors and parity are right from the start. */
  readonly zeroed?: boolean | undefined;
  readonly options: readonly string[];
}

/** What stands in the header of a LUKS2 container. */
export interface LuksHeader extends JsonObject {
  readonly uuid: string;
  readonly label: string;
  readonly cipher: string;
  /** Bits. */
  readonly keySize: number;
  readonly pbkdf: 'argon2id' | 'argon2i' | 'pbkdf2';
  /** Milliseconds. */
  readonly iterTime: number;
  /** KiB. */
  readonly pbkdfMemory: number;
  readonly sectorSize: 512 | 4096;
}

/** Inputs of `luks.NAME`. */
export interface LuksInputs extends LuksHeader {
  readonly name: string;
  /** Address of the device that holds it. */
  readonly device: string;
  readonly key: KeySource & JsonObject;
  /** Of the key itself, so that another key makes another container; UNKNOWN where the key is not at hand. */
  readonly keyFingerprint: string;
  /** Bytes of its inside: the device's less the header. */
  readonly size: Later;
  /** Offline: digest of all that stands in it, see luks-content.ts; UNKNOWN as long as an input of that is. */
  readonly content?: string | undefined;
  readonly realisation: Realisation;
}

/** Inputs of `luks_header.NAME`: offline, the header of a container. */
export interface LuksHeaderInputs extends JsonObject {
  /** Address of the container. */
  readonly luks: string;
  readonly header: LuksHeader;
}

/** Inputs of `encrypt.NAME`: offline, what was written into the container is encrypted into the device that holds it. */
export interface EncryptInputs extends JsonObject {
  /** Address of the container. */
  readonly luks: string;
  /** Address of the device that holds it. */
  readonly device: string;
  readonly header: LuksHeader;
  readonly content: readonly ContainerContent[];
}

/** Something that is written into a LUKS container. */
export interface ContainerContent extends JsonObject {
  /** Of `mkfs`, `vgs` or `encrypt`. */
  readonly address: string;
  /** Of a file system. */
  readonly type?: FilesystemType | undefined;
}

/** Inputs of `pvs.NAME`. */
export interface PvsInputs extends JsonObject {
  /** Address of the device. */
  readonly device: string;
  /** 32 characters. */
  readonly id: string;
  readonly options: readonly string[];
  readonly realisation: Realisation;
}

/** Inputs of `vgs.NAME`. */
export interface VgsInputs extends JsonObject {
  readonly name: string;
  readonly id: string;
  /** Bytes. */
  readonly extentSize: number;
  /** Its physical volumes, in order: address of the node, address of its device. */
  readonly pvs: readonly { readonly address: string; readonly device: string; readonly id: string }[];
  /** Offline, all of the group is written at once: where everything is; UNKNOWN as long as a size is. Absent where LVM itself makes it. */
  readonly placed?:
    | {
        readonly pvs: readonly (PlacedPhysicalVolume & JsonObject)[];
        readonly lvs: readonly (PlacedVolume & JsonObject & { readonly id: string; readonly volume: string })[];
      }
    | typeof UNKNOWN
    | undefined;
  /** Attached: its volumes as declared, so that a group is made anew when one is taken away or changed. */
  readonly volumes?: readonly JsonObject[] | undefined;
  /** Seconds since 1970, for the metadata's time stamps. */
  readonly epoch: number;
  readonly options: readonly string[];
  readonly realisation: Realisation;
}

/** Inputs of `lvs.NAME`. */
export interface LvsInputs extends JsonObject {
  /** Address of the group. */
  readonly group: string;
  readonly volume: string;
  readonly id: string;
  readonly type: VolumeType;
  /** Extents of the group, or UNKNOWN; of a thin volume 0. */
  readonly extents: Later;
  /** Bytes of the device; of a thin volume its virtual size. */
  readonly size: Later;
  readonly sectorSize: 512 | 4096;
  /** Of a thin volume: the address of its pool. */
  readonly pool?: string | undefined;
  /** Of a thin pool: extents of its metadata and of the spare, bytes of a chunk of its data. */
  readonly metadata?: { readonly extents: number; readonly spare: number; readonly chunk: number } | undefined;
  /** Offline: where its bytes lie, as containers of the graph; UNKNOWN as long as a size is. */
  readonly place?: Place | typeof UNKNOWN | undefined;
  readonly options: readonly string[];
  readonly realisation: Realisation;
}

/** Runs of bytes in disks and LUKS containers. */
export type Place = readonly {
  /** Address of a disk or LUKS container. */
  readonly container: string;
  readonly offset: number;
  readonly length: number;
}[];

/** Inputs of `subvolume.NAME`. */
export interface SubvolumeInputs extends JsonObject {
  /** Address of the device that the file system lies on. */
  readonly device: string;
  /** Inside the file system, such as `@home`. */
  readonly path: string;
}

/** What attaching `local_loop` or `partition` gives. */
export interface LoopAttachment extends JsonObject {
  /** Such as /dev/loop3. */
  readonly device: string;
  readonly file: string;
  readonly dev: number;
  readonly ino: number;
  readonly offset: number;
  /** Bytes; 0: to the end of the file. */
  readonly length: number;
}

/** Which part of the merged tree a file system holds. */
export interface FillInputs extends JsonObject {
  /** Address of the layer whose stack is the tree. */
  readonly tree: string;
  /** Mount point of the file system: its root is this directory of the tree. */
  readonly path: string;
  /** Mount points of other file systems below it: shown as empty directories. */
  readonly hide: readonly string[];
}

/** Inputs of `mkfs.NAME`. */
export interface MkfsInputs extends JsonObject {
  /** Address of the device that holds it. */
  readonly device: string;
  /** Where it is written; UNKNOWN as long as a size is. Absent: through the attached device. */
  readonly place?: Place | typeof UNKNOWN | undefined;
  /** Bytes. */
  readonly length: Later;
  readonly sectorSize: 512 | 4096;
  readonly type: FilesystemType;
  readonly label: string;
  readonly uuid: string;
  /** Not known as long as the size is not: the defaults depend on it. */
  readonly opts: readonly string[] | typeof UNKNOWN;
  readonly realisation: Realisation;
  /** Seconds since 1970, at least 1: no time stamp in the file system is later. */
  readonly epoch: Later;
  /** Absent: the file system is made empty. */
  readonly fill?: FillInputs | undefined;
}

/** Inputs of `mount.NAME`. */
export interface MountInputs extends JsonObject {
  readonly device: string;
  readonly type: FilesystemType;
  /** Absolute path inside the image, or `none`. */
  readonly mountPoint: string;
  readonly options: readonly string[];
}

/** Inputs of `fstab.NAME`. */
export interface FstabInputs extends JsonObject {
  /** Its line of /etc/fstab. */
  readonly line: string;
}

/** Inputs of `tree.root`. */
export interface TreeInputs extends JsonObject {
  readonly tree: string;
  /** In mount order: parents first. */
  readonly mounts: readonly (JsonObject & {
    readonly device: string;
    readonly type: FilesystemType;
    readonly mountPoint: string;
    readonly options: readonly string[];
  })[];
  /** Mount points that others fill. */
  readonly hide: readonly string[];
}

/** Inputs of `bootloader.DISK`. */
export interface BootloaderInputs extends JsonObject {
  readonly disk: string;
  readonly tree: string;
  /** Where core.img goes. Absent: nowhere, as `reason` says. */
  readonly place?: BootloaderPlace | typeof UNKNOWN | undefined;
  readonly reason?: string | undefined;
}

export interface BootloaderPlace extends JsonObject {
  readonly kind: 'bios-boot-partition' | 'mbr-gap';
  /** Sectors of 512 bytes. */
  readonly startSector: number;
  readonly sectors: number;
}

/** Inputs of `output.NAME`. */
export interface OutputInputs extends JsonObject {
  /** `file`: what an element made. */
  readonly format: 'raw' | 'qcow2' | 'tar' | 'file';
  /** As the user wrote it, relative to the directory of image.yaml. */
  readonly path: string;
  readonly compression: 'zstd' | 'zlib' | 'gzip' | 'none';
  /** Address of the disk (raw, qcow2). */
  readonly disk?: string | undefined;
  /** Address of the layer (tar, file). */
  readonly tree?: string | undefined;
  /** Of file: its name among the layer's extra outputs. */
  readonly file?: string | undefined;
  /** Of tar: no time stamp is later. */
  readonly epoch?: Later | undefined;
}

/** Outputs of `output.NAME`. */
export interface OutputOutputs extends JsonObject {
  /** Absolute path. */
  readonly path: string;
  /** Bytes of the file (apparent size). */
  readonly size: number;
  readonly sha256: string;
  /** Modification time, milliseconds since 1970. */
  readonly mtime: number;
}

/** The value of an input that must be known when an action runs; otherwise the graph is wrong. */
export function known<T extends Exclude<JsonObject[string], undefined>>(value: T | typeof UNKNOWN, what: string): T {
  if (value === UNKNOWN) throw new Error(`${what} is not known when it is needed`);
  return value as T;
}

/** A number for a command shown in the plan: `<what>` while it is not known. */
export function shown(value: Later | string, what: string, map: (value: number) => number = (bytes) => bytes): string {
  return typeof value === 'number' ? String(map(value)) : `<${what}>`;
}
