import { below } from './check-stacks.ts';
import type { BlockDevices } from './devices.ts';
import { pointerOf } from './fields.ts';
import type { Issues } from './issues.ts';
import { type Item, title } from './item.ts';

/** `auto` and computed sizes need content to be made for: files in a file system that stands on the device, through whatever lies between. */
export function checkSizes(
  issues: Issues,
  items: readonly Item[],
  byName: ReadonlyMap<string, Item>,
  devices: BlockDevices,
): void {
  // With other errors about, what is missing here may just not have been read.
  if (issues.failed) return;
  const filled = filledDevices(items, byName, devices);
  for (const item of items) {
    if (item.kind !== 'partition' || item.values['size'] !== 'auto' || filled.has(item)) continue;
    issues.error('DIB_BLOCKDEV_AUTO_WITHOUT_CONTENT', pointerOf(item, 'size'), {
      summary: `\`size\` of ${title(item)} is \`auto\`, but nothing is mounted from it`,
      detail: '`auto` is as small as the files of the image in it allow.',
      help: 'write a size, such as `size: 1GiB`',
    });
  }
  for (const disk of devices.disks) {
    if (disk.size !== 'auto' && disk.size !== 'computed') continue;
    const item = byName.get(disk.name);
    const table = devices.tables.find(({ base }) => base === disk.name);
    const percents = table?.partitions.filter(({ size }) => size !== 'auto' && 'percent' in size) ?? [];
    const holds = (name: string): boolean => filled.has(byName.get(name) as Item);
    if (
      item === undefined ||
      (table === undefined ? holds(disk.name) : percents.length === 0 || percents.some(({ name }) => holds(name)))
    )
      continue;
    const written = item.values['size'] !== undefined;
    issues.error('DIB_BLOCKDEV_DISK_SIZE', written ? pointerOf(item, 'size') : item.pointer, {
      summary: `the size of ${title(item)} cannot be computed: ${table ? 'no partition with a percentage' : 'nothing on it'} holds files of the image`,
      help: 'write a size, such as `size: 4GiB`',
      part: written ? 'value' : 'key',
    });
  }
}

/** All that carries a mounted file system. */
function filledDevices(items: readonly Item[], byName: ReadonlyMap<string, Item>, devices: BlockDevices): ReadonlySet<Item> {
  const filled = new Set<Item>();
  const mounted = new Set(devices.mounts.filter(({ mountPoint }) => mountPoint !== 'none').map(({ pointer }) => pointer));
  for (const item of items) if (mounted.has(item.pointer)) below(item, byName, filled);
  return filled;
}
