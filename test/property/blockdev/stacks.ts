import fc from 'fast-check';
import type { Json, JsonObject } from '../../../src/util/json.ts';

/** A correct tree with stacks of devices: everything in it fits. */
export interface GeneratedStack {
  readonly tree: readonly Json[];
  /** Bytes of the existing disks in it, by name. */
  readonly existing: ReadonlyMap<string, number>;
  /** What it is made of, for statistics: names of plugins. */
  readonly kinds: ReadonlySet<string>;
}

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;

/** Correct trees of one to four disks with RAID, LUKS, LVM (linear and thin), btrfs and plain file systems on each other, in both notations. */
export const stackTrees: fc.Arbitrary<GeneratedStack> = fc
  .array(fc.nat({ max: 5039 }), { minLength: 150, maxLength: 150 })
  .map((choices) => new Builder(choices).build());

/** A device that holds nothing yet, with a lower bound of its size. */
interface Device {
  readonly name: string;
  readonly bytes: number;
  /** Where what it holds can be nested. */
  readonly values: Record<string, Json>;
}

class Builder {
  readonly #choices: readonly number[];
  #used = 0;
  #names = 0;
  #mounts = 0;
  readonly #tree: Json[] = [];
  readonly #existing = new Map<string, number>();
  readonly #kinds = new Set<string>();

  constructor(choices: readonly number[]) {
    this.#choices = choices;
  }

  build(): GeneratedStack {
    let devices = this.#disks();
    for (let level = 0; level < 3; level++) devices = this.#level(devices);
    for (const device of devices) this.#filesystem(device);
    if (this.#mounts === 0) this.#on(this.#disk(0), 'mkfs', { type: 'ext4', label: this.#name('l'), mount: this.#mount() });
    return { tree: this.#tree, existing: this.#existing, kinds: this.#kinds };
  }

  /** A number from 0 up to, not including, `below`; 0 once the choices are used up. */
  #pick(below: number): number {
    return (this.#choices[this.#used++] ?? 0) % below;
  }

  #oneOf<T>(...values: readonly [T, ...T[]]): T {
    return values[this.#pick(values.length)] as T;
  }

  #name(prefix: string): string {
    this.#names += 1;
    return `${prefix}${this.#names}`;
  }

  #entry(plugin: string, values: JsonObject): void {
    this.#kinds.add(plugin);
    // Sometimes before what it stands on: the order does not matter, but for members of groups.
    if (plugin !== 'lvm_pv' && plugin !== 'raid_member' && this.#pick(4) === 3) this.#tree.unshift({ [plugin]: values });
    else this.#tree.push({ [plugin]: values });
  }

  /** Puts something on a device: nested in it, or as an entry that names it. */
  #on(device: Device, plugin: string, values: Record<string, Json>): void {
    this.#kinds.add(plugin);
    if (this.#pick(2) === 0) {
      device.values[plugin] = values;
      return;
    }
    // The same object: what stands on it may be nested in it later.
    values['base'] = device.name;
    this.#entry(plugin, values);
  }

  #disks(): Device[] {
    return Array.from({ length: 1 + this.#pick(4) }, (_, index) => this.#disk(index)).flatMap((disk) =>
      this.#pick(4) === 3 ? [disk] : this.#partitions(disk),
    );
  }

