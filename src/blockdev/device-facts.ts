import type { JsonObject } from '../util/json.ts';
import { formatBytes } from './sizes.ts';

/** What tells one disk from another, however it is plugged in. */
export interface DeviceIdentity extends JsonObject {
  /** As declared, such as /dev/disk/by-id/... */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** Bytes of a logical sector. */
  readonly sectorSize: number;
  /** Maker and model, for people. */
  readonly model?: string | undefined;
  readonly serial?: string | undefined;
  /** World-wide name; of a virtual device what stands for one: the uuid of a mapping or array, the file of a loop device. */
  readonly wwid?: string | undefined;
}

/** Why a device must not be written to. `root`: this machine runs from it. `open`: another program has it for itself (open(2), O_EXCL). */
export interface DeviceUse extends JsonObject {
  readonly what: 'root' | 'mount' | 'swap' | 'lvm' | 'luks' | 'dm' | 'md' | 'loop' | 'open';
  /** The device itself, or what stands on it: /dev/sdb1. */
  readonly on: string;
  /** Mount point, or path of the device that stands on it; empty where there is none. */
  readonly by: string;
}

/** Something with a known signature: a partition table, a file system, a member of something. Types as in blkid(8). */
export interface FoundSignature extends JsonObject {
  readonly type: string;
  /** As blkid prints it; of a partition table its GUID or signature. */
  readonly id?: string | undefined;
  readonly label?: string | undefined;
}

export interface FoundPartition extends JsonObject {
  readonly number: number;
  /** Bytes from the start of the device. */
  readonly offset: number;
  readonly length: number;
  readonly signature?: FoundSignature | undefined;
}

/** What a device holds. */
export type DeviceContents =
  | { readonly known: false; readonly why: string /** That the kernel knows of. */; readonly partitions: number }
  | {
      readonly known: true;
      /** Nothing is known to stand there, and its first and last MiB are zeroes. */
      readonly blank: boolean;
      /** On the device as a whole. */
      readonly signatures: readonly FoundSignature[];
      readonly partitions: readonly FoundPartition[];
      /** SHA-256 of all of it and of the first and last MiB: equal as long as nobody wrote there. */
      readonly digest: string;
    };

/** A block device of this machine. */
export interface DeviceFacts {
  readonly identity: DeviceIdentity;
  /** Where the path leads: /dev/sdb. */
  readonly node: string;
  /** `major:minor`. */
  readonly number: string;
  /** `major:minor` of the disk that a partition is on; else its own. */
  readonly whole: string;
  readonly type: 'disk' | 'partition' | 'mapping' | 'array' | 'loop';
  readonly readOnly: boolean;
  readonly uses: readonly DeviceUse[];
  readonly contents: DeviceContents;
}

/** What stands at a declared path. */
export type DeviceSighting =
  | { readonly state: 'absent' }
  /** `what`: a regular file, a directory, ... */
  | { readonly state: 'other'; readonly what: string }
  | { readonly state: 'found'; readonly facts: DeviceFacts };

/** Whether two sights are of one and the same disk. Its path does not count: it may be plugged in elsewhere. */
export function isSameDevice(a: DeviceIdentity, b: DeviceIdentity): boolean {
  return a.size === b.size && a.sectorSize === b.sectorSize && a.serial === b.serial && a.wwid === b.wwid;
}

/** `QEMU HARDDISK, serial 4711, 20 GiB`. */
export function describeIdentity(identity: DeviceIdentity): string {
  const { model, serial, wwid, size } = identity;
  const name = serial === undefined ? wwid : `serial ${serial}`;
  return [model, name, formatBytes(size)].filter((part) => part !== undefined).join(', ');
}

/** `nothing`, `gpt with 2 partitions: ext4 "root", swap`, as the end of a sentence. */
export function describeContents(contents: DeviceContents): string {
  if (!contents.known) {
    const visible = contents.partitions === 0 ? '' : `, but it has ${count(contents.partitions, 'partition')}`;
    return `contents unknown: ${contents.why}${visible}`;
  }
  if (contents.blank) return 'nothing';
  const { signatures, partitions } = contents;
  const whole = signatures.map(describeSignature).join(', ');
  if (partitions.length > 0) {
    const each = partitions.map(({ signature }) => (signature === undefined ? 'unknown' : describeSignature(signature)));
    return `${whole === '' ? '' : `${whole} with `}${count(partitions.length, 'partition')}: ${each.join(', ')}`;
  }
  return whole === '' ? 'data of an unknown kind' : whole;
}

function describeSignature({ type, label }: FoundSignature): string {
  const word = WORDS[type] ?? type;
  return label === undefined ? word : `${word} "${label}"`;
}

const WORDS: Readonly<Record<string, string>> = {
  dos: 'mbr',
  LVM2_member: 'LVM physical volume',
  crypto_LUKS: 'LUKS',
  linux_raid_member: 'RAID member',
};

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}

/** `/dev/sdb1 is mounted at /srv`. */
export function describeUse({ what, on, by }: DeviceUse): string {
  switch (what) {
    case 'root':
      return `this machine runs from ${on}`;
    case 'mount':
      return `${on} is mounted at ${by}`;
    case 'swap':
      return `${on} is swap in use`;
    case 'lvm':
      return `${on} is a physical volume of an active volume group: ${by}`;
    case 'luks':
      return `${on} holds an open LUKS container: ${by}`;
    case 'md':
      return `${on} is a member of a running array: ${by}`;
    case 'dm':
      return `${on} is in use by the device mapper: ${by}`;
    case 'loop':
      return `${on} is shown by the loop device ${by}`;
    case 'open':
      return `${on} is open in another program, exclusively`;
  }
}

/** Whether two devices have bytes in common: the same one, or a disk and a partition of it. */
export function overlap(a: Pick<DeviceFacts, 'number' | 'whole'>, b: Pick<DeviceFacts, 'number' | 'whole'>): boolean {
  return a.number === b.number || a.whole === b.number || a.number === b.whole;
}
