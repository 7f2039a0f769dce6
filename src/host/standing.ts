import { type BlockDevice, readBlockDevices } from './block-devices.ts';
import type { HostFiles } from './files.ts';
import { type Mount, readMounts, readSwaps } from './mounts.ts';

/** Where an image's own files are, for the question of what stands on them. Absolute paths without symbolic links. */
export interface OwnFiles {
  /** Disk files. */
  readonly files: readonly string[];
  /** Whatever file lies below one is ours, and so is every mount point. */
  readonly directories: readonly string[];
}

export type Standing = 'mount' | 'swap' | 'lvm' | 'luks' | 'dm' | 'md' | 'loop';

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
  /** Paths of devices on which it stands that are not ours: then it is not ours to stop. */
  readonly foreign: readonly string[];
}

/** All that stands on our files, deepest first: each thing before those that it stands on. */
export async function standingOn(own: OwnFiles, host: HostFiles): Promise<readonly StandingThing[]> {
  const [devices, mounts, swaps] = await Promise.all([readBlockDevices(host), readMounts(host), readSwaps(host)]);
  return new Walk(own, devices, mounts, swaps).run();
}

interface Found {
  /** Made at the end: whether something below is ours is only known then. */
  readonly make: () => StandingThing;
  /** 0 for what shows a file; else one more than the highest below. */
  level: number;
}

class Walk {
  readonly #own: OwnFiles;
  readonly #devices: ReadonlyMap<string, BlockDevice>;
  readonly #mounts: readonly Mount[];
  readonly #swaps: readonly string[];
  readonly #found = new Map<string, Found>();

  constructor(own: OwnFiles, devices: readonly BlockDevice[], mounts: readonly Mount[], swaps: readonly string[]) {
    this.#own = own;
    this.#devices = new Map(devices.map((device) => [device.name, device]));
    this.#mounts = mounts;
    this.#swaps = swaps;
  }

