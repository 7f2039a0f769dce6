import { type BlockDevice, isNodeOf, makerOf, readBlockDevices } from './block-devices.ts';
import type { HostFiles } from './files.ts';
import { type Mount, mountHolding, readMounts, readSwaps } from './mounts.ts';

/** Where an image's own files are, for the question of what stands on them. Absolute paths without symbolic links. */
export interface OwnFiles {
  /** Disk files. */
  readonly files: readonly string[];
  /** Whatever file lies below one is ours, and so is every mount point. */
  readonly directories: readonly string[];
  /** Paths of those files that are there, by `major:minor inode`. */
  readonly numbers: ReadonlyMap<string, string>;
}

/** `other`: a device of a sort that dib does not know, such as bcache. */
export type Standing = 'mount' | 'swap' | 'lvm' | 'luks' | 'dm' | 'md' | 'loop' | 'other';

/** Something of the running kernel that keeps our files in use. */
export interface StandingThing {
  readonly what: Standing;
  /** Mount point, or path of the device. */
  readonly name: string;
  /** About it, for people: `ext4 of /dev/loop3`. */
  readonly detail: string;
  /** `major:minor` of the device, or of what is mounted. */
  readonly number: string;
  /** Of a mount, its id; of a mapping or an array, its uuid. With the name it tells whether it is still the same. */
  readonly identity: string;
  /** Of a loop device: what it shows. */
  readonly loop?: BlockDevice['loop'];
  /** Our files at the bottom of it; none below what only has its place among them. */
  readonly files: readonly string[];
  /** Paths of devices at the bottom of it that are not ours: then it is not ours to stop. */
  readonly foreign: readonly string[];
}

/** All that stands on our files, deepest first: each thing before those that it stands on. */
export async function standingOn(own: OwnFiles, host: HostFiles): Promise<readonly StandingThing[]> {
  const [devices, mounts, swaps] = await Promise.all([readBlockDevices(host), readMounts(host), readSwaps(host)]);
  return new Walk(own, devices, mounts, swaps).run();
}

/** What a thing was found on. */
interface Below {
  /** 0 for what shows a file or has its place among them; else one more than what it was found on. */
  readonly level: number;
  readonly file?: string | undefined;
  /** Asked when everything is found: only then it is known what is ours. */
  readonly foreign: () => readonly string[];
}

type Description = Omit<StandingThing, 'files' | 'foreign'>;

interface Found {
  readonly thing: Description;
  level: number;
  readonly files: Set<string>;
  readonly foreign: Set<Below['foreign']>;
}

class Walk {
  readonly #own: OwnFiles;
  readonly #devices: ReadonlyMap<string, BlockDevice>;
  readonly #mounts: readonly Mount[];
  readonly #swaps: readonly string[];
  readonly #found = new Map<string, Found>();

  constructor(own: OwnFiles, devices: readonly BlockDevice[], mounts: readonly Mount[], swaps: readonly string[]) {
    this.#own = own;
    this.#devices = new Map(devices.map((device) => [device.name, withOurPath(device, own)]));
    this.#mounts = mounts;
    this.#swaps = swaps;
  }

