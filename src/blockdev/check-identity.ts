import { quoted } from '../diagnostics/printable.ts';
import type { BlockDevices } from './devices.ts';
import type { Issues } from './issues.ts';
import { member } from './issues.ts';
import { type Item, title } from './item.ts';
import { mapperName } from './lvm-names.ts';

/** Tells what may be there only once: labels, UUIDs, mount points, names below /dev/mapper, paths of subvolumes, existing disks. */
export function checkIdentity(issues: Issues, items: readonly Item[], devices: BlockDevices): void {
  const unique = new Unique(issues, items);
  for (const { label, uuid, pointer } of devices.filesystems) {
    unique.add('DIB_BLOCKDEV_DUPLICATE_LABEL', 'label', label, pointer, 'label');
    unique.addWritten('DIB_BLOCKDEV_DUPLICATE_UUID', 'uuid', uuid, pointer);
  }
  for (const { label, uuid, mapper, pointer } of devices.luks) {
    if (label !== '') unique.add('DIB_BLOCKDEV_DUPLICATE_LABEL', 'label', label, pointer, 'label');
    unique.addWritten('DIB_BLOCKDEV_DUPLICATE_UUID', 'uuid', uuid, pointer);
    unique.add('DIB_BLOCKDEV_DUPLICATE_MAPPER', 'name below /dev/mapper', mapper, pointer, 'name');
  }
  for (const { base, volume, pointer } of devices.lvs) {
    unique.add('DIB_BLOCKDEV_DUPLICATE_MAPPER', 'name below /dev/mapper', mapperName(base, volume), pointer, 'name');
  }
  for (const { uuid, pointer } of [
    ...devices.raids,
    ...devices.tables,
    ...devices.tables.flatMap(({ partitions }) => partitions),
  ]) {
    unique.addWritten('DIB_BLOCKDEV_DUPLICATE_UUID', 'uuid', uuid.toLowerCase(), pointer);
  }
  for (const { path, pointer } of devices.disks.flatMap((disk) => (disk.plugin === 'disk' ? [disk] : []))) {
    if (path !== '') unique.add('DIB_BLOCKDEV_DUPLICATE_DISK', 'device', path, pointer, 'path');
  }
  for (const { base, path, pointer } of devices.subvolumes) {
    unique.add('DIB_BLOCKDEV_DUPLICATE_SUBVOLUME', 'path', path, pointer, 'path', base);
  }
  // In the order of the file, not of mounting: the second one is the one to change.
  for (const item of items.filter(({ kind }) => kind === 'mount')) {
    const mount = devices.mounts.find(({ pointer }) => pointer === item.pointer);
    if (mount?.mountPoint.startsWith('/')) {
      unique.add('DIB_BLOCKDEV_DUPLICATE_MOUNT_POINT', 'mount point', mount.mountPoint, item.pointer, 'mount_point');
    }
  }
}

class Unique {
  readonly #issues: Issues;
  readonly #items: ReadonlyMap<string, Item>;
  readonly #seen = new Map<string, Item>();

  constructor(issues: Issues, items: readonly Item[]) {
    this.#issues = issues;
    this.#items = new Map(items.map((item) => [item.pointer, item]));
  }

  /** `key`: what to change, in the node declared at `pointer`. `scope`: where it has to be unique, when that is not everywhere. */
  add(code: string, what: string, value: string, pointer: string, key: string, scope = ''): void {
    const item = this.#items.get(pointer);
    if (item === undefined || !item.named) return;
    const id = JSON.stringify([code, scope, value]);
    const first = this.#seen.get(id);
    if (first === undefined) {
      this.#seen.set(id, item);
      return;
    }
    // Two nodes of the same name have been told as such.
    if (first.name === item.name) return;
    const written = item.values[key] !== undefined;
    this.#issues.error(code, written ? member(pointer, key) : pointer, {
      summary: `the ${what} ${quoted(value)} is used by ${title(first)} and by ${title(item)}`,
      help: `give one of them another \`${key}\``,
      part: written ? 'value' : 'key',
      related: [{ message: `${title(first)} is here`, pointer: first.pointer, part: 'key' }],
    });
  }

  /** Only identifiers that somebody wrote: derived ones differ, and those of an mbr partition follow from its table. */
  addWritten(code: string, key: string, value: string, pointer: string): void {
    if (this.#items.get(pointer)?.values[key] !== undefined) this.add(code, key, value, pointer, key);
  }
}