  #disk(index: number): Device {
    const bytes = (64 + this.#pick(960)) * GIB;
    const name = this.#name('disk');
    if (index > 0 && this.#pick(5) === 4) {
      const values = { name, path: `/dev/disk/by-id/${name}`, wipe: this.#pick(2) === 1 };
      this.#existing.set(name, bytes);
      this.#entry('disk', values);
      return { name, bytes, values };
    }
    const values = { name, size: `${bytes / GIB}GiB`, block_size: this.#oneOf(512, 4096) };
    this.#entry('local_loop', values);
    return { name, bytes, values };
  }

  #partitions(disk: Device): Device[] {
    const count = 1 + this.#pick(5);
    const label = this.#oneOf('gpt', 'mbr');
    const share = Math.floor(disk.bytes / (count + 1) / MIB);
    const devices = Array.from({ length: count }, (_, index): Device => {
      const name = this.#name('part');
      const last = index === count - 1;
      const flags = label === 'mbr' && index < 3 ? ['primary'] : [];
      return { name, bytes: share * MIB, values: { name, size: last ? '100%' : `${share}MiB`, flags } };
    });
    this.#on(disk, 'partitioning', { label, partitions: devices.map(({ values }) => values) });
    return devices;
  }

  /** Gives most devices something to hold; returns those that come of it. */
  #level(devices: readonly Device[]): Device[] {
    const members: Device[] = [];
    const volumes: Device[] = [];
    const next: Device[] = [];
    for (const device of devices) {
      const choice = device.bytes < GIB ? 0 : this.#pick(6);
      if (choice === 0) this.#filesystem(device);
      else if (choice === 1) next.push(this.#container(device));
      else if (choice === 2) members.push(device);
      else if (choice < 5) volumes.push(device);
      else next.push(device);
    }
    if (members.length < 2) next.push(...members);
    else next.push(this.#array(members));
    if (volumes.length > 0) {
      const half = this.#pick(volumes.length + 1);
      for (const group of [volumes.slice(0, half), volumes.slice(half)]) if (group.length > 0) next.push(...this.#group(group));
    }
    return next;
  }

  #container(device: Device): Device {
    const name = this.#name('crypt');
    const key = this.#oneOf<Json>('prompt', { file: 'unlock.key' }, { env: 'UNLOCK_KEY' });
    const values: Record<string, Json> = { name, key };
    this.#on(device, 'luks', values);
    return { name, bytes: device.bytes - 16 * MIB, values };
  }

  #array(members: readonly Device[]): Device {
    const name = this.#name('md');
    const count = members.length;
    const levels = [0, 1, 10, ...(count > 2 ? [5] : []), ...(count > 3 ? [6] : [])] as const;
    const level = levels[this.#pick(levels.length)] as number;
    const listed = this.#pick(2) === 0;
    const values: Record<string, Json> = {
      name,
      level: this.#pick(2) === 0 ? level : String(level),
      metadata: this.#oneOf('1.2', '1.0'),
      ...(level === 1 ? {} : { chunk: this.#oneOf('512KiB', '64KiB', '1MiB') }),
      ...(listed ? { base: members.map((member) => member.name) } : {}),
    };
    if (!listed) for (const member of members) this.#on(member, 'raid_member', { raid: name });
    this.#entry('raid', values);
    const data = { 0: count, 1: 1, 5: count - 1, 6: count - 2, 10: count / 2 }[level] ?? 1;
    const least = Math.min(...members.map(({ bytes }) => bytes));
    return { name, bytes: (least - 256 * MIB) * data, values };
  }

  /** A volume group on all of the devices, and volumes that fit into it. */
  #group(members: readonly Device[]): Device[] {
    const group = this.#name(this.#oneOf('vg', 'vg-'));
    const listed = this.#pick(2) === 0;
    const pvs: Json[] = [];
    for (const member of members) {
      const pv = this.#name('pv');
      if (listed) pvs.push({ name: pv, base: member.name, options: this.#oneOf<Json>(['--force'], '--yes', []) });
      else this.#on(member, 'lvm_pv', { vg: group, name: pv });
    }
    const extent = this.#oneOf(4, 1, 16) * MIB;
    const extents = members.reduce((sum, { bytes }) => sum + Math.floor((bytes - 2 * MIB) / extent), 0);
    const { lvs, devices } = this.#volumes(group, extents, extent);
    this.#entry('lvm', {
      ...(listed ? { name: this.#name('lvm'), pvs } : {}),
      vgs: [
        {
          name: group,
          extent_size: `${extent / MIB}MiB`,
          ...(listed ? { base: pvs.map((pv) => (pv as { readonly name: string }).name) } : {}),
        },
      ],
      lvs,
    });
    return devices;
  }

  #volumes(group: string, extents: number, extent: number): { readonly lvs: Json[]; readonly devices: Device[] } {
    const count = 1 + this.#pick(4);
    const lvs: Json[] = [];
    const devices: Device[] = [];
    const share = Math.floor(extents / (count + 2));
    const add = (values: Record<string, Json>, bytes: number): void => {
      lvs.push(values);
      devices.push({ name: values['name'] as string, bytes, values });
    };
    for (let index = 0; index < count; index++) {
      const name = this.#name(this.#oneOf('lv_', 'lv-'));
      const volume = { name, base: group };
      const whole = index === count - 1 && this.#pick(2) === 0;
      if (whole) add({ ...volume, extents: '100%FREE' }, share * extent);
      else if (this.#pick(5) === 4) {
        const pool = this.#name('pool');
        lvs.push({ name: pool, base: group, type: 'thin-pool', extents: Math.floor(share / 2) });
        this.#kinds.add('thin');
        add({ ...volume, type: 'thin', 'thin-pool': pool, size: '20GiB' }, 16 * GIB);
      } else {
        const percent = Math.floor(100 / (count + 2));
        add(
          {
            ...volume,
            ...this.#oneOf<JsonObject>(
              { extents: share },
              { extents: String(share) },
              { size: `${(share * extent) / MIB}MiB` },
              { extents: `${percent}%VG` },
            ),
          },
          Math.floor(((extents * percent) / 100) * 0.9) * extent,
        );
      }
    }
    return { lvs, devices };
  }

  #filesystem(device: Device): void {
    const types =
      device.bytes > 2 * GIB ? (['ext4', 'xfs', 'btrfs', 'subvolumes', 'swap'] as const) : (['ext4', 'ext3'] as const);
    // The first file system is the root.
    const type = this.#mounts === 0 && this.#pick(2) === 0 ? 'ext4' : (types[this.#pick(types.length)] as string);
    const label = this.#name('l');
    if (type === 'subvolumes') {
      const name = this.#name('sub');
      const subvolumes = [
        { name, path: `@${name}`, mount: this.#mount() },
        { name: this.#name('sub'), mount: this.#mount() },
      ];
      this.#on(device, 'btrfs', { label, subvolumes });
    } else if (type === 'swap') this.#on(device, 'mkfs', { type, label, mount: { fstab: {} } });
    else this.#on(device, 'mkfs', { type, label, mount: this.#mount() });
  }

  #mount(): JsonObject {
    const point = this.#mounts === 0 ? '/' : `/srv/m${this.#mounts}`;
    this.#mounts += 1;
    return { mount_point: point, ...(this.#pick(2) === 0 ? { fstab: {} } : {}) };
  }
}
