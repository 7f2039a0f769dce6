import { constants } from 'node:fs';
import { open, realpath, stat } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DeviceFacts, DeviceIdentity, DeviceSighting } from '../blockdev/device-facts.ts';
import { readContents } from './device-contents.ts';
import { type OwnLoop, readDeviceUses } from './device-uses.ts';
import { type HostFiles, hostFiles } from './files.ts';

/** Where a path leads. */
export type Located =
  | { readonly state: 'absent' }
  | { readonly state: 'other'; readonly what: string }
  /** `number`: `major:minor`. */
  | { readonly state: 'device'; readonly node: string; readonly number: string };

/** This machine, or another in tests. */
export interface DeviceHost {
  readonly files: HostFiles;
  locate(path: string): Promise<Located>;
}

export function thisHost(): DeviceHost {
  return { files: hostFiles(), locate };
}

export interface SightOptions {
  /** What to leave out of the users of the device: what an earlier run attached. */
  readonly own?: readonly OwnLoop[] | undefined;
  readonly host?: DeviceHost | undefined;
}

/** Looks at the device that a path leads to: who it is, who uses it, what it holds. Reads only; without root, what it holds may stay unknown. */
export async function seeDevice(path: string, options: SightOptions = {}): Promise<DeviceSighting> {
  const host = options.host ?? thisHost();
  const located = await host.locate(path);
  if (located.state !== 'device') return located;
  const found = await readIdentity(path, located.number, host.files);
  if (found === undefined) return { state: 'absent' };
  const { node, number } = located;
  const uses = [...(await readDeviceUses(found.name, host.files, options.own))];
  if (uses.length === 0 && (await isTaken(node))) uses.push({ what: 'open', on: node, by: '' });
  const contents = await readContents(node, found.identity, found.partitions);
  const { identity, whole, type, readOnly } = found;
  return { state: 'found', facts: { identity, node, number, whole, type, readOnly, uses, contents } };
}

/** Who the device at a path is, without looking at what it holds. */
export async function identifyDevice(path: string, host: DeviceHost = thisHost()): Promise<DeviceIdentity | undefined> {
  const located = await host.locate(path);
  return located.state === 'device' ? (await readIdentity(path, located.number, host.files))?.identity : undefined;
}

/** Another dib that looks at the same disk, or a tool that looks whether it may, holds it for moments only. */
const TAKEN_TRIES = 5;
const TAKEN_PAUSE_MS = 50;

/** Whether a mount, swap or another program has the device, or a partition of it, for itself: open(2), O_EXCL on block devices. */
export async function isTaken(node: string): Promise<boolean> {
  for (let tries = 0; tries < TAKEN_TRIES; tries++) {
    if (tries > 0) await sleep(TAKEN_PAUSE_MS);
    if (!(await isOpenElsewhere(node))) return false;
  }
  return true;
}

async function isOpenElsewhere(node: string): Promise<boolean> {
  try {
    const handle = await open(node, constants.O_RDONLY | constants.O_EXCL);
    await handle.close();
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EBUSY';
  }
}

async function locate(path: string): Promise<Located> {
  try {
    const found = await stat(path);
    if (found.isBlockDevice()) return { state: 'device', node: await realpath(path), number: numberText(found.rdev) };
    return { state: 'other', what: found.isDirectory() ? 'a directory' : found.isFile() ? 'a file' : 'no block device' };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return { state: 'absent' };
    return { state: 'other', what: `not reachable (${code})` };
  }
}

/** `major:minor` of a device number (makedev(3)). */
function numberText(rdev: number): string {
  const value = BigInt(rdev);
  const major = ((value >> 8n) & 0xfffn) | ((value >> 32n) & ~0xfffn);
  const minor = (value & 0xffn) | ((value >> 12n) & ~0xffn & 0xffffffffn);
  return `${major}:${minor}`;
}

