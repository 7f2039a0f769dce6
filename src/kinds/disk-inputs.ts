import type { DiskLayout, FilesystemType, TableLabel } from '../blockdev/devices.ts';
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

/** Outputs of `partition.NAME`, and what every action on a piece of a disk file works with. */
export interface ExtentOutputs extends JsonObject {
  readonly file: string;
  readonly offset: number;
  readonly length: number;
  readonly sectorSize: number;
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
  /** Address of the disk. */
  readonly disk: string;
  /** Address of the partition or disk that holds it. */
  readonly device: string;
  readonly offset: Later;
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
  readonly format: 'raw' | 'qcow2' | 'tar';
  /** As the user wrote it, relative to the directory of image.yaml. */
  readonly path: string;
  readonly compression: 'zstd' | 'zlib' | 'gzip' | 'none';
  /** Address of the disk (raw, qcow2). */
  readonly disk?: string | undefined;
  /** Address of the layer (tar). */
  readonly tree?: string | undefined;
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
