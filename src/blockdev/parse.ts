import type { Checked, Locator } from '../diagnostics/diagnostic.ts';
import { quoted } from '../diagnostics/printable.ts';
import type { Json } from '../util/json.ts';
import {
  type BlockDevices,
  type Fstab,
  type LocalLoop,
  type Mkfs,
  type Mount,
  NO_DEVICES,
  type Partitioning,
} from './devices.ts';
import { type BlockDeviceDefaults, type ParseContext, pointerOf, title } from './fields.ts';
import { flatten, type Item } from './flatten.ts';
import { Issues } from './issues.ts';
import { readDisk, readTable } from './read-disks.ts';
import { isRootMount, readFstab, readMkfs, readMount } from './read-filesystems.ts';
import { checkBases, indexByName } from './references.ts';

export interface BlockDeviceContext {
  /** Identifiers derive from it. */
  readonly imageName: string;
  /** Finds values by JSON pointer relative to the list, such as `/1/partitioning/partitions/0/size`. */
  readonly locate: Locator;
  /** What is put before those pointers in diagnostics, such as `/block_device`. */
  readonly pointerPrefix?: string | undefined;
  /** The text of a scalar as it stands in the file, to tell `0700` from 700. */
  readonly sourceText?: ((pointer: string) => string | undefined) | undefined;
  /** DIB_BLOCK_SIZE: sector size of every disk, whatever its block_size. */
  readonly blockSizeOverride?: number | undefined;
  readonly defaults?: BlockDeviceDefaults | undefined;
}

/**
 * Checks a block-device configuration in any of diskimage-builder's notations and fills in every name, base, identifier and default.
 * Finds all mistakes at once; with errors there is no value.
 */
export function parseBlockDevices(raw: readonly Json[], context: BlockDeviceContext): Checked<BlockDevices> {
  const issues = new Issues(context.locate, context.pointerPrefix);
  const parseContext: ParseContext = {
    imageName: context.imageName,
    issues,
    sourceText: context.sourceText ?? (() => undefined),
    blockSizeOverride: context.blockSizeOverride,
    defaults: context.defaults ?? {},
  };
  const items = flatten(raw, issues);
  const byName = indexByName(items, issues);
  checkBases(items, byName, issues);
  const devices = readNodes(parseContext, items, byName);
  checkDevices(parseContext, items, byName, devices);
  return issues.failed ? { diagnostics: issues.diagnostics } : { value: devices, diagnostics: issues.diagnostics };
}

function readNodes(context: ParseContext, items: readonly Item[], byName: ReadonlyMap<string, Item>): BlockDevices {
  const of = (kind: Item['kind']): readonly Item[] => items.filter((item) => item.kind === kind);
  const roots = new Set(of('mount').flatMap((item) => (isRootMount(item) && item.base !== undefined ? [item.base] : [])));
  const disks = of('local_loop').map((item): LocalLoop => readDisk(context, item));
  const tables = of('partitioning').map(
    (item): Partitioning =>
      readTable(
        context,
        item,
        of('partition').filter((partition) => partition.table === item),
      ),
  );
  const filesystems = of('mkfs').map((item): Mkfs => readMkfs(context, item, roots.has(item.name)));
  const isSwap = (base: string | undefined): boolean => byName.get(base ?? '')?.values['type'] === 'swap';
  const mounts = of('mount').map((item): Mount => readMount(context, item, isSwap(item.base)));
  const fstabs = of('fstab').map(
    (item): Fstab =>
      readFstab(
        context,
        item,
        mounts.find((mount) => mount.name === item.base),
      ),
  );
  return { ...NO_DEVICES, disks, tables, filesystems, mounts: mountOrder(mounts), fstabs };
}

/** diskimage-builder's order: mount points as plain strings by code unit, so that parents come before what is in them; swap last. */
export function mountOrder(mounts: readonly Mount[]): readonly Mount[] {
  return [...mounts].sort((a, b) => (a.mountPoint < b.mountPoint ? -1 : a.mountPoint > b.mountPoint ? 1 : 0));
}

