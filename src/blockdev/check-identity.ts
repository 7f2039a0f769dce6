import { quoted } from '../diagnostics/printable.ts';
import type { BlockDevices } from './devices.ts';
import { type Issues, member } from './issues.ts';
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
  for (const { mountPoint, pointer } of devices.mounts) {
    if (mountPoint.startsWith('/'))
      unique.add('DIB_BLOCKDEV_DUPLICATE_MOUNT_POINT', 'mount point', mountPoint, pointer, 'mount_point');
  }
  unique.report();
}

interface Use {
  readonly code: string;
  /** What it is, for people. */
  readonly what: string;
  readonly value: string;
  /** What to change. */
  readonly key: string;
  readonly item: Item;
  /** Where it has to be unique, when that is not everywhere. */
  readonly scope: string;
}

class Unique {
  readonly #issues: Issues;
  readonly #items: ReadonlyMap<string, Item>;
  readonly #order: ReadonlyMap<Item, number>;
  readonly #uses: Use[] = [];

  constructor(issues: Issues, items: readonly Item[]) {
    this.#issues = issues;
    this.#items = new Map(items.map((item) => [item.pointer, item]));
    this.#order = new Map(items.map((item, index) => [item, index]));
  }

  /** Something that the node declared at `pointer` has for itself. */
  add(code: string, what: string, value: string, pointer: string, key: string, scope = ''): void {
    const item = this.#items.get(pointer);
    if (item?.named) this.#uses.push({ code, what, value, key, item, scope });
  }

  /** Only identifiers that somebody wrote: derived ones differ, and those of an mbr partition follow from its table. */
  addWritten(code: string, key: string, value: string, pointer: string): void {
    if (this.#items.get(pointer)?.values[key] !== undefined) this.add(code, key, value, pointer, key);
  }

  /** In the order of the file: the second one is the one to change. */
  report(): void {
    const seen = new Map<string, Item>();
    for (const use of [...this.#uses].sort((a, b) => this.#place(a) - this.#place(b))) {
      const id = JSON.stringify([use.code, use.scope, use.value]);
      const first = seen.get(id);
      if (first === undefined) seen.set(id, use.item);
      // Two nodes of the same name have been told as such.
      else if (first.name !== use.item.name) this.#complain(use, first);
    }
  }

  #place({ item }: Use): number {
    return this.#order.get(item) ?? 0;
  }

  #complain({ code, what, value, key, item }: Use, first: Item): void {
    const written = item.values[key] !== undefined;
    this.#issues.error(code, written ? member(item.pointer, key) : item.pointer, {
      summary: `the ${what} ${quoted(value)} is used by ${title(first)} and by ${title(item)}`,
      help: `give one of them another \`${key}\``,
      part: written ? 'value' : 'key',
      related: [{ message: `${title(first)} is here`, pointer: first.pointer, part: 'key' }],
    });
  }
}