interface Found {
  /** The kernel's name. */
  readonly name: string;
  readonly identity: DeviceIdentity;
  /** `major:minor` of its disk. */
  readonly whole: string;
  readonly type: DeviceFacts['type'];
  readonly readOnly: boolean;
  /** Number of partitions that the kernel knows. */
  readonly partitions: number;
}

/** Sysfs counts sizes in sectors of 512 bytes, whatever the device's own are. */
const SYSFS_SECTOR = 512;

/** What sysfs says of a device: linux, Documentation/ABI/stable/sysfs-block. */
async function readIdentity(path: string, number: string, host: HostFiles): Promise<Found | undefined> {
  const link = await host.link(`/sys/dev/block/${number}`);
  if (link === undefined) return undefined;
  const directory = resolve('/sys/dev/block', link);
  const name = basename(directory).replaceAll('!', '/');
  const partition = await host.read(`${directory}/partition`);
  const disk = partition === undefined ? directory : dirname(directory);
  const [sectors, sector, readOnly, entries] = await Promise.all([
    host.read(`${directory}/size`),
    host.read(`${disk}/queue/logical_block_size`),
    host.read(`${directory}/ro`),
    host.list(directory),
  ]);
  const [names, type] = await Promise.all([readNames(disk, host), typeOf(directory, partition !== undefined, host)]);
  const whole = disk === directory ? number : ((await host.read(`${disk}/dev`)) ?? number);
  const serial = names.serial ?? (await udevSerial(whole, host));
  const suffix = partition === undefined ? '' : ` partition ${partition}`;
  return {
    name: basename(directory),
    whole,
    type,
    readOnly: readOnly === '1',
    partitions: entries.filter((entry) => entry !== name && entry.startsWith(name)).length,
    identity: {
      path,
      size: Number(sectors ?? 0) * SYSFS_SECTOR,
      sectorSize: Number(sector ?? SYSFS_SECTOR),
      ...(names.model !== undefined && { model: names.model }),
      ...(serial !== undefined && { serial: `${serial}${suffix}` }),
      ...(names.wwid !== undefined && { wwid: `${names.wwid}${suffix}` }),
    },
  };
}

async function typeOf(directory: string, isPartition: boolean, host: HostFiles): Promise<DeviceFacts['type']> {
  if (isPartition) return 'partition';
  const entries = await host.list(directory);
  if (entries.includes('dm')) return 'mapping';
  if (entries.includes('md')) return 'array';
  return /^loop\d+$/.test(basename(directory)) ? 'loop' : 'disk';
}

/** Vendor, model, serial and world-wide name, where the drivers of SCSI, NVMe, virtio and the virtual devices put them. */
async function readNames(disk: string, host: HostFiles) {
  const first = async (...members: string[]): Promise<string | undefined> => {
    for (const member of members) {
      const text = (await host.read(`${disk}/${member}`))?.trim();
      if (text !== undefined && text !== '') return text;
    }
    return undefined;
  };
  const [vendor, model, serial, page, wwid] = await Promise.all([
    first('device/vendor'),
    first('device/model'),
    first('serial', 'device/serial'),
    host.read(`${disk}/device/vpd_pg80`),
    first('wwid', 'device/wwid', 'dm/uuid', 'md/uuid', 'loop/backing_file'),
  ]);
  // A PCI vendor is a number that says nothing to people.
  const maker = [vendor?.startsWith('0x') ? undefined : vendor, model].filter((part) => part !== undefined).join(' ');
  // SPC-4, unit serial number page: a header of four bytes, then the serial.
  return { model: maker || undefined, serial: serial ?? (page?.slice(4).trim() || undefined), wwid };
}

/** The database of udev knows serials that sysfs does not have, of disks behind USB: systemd, udevadm(8). */
async function udevSerial(number: string, host: HostFiles): Promise<string | undefined> {
  const text = await host.read(`/run/udev/data/b${number}`);
  return /^E:ID_SERIAL_SHORT=(.+)$/m.exec(text ?? '')?.[1];
}