  run(): readonly StandingThing[] {
    const bottom = { level: 0, foreign: () => [] };
    for (const mount of this.#mounts) if (isBelow(mount.target, this.#own.directories)) this.#addMount(mount, bottom, false);
    for (const device of this.#devices.values()) {
      const file = device.loop && this.#ownFile(device.loop);
      if (file !== undefined) this.#addDevice(device, { ...bottom, file });
    }
    const all = [...this.#found.values()].map((found, index) => ({ ...found, index, rank: RANKS.indexOf(found.thing.what) }));
    // Of mounts at one level the latest goes first: it may hide an earlier one at the same place.
    all.sort((a, b) => b.level - a.level || a.rank - b.rank || b.index - a.index);
    return all.map(({ thing, files, foreign }) => {
      const others = [...foreign].flatMap((of) => of());
      return { ...thing, files: [...files].sort(), foreign: [...new Set(others)].sort() };
    });
  }

  /**
   * Which file of ours a loop device shows: by its numbers; where those tell nothing (it is removed, or they are not known) by its path, unless
   * something else is mounted there and the file lies in that, or the path is that of another mount namespace and means another file.
   */
  #ownFile({ file, numbers = '', deleted }: NonNullable<BlockDevice['loop']>): string | undefined {
    const known = this.#own.numbers.get(numbers);
    if (known !== undefined) return known;
    if (!this.#own.files.includes(file) && !isBelow(file, this.#own.directories)) return undefined;
    if (isBelow(mountHolding(file, this.#mounts)?.target ?? '/', this.#own.directories)) return undefined;
    return deleted || numbers === '' || !this.#isOther(file, numbers) ? file : undefined;
  }

  /** Of a subvolume of btrfs, the numbers of a file and those of a loop device on it differ in the device: then the inode decides. */
  #isOther(file: string, numbers: string): boolean {
    const inode = (text: string) => text.split(' ')[1];
    const ours = [...this.#own.numbers].find(([, path]) => path === file);
    return ours !== undefined && inode(ours[0]) !== inode(numbers);
  }

  #addDevice(device: BlockDevice, below: Below): void {
    // A partition has nothing to stop of its own: it goes with its disk.
    const isPartition = device.disk !== undefined;
    const foreign = () => [...below.foreign(), ...this.#foreignBelow(device)];
    if (!isPartition && !this.#put(`device ${device.name}`, { ...below, foreign }, () => describeDevice(device))) return;
    const above = { ...below, foreign, level: isPartition ? below.level : below.level + 1 };
    for (const holder of device.holders) {
      const found = this.#devices.get(holder);
      if (found !== undefined) this.#addDevice(found, above);
    }
    for (const other of this.#devices.values()) if (other.disk === device.name) this.#addDevice(other, above);
    for (const mount of this.#mounts) if (isMountOf(mount, device)) this.#addMount(mount, above, true);
    for (const name of this.#swaps)
      if (isNodeOf(name, device)) this.#put(`swap ${name}`, above, () => describeSwap(name, device));
  }

  /** `own`: it shows a file system of ours, not merely something at a place that is ours. */
  #addMount(mount: Mount, below: Below, own: boolean): void {
    if (!this.#put(`mount ${mount.id}`, below, () => describeMount(mount))) return;
    const above = { ...below, level: below.level + 1 };
    for (const child of this.#mounts) if (child.parent === mount.id) this.#addMount(child, above, false);
    // A file inside of our file system may be the backing of further loop devices.
    for (const device of own ? this.#devices.values() : []) {
      if (device.loop !== undefined && mountHolding(device.loop.file, this.#mounts)?.id === mount.id)
        this.#addDevice(device, above);
    }
  }

  /** Whether what stands on it has to be looked at: it was not yet known, or to stand so high, or on this file. */
  #put(id: string, { level, file, foreign }: Below, describe: () => Description): boolean {
    // A kernel that shows a cycle has changed while it was read: it ends here.
    if (level > this.#devices.size + this.#mounts.length) return false;
    const known = this.#found.get(id);
    const found = known ?? { thing: describe(), level, files: new Set(), foreign: new Set() };
    const more = known === undefined || known.level < level || (file !== undefined && !found.files.has(file));
    found.level = Math.max(found.level, level);
    if (file !== undefined) found.files.add(file);
    if (more) found.foreign.add(foreign);
    this.#found.set(id, found);
    return more;
  }

  /** Devices at the bottom that are not ours. */
  #foreignBelow(device: BlockDevice, path: readonly string[] = []): string[] {
    if (device.loop !== undefined || path.includes(device.name)) return [];
    return device.slaves.flatMap((name) => {
      const slave = this.#devices.get(name);
      if (slave === undefined) return [`/dev/${name}`];
      const whole = this.#devices.get(slave.disk ?? '') ?? slave;
      if (whole.loop !== undefined) return this.#found.has(`device ${whole.name}`) ? [] : [slave.node];
      return whole.slaves.length === 0 ? [slave.node] : this.#foreignBelow(whole, [...path, device.name]);
    });
  }
}

/** A loop device on a file of ours, with the path that the file has for this process. */
function withOurPath(device: BlockDevice, { numbers }: OwnFiles): BlockDevice {
  const file = numbers.get(device.loop?.numbers ?? '');
  return device.loop === undefined || file === undefined ? device : { ...device, loop: { ...device.loop, file, deleted: false } };
}

/** Among things that do not stand on each other: the order in which they are named. */
const RANKS: readonly Standing[] = ['mount', 'swap', 'lvm', 'luks', 'dm', 'md', 'other', 'loop'];

function describeDevice({ node, number, loop, dm, md }: BlockDevice): Description {
  if (loop !== undefined) {
    const what = loop.deleted ? `${loop.file}, which is removed` : loop.file;
    const detail = `shows ${what}${loop.offset === 0 ? '' : ` from byte ${loop.offset}`}`;
    return { what: 'loop', name: node, detail, number, identity: `${loop.file} ${loop.offset} ${loop.length}`, loop };
  }
  if (dm !== undefined) {
    const what = makerOf(dm);
    return { what, name: node, detail: MAPPING[what], number, identity: dm.uuid };
  }
  if (md !== undefined) return { what: 'md', name: node, detail: `array, ${md.level}`, number, identity: md.uuid };
  return { what: 'other', name: node, detail: 'device of an unknown sort', number, identity: number };
}

const MAPPING = { lvm: 'logical volume', luks: 'opened LUKS container', dm: 'device mapping' } as const;

function describeMount({ id, target, type, source, number }: Mount): Description {
  return { what: 'mount', name: target, detail: `${type} of ${source}`, number, identity: String(id) };
}

function describeSwap(name: string, { number }: BlockDevice): Description {
  return { what: 'swap', name, detail: 'swap area', number, identity: number };
}

/** Mounts of btrfs have a device number of their own: there the name of the device decides. */
function isMountOf(mount: Mount, device: BlockDevice): boolean {
  return mount.number === device.number || isNodeOf(mount.source, device);
}

function isBelow(path: string, directories: readonly string[]): boolean {
  return directories.some((directory) => path === directory || path.startsWith(`${directory}/`));
}
