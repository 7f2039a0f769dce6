import type { DeviceUse } from '../blockdev/device-facts.ts';
import { type BlockDevice, isNodeOf, makerOf, readBlockDevices } from './block-devices.ts';
import { type HostFiles, unescapeOctal } from './files.ts';
import { type Mount, mountHolding, readMounts, readSwaps } from './mounts.ts';

/** A piece of a device that a loop device of ours shows. */
export interface OwnLoop {
  readonly offset: number;
  /** Bytes; 0: to the end. */
  readonly length: number;
}

/**
 * Who uses a block device, directly or through its partitions and what stands on them, as far as the kernel shows it to this process: mounts, swap,
 * arrays, mappings, loop devices. What stands on loop devices of ours does not count. Of a partition, users of its disk as a whole count too.
 */
export async function readDeviceUses(name: string, host: HostFiles, own: readonly OwnLoop[] = []): Promise<readonly DeviceUse[]> {
  const [list, mounts, swaps] = await Promise.all([readBlockDevices(host), readMounts(host), readSwaps(host)]);
  const devices = new Map(list.map((device) => [device.name, device]));
  const kernel: Kernel = { devices, mounts, swaps, btrfs: await readBtrfs(host) };
  const device = devices.get(name);
  if (device === undefined) return [];
  const uses = new Uses(kernel, own);
  uses.below(device);
  const disk = devices.get(device.disk ?? '');
  if (disk !== undefined) uses.direct(disk);
  const root = await rootDevices(kernel, host);
  return root.has(name) ? [{ what: 'root', on: device.node, by: '/' }, ...uses.found] : uses.found;
}

interface Kernel {
  readonly devices: ReadonlyMap<string, BlockDevice>;
  readonly mounts: readonly Mount[];
  readonly swaps: readonly string[];
  /** Names of the devices of each mounted btrfs. */
  readonly btrfs: readonly (readonly string[])[];
}

/** A btrfs has a device number of its own, and maybe several devices, which only sysfs tells: /sys/fs/btrfs/UUID/devices. */
async function readBtrfs(host: HostFiles): Promise<(readonly string[])[]> {
  const names = await host.list('/sys/fs/btrfs');
  return Promise.all(names.map((name) => host.list(`/sys/fs/btrfs/${name}/devices`)));
}

class Uses {
  readonly found: DeviceUse[] = [];
  readonly #kernel: Kernel;
  readonly #own: readonly OwnLoop[];
  readonly #seen = new Set<string>();

  constructor(kernel: Kernel, own: readonly OwnLoop[]) {
    this.#kernel = kernel;
    this.#own = own;
  }

  /** Users of a device and of its partitions. */
  below(device: BlockDevice): void {
    this.direct(device);
    for (const other of this.#kernel.devices.values()) if (other.disk === device.name) this.below(other);
  }

  /** Users of a device as a whole, and of what they make of it. */
  direct(device: BlockDevice): void {
    if (this.#seen.has(device.name)) return;
    this.#seen.add(device.name);
    const { devices, swaps } = this.#kernel;
    const before = this.found.length;
    for (const mount of mountsOf(device, this.#kernel)) this.#add('mount', device, mount.target);
    if (swaps.some((path) => isNodeOf(path, device))) this.#add('swap', device, '');
    if (this.found.length === before && this.#kernel.btrfs.some((names) => names.includes(device.name)))
      this.#add('mount', device, 'a place that is not seen from here (btrfs)');
    for (const name of device.holders) {
      const holder = devices.get(name);
      this.#add(holder === undefined ? 'dm' : whatIs(holder), device, holder?.node ?? `/dev/${name}`);
      if (holder !== undefined) this.below(holder);
    }
    for (const loop of devices.values()) {
      if (loop.loop === undefined || !isNodeOf(loop.loop.file, device) || this.#isOwn(loop)) continue;
      this.#add('loop', device, loop.node);
      this.below(loop);
    }
  }

  #isOwn({ loop }: BlockDevice): boolean {
    return this.#own.some(({ offset, length }) => loop?.offset === offset && loop.length === length);
  }

  #add(what: DeviceUse['what'], { node }: BlockDevice, by: string): void {
    this.found.push({ what, on: node, by });
  }
}

function whatIs({ dm, md }: BlockDevice): DeviceUse['what'] {
  if (md !== undefined) return 'md';
  return dm === undefined ? 'dm' : makerOf(dm);
}

function mountsOf(device: BlockDevice, { mounts, btrfs }: Kernel): readonly Mount[] {
  const shared = btrfs.filter((names) => names.includes(device.name)).flat();
  return mounts.filter(
    (mount) =>
      mount.number === device.number ||
      isNodeOf(mount.source, device) ||
      (mount.type === 'btrfs' && shared.some((name) => mount.source === `/dev/${name}`)),
  );
}

/** Names of all devices that the root file system of this machine lies on, down to the disks. */
async function rootDevices(kernel: Kernel, host: HostFiles): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  const visited = new Set<number>();
  const overlays = await readOverlays(host);
  const ofMount = (mount: Mount | undefined): void => {
    if (mount === undefined || visited.has(mount.id)) return;
    visited.add(mount.id);
    for (const device of kernel.devices.values()) {
      if (mountsOf(device, kernel).includes(mount)) foundation(device);
    }
    for (const directory of overlays.get(mount.id) ?? []) ofMount(mountHolding(directory, kernel.mounts));
  };
  const foundation = (device: BlockDevice | undefined): void => {
    if (device === undefined || found.has(device.name)) return;
    found.add(device.name);
    for (const name of [...device.slaves, device.disk ?? '']) foundation(kernel.devices.get(name));
    if (device.loop === undefined) return;
    const { file } = device.loop;
    const behind = [...kernel.devices.values()].find((other) => isNodeOf(file, other));
    if (behind === undefined) ofMount(mountHolding(file, kernel.mounts));
    else foundation(behind);
  };
  ofMount(kernel.mounts.findLast(({ target }) => target === '/'));
  return found;
}

/** Layers of mounted overlays by the id of the mount: mount(8), options of overlay. Colons in names are escaped there. */
async function readOverlays(host: HostFiles): Promise<ReadonlyMap<number, readonly string[]>> {
  const text = (await host.read('/proc/self/mountinfo')) ?? '';
  const overlays = text.split('\n').flatMap((line): [number, string[]][] => {
    const [type, , options = ''] = (line.split(' - ')[1] ?? '').split(' ');
    if (type !== 'overlay') return [];
    const layers = options
      .split(',')
      .filter((option) => /^(lowerdir|upperdir)\+?=/.test(option))
      .flatMap((option) => option.slice(option.indexOf('=') + 1).split(/(?<!\\):/))
      .map((path) => unescapeOctal(path).replaceAll('\\:', ':'));
    return [[Number.parseInt(line, 10), layers]];
  });
  return new Map(overlays);
}