  run(): readonly StandingThing[] {
    for (const mount of this.#mounts) if (isBelow(mount.target, this.#own.directories)) this.#addMount(mount, 0, false);
    for (const device of this.#devices.values()) {
      if (device.loop !== undefined && this.#isOwn(device.loop.file)) this.#addDevice(device, 0);
    }
    const things = [...this.#found.values()].map(({ make, level }, index) => ({ thing: make(), level, index }));
    const rank = ({ thing }: { readonly thing: StandingThing }) => RANKS.indexOf(thing.what);
    // Of mounts at one level the latest goes first: it may hide an earlier one at the same place.
    things.sort((a, b) => b.level - a.level || rank(a) - rank(b) || b.index - a.index);
    return things.map(({ thing }) => thing);
  }

  /** By its path; unless something else is mounted there, and the file lies in that. */
  #isOwn(file: string): boolean {
    if (!this.#own.files.includes(file) && !isBelow(file, this.#own.directories)) return false;
    return !isBelow(this.#mountOf(file)?.target ?? '/', this.#own.directories);
  }

  /** What a path lies in: the innermost mount, and of several at one place the latest. */
  #mountOf(path: string): Mount | undefined {
    const above = this.#mounts.filter(({ target }) => target === '/' || isBelow(path, [target]));
    return above.reduce<Mount | undefined>(
      (found, mount) => (mount.target.length >= (found?.target.length ?? 0) ? mount : found),
      undefined,
    );
  }

  #addDevice(device: BlockDevice, level: number): void {
    // A partition has nothing to stop of its own: it goes with its disk.
    const above = device.disk === undefined ? level + 1 : level;
    if (device.disk === undefined && !this.#put(`device ${device.name}`, level, () => this.#thingOf(device))) return;
    for (const holder of device.holders) this.#follow(holder, above);
    for (const other of this.#devices.values()) if (other.disk === device.name) this.#addDevice(other, above);
    for (const mount of this.#mounts) if (isMountOf(mount, device)) this.#addMount(mount, above, true);
    for (const swap of this.#swaps) if (this.#isNodeOf(swap, device)) this.#addSwap(swap, device, above);
  }

  #follow(holder: string, level: number): void {
    const device = this.#devices.get(holder);
    if (device !== undefined) this.#addDevice(device, level);
  }

  /** `own`: it shows a file system of ours, not merely something at a place that is ours. */
  #addMount(mount: Mount, level: number, own: boolean): void {
    const make = (): StandingThing => ({
      what: 'mount',
      name: mount.target,
      detail: `${mount.type} of ${mount.source}`,
      number: mount.number,
      identity: String(mount.id),
      foreign: [],
    });
    if (!this.#put(`mount ${mount.id}`, level, make)) return;
    for (const child of this.#mounts) if (child.parent === mount.id) this.#addMount(child, level + 1, false);
    // A file inside of our file system may be the backing of further loop devices.
    for (const device of own ? this.#devices.values() : []) {
      if (device.loop !== undefined && this.#mountOf(device.loop.file)?.id === mount.id) this.#addDevice(device, level + 1);
    }
  }

  #addSwap(name: string, device: BlockDevice, level: number): void {
    const { number } = device;
    this.#put(`swap ${name}`, level, () => ({ what: 'swap', name, detail: 'swapped to', number, identity: number, foreign: [] }));
  }

  /** Whether it has to be looked at: it is not yet known, or not yet known to stand so high. */
  #put(id: string, level: number, make: () => StandingThing): boolean {
    const known = this.#found.get(id);
    if (known !== undefined && known.level >= level) return false;
    // A kernel that shows a cycle has changed while it was read: it ends here.
    if (level > this.#devices.size + this.#mounts.length) return false;
    if (known === undefined) this.#found.set(id, { make, level });
    else known.level = level;
    return true;
  }

  #thingOf(device: BlockDevice): StandingThing {
    const { name, node, number, loop, dm, md } = device;
    const foreign = this.#foreignBelow(device);
    if (loop !== undefined) {
      const what = loop.deleted ? `${loop.file}, which is removed` : loop.file;
      const detail = `shows ${what}${loop.offset === 0 ? '' : ` from byte ${loop.offset}`}`;
      return { what: 'loop', name: node, detail, number, identity: `${loop.file} ${loop.offset}`, loop, foreign };
    }
    if (dm !== undefined) {
      const what = dm.uuid.startsWith('LVM-') ? 'lvm' : dm.uuid.startsWith('CRYPT-') ? 'luks' : 'dm';
      return { what, name: node, detail: MAPPING[what], number, identity: dm.uuid, foreign };
    }
    if (md !== undefined) return { what: 'md', name: node, detail: `array ${md.level}`, number, identity: md.uuid, foreign };
    return { what: 'dm', name: `/dev/${name}`, detail: 'device of an unknown kind', number, identity: '', foreign: [node] };
  }

  /** Devices at the bottom that are not ours. */
  #foreignBelow(device: BlockDevice, path: readonly string[] = []): string[] {
    if (device.loop !== undefined || path.includes(device.name)) return [];
    const below = device.slaves.flatMap((name) => {
      const slave = this.#devices.get(name);
      if (slave === undefined) return [`/dev/${name}`];
      const whole = this.#devices.get(slave.disk ?? '') ?? slave;
      if (whole.loop !== undefined) return this.#isReached(whole) ? [] : [slave.node];
      return whole.slaves.length === 0 ? [slave.node] : this.#foreignBelow(whole, [...path, device.name]);
    });
    return [...new Set(below)].sort();
  }

  /** A loop device of ours, or of a file inside of something of ours. */
  #isReached(device: BlockDevice): boolean {
    return this.#found.has(`device ${device.name}`);
  }

  #isNodeOf(path: string, device: BlockDevice): boolean {
    return path === device.node || path === `/dev/${device.name}`;
  }
}

/** Among things that do not stand on each other: the order in which they are named. */
const RANKS: readonly Standing[] = ['mount', 'swap', 'lvm', 'luks', 'dm', 'md', 'loop'];

const MAPPING = { lvm: 'logical volume', luks: 'opened LUKS container', dm: 'device mapping' } as const;

/** Mounts of btrfs have a device number of their own: there the name of the device decides. */
function isMountOf(mount: Mount, device: BlockDevice): boolean {
  return mount.number === device.number || mount.source === device.node || mount.source === `/dev/${device.name}`;
}

function isBelow(path: string, directories: readonly string[]): boolean {
  return directories.some((directory) => path === directory || path.startsWith(`${directory}/`));
}