/** What only shows when all nodes are read. */
function checkDevices(
  context: ParseContext,
  items: readonly Item[],
  byName: ReadonlyMap<string, Item>,
  devices: BlockDevices,
): void {
  const { issues } = context;
  const hasKind = (kind: Item['kind']): boolean => items.some((item) => item.kind === kind);
  if (items.length > 0 && !hasKind('local_loop')) {
    issues.error('DIB_BLOCKDEV_NO_DISK', '', {
      summary: '`block_device` has no disk',
      help: 'add `- local_loop: {name: image0}`',
      part: 'key',
    });
  }
  const seen = new Map<string, Item>();
  const unique = (code: string, what: string, value: string, item: Item, key: string): void => {
    const first = seen.get(`${code} ${value}`);
    if (first === undefined) {
      seen.set(`${code} ${value}`, item);
      return;
    }
    issues.error(code, item.values[key] === undefined ? item.pointer : pointerOf(item, key), {
      summary: `the ${what} ${quoted(value)} is used by ${title(first)} and by ${title(item)}`,
      help: `give one of them another \`${key}\``,
      part: item.values[key] === undefined ? 'key' : 'value',
      related: [{ message: `${title(first)} is here`, pointer: first.pointer, part: 'key' }],
    });
  };
  const itemOf = (pointer: string): Item | undefined => items.find((item) => item.pointer === pointer);
  for (const { label, uuid, pointer } of devices.filesystems) {
    const item = itemOf(pointer);
    if (!item?.named) continue;
    unique('DIB_BLOCKDEV_DUPLICATE_LABEL', 'label', label, item, 'label');
    if (item.values['uuid'] !== undefined) unique('DIB_BLOCKDEV_DUPLICATE_UUID', 'uuid', uuid, item, 'uuid');
  }
  for (const table of devices.tables) {
    const tableItem = itemOf(table.pointer);
    if (tableItem?.values['uuid'] !== undefined) unique('DIB_BLOCKDEV_DUPLICATE_UUID', 'uuid', table.uuid, tableItem, 'uuid');
    for (const { uuid, pointer } of table.partitions) {
      const item = itemOf(pointer);
      if (item?.values['uuid'] !== undefined) unique('DIB_BLOCKDEV_DUPLICATE_UUID', 'uuid', uuid, item, 'uuid');
    }
  }
  for (const item of items.filter(({ kind }) => kind === 'mount')) {
    const mount = devices.mounts.find(({ pointer }) => pointer === item.pointer);
    if (mount?.mountPoint.startsWith('/'))
      unique('DIB_BLOCKDEV_DUPLICATE_MOUNT_POINT', 'mount point', mount.mountPoint, item, 'mount_point');
  }
  checkRoot(context, items, devices);
  checkSizes(context, items, byName, devices);
}

function checkRoot(context: ParseContext, items: readonly Item[], devices: BlockDevices): void {
  const mounts = items.filter((item) => item.kind === 'mount');
  // Where a mount point could not be read, it may be the root.
  if (mounts.some(isRootMount) || devices.mounts.some((mount) => mount.mountPoint.startsWith('?'))) return;
  const filesystem = items.find((item) => item.kind === 'mkfs' && item.values['type'] !== 'swap');
  const at = mounts[0] ?? filesystem ?? items.find((item) => item.kind === 'local_loop');
  if (at === undefined) return;
  context.issues.error('DIB_BLOCKDEV_NO_ROOT', at.pointer, {
    summary: 'no file system is mounted at `/`',
    detail: 'The files of the image would have no place to go.',
    help: filesystem
      ? `add \`mount: {mount_point: /}\` below the file system for the root, such as ${title(filesystem)}`
      : 'add `mkfs: {type: ext4, mount: {mount_point: /}}`',
    part: 'key',
  });
}

/** `auto` and computed sizes need content to be made for. */
function checkSizes(
  context: ParseContext,
  items: readonly Item[],
  byName: ReadonlyMap<string, Item>,
  devices: BlockDevices,
): void {
  // With other errors about, what is missing here may just not have been read.
  if (context.issues.failed) return;
  const mounted = new Set(devices.mounts.filter((mount) => mount.mountPoint !== 'none').map((mount) => mount.base));
  const filled = new Set(devices.filesystems.filter((mkfs) => mounted.has(mkfs.name)).map((mkfs) => mkfs.base));
  for (const item of items) {
    if (item.kind === 'partition' && item.values['size'] === 'auto' && !filled.has(item.name)) {
      context.issues.error('DIB_BLOCKDEV_AUTO_WITHOUT_CONTENT', pointerOf(item, 'size'), {
        summary: `\`size\` of ${title(item)} is \`auto\`, but nothing is mounted from it`,
        detail: '`auto` is as small as the files of the image in it allow.',
        help: 'write a size, such as `size: 1GiB`',
      });
    }
  }
  for (const disk of devices.disks) {
    if (typeof disk.size === 'object') continue;
    const table = devices.tables.find(({ base }) => base === disk.name);
    const percents = table?.partitions.filter(({ size }) => size !== 'auto' && 'percent' in size) ?? [];
    if (table === undefined ? filled.has(disk.name) : percents.length === 0 || percents.some(({ name }) => filled.has(name)))
      continue;
    const item = byName.get(disk.name);
    if (item === undefined) continue;
    context.issues.error('DIB_BLOCKDEV_DISK_SIZE', item.values['size'] === undefined ? item.pointer : pointerOf(item, 'size'), {
      summary: `the size of ${title(item)} cannot be computed: ${table ? 'no partition with a percentage' : 'nothing on it'} holds files of the image`,
      help: 'write a size, such as `size: 4GiB`',
      part: item.values['size'] === undefined ? 'key' : 'value',
    });
  }
}
