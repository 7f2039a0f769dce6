import { listOf } from '../diagnostics/suggest.ts';
import type { BlockDevices } from './devices.ts';
import { missingKey, type ParseContext, pointerOf, readString } from './fields.ts';
import type { Issues } from './issues.ts';
import { type Item, title } from './item.ts';
import { isRootMount } from './read-filesystems.ts';

/** A member of a RAID must say of which; whether that is there is told where they are joined. */
export function checkRaidMember(context: ParseContext, item: Item): void {
  const help = 'add `raid:` with the name of the RAID';
  if (item.values['raid'] === undefined) missingKey(context, item, 'raid', help);
  else readString(context, item, 'raid', help);
}

/** There must be a disk, and a file system mounted at `/`. */
export function checkRoot(issues: Issues, items: readonly Item[], devices: BlockDevices): void {
  if (items.length > 0 && !items.some(({ kind }) => kind === 'local_loop' || kind === 'disk')) {
    issues.error('DIB_BLOCKDEV_NO_DISK', '', {
      summary: '`block_device` has no disk',
      help: 'add `- local_loop: {name: image0}`',
      part: 'key',
    });
  }
  const mounts = items.filter((item) => item.kind === 'mount');
  // Where a mount point could not be read, it may be the root.
  if (mounts.some(isRootMount) || devices.mounts.some((mount) => mount.mountPoint.startsWith('?'))) return;
  const filesystem = items.find((item) => (item.kind === 'mkfs' || item.kind === 'btrfs') && item.values['type'] !== 'swap');
  const at = mounts[0] ?? filesystem ?? items.find((item) => item.kind === 'local_loop' || item.kind === 'disk');
  if (at === undefined) return;
  issues.error('DIB_BLOCKDEV_NO_ROOT', at.pointer, {
    summary: 'no file system is mounted at `/`',
    detail: 'The files of the image would have no place to go.',
    help: filesystem
      ? `add \`mount: {mount_point: /}\` below the file system for the root, such as ${title(filesystem)}`
      : 'add `mkfs: {type: ext4, mount: {mount_point: /}}`',
    part: 'key',
  });
}

/** All that a node stands on, itself included; added to `seen`. */
export function below(item: Item, byName: ReadonlyMap<string, Item>, seen: Set<Item> = new Set()): ReadonlySet<Item> {
  const left: Item[] = [item];
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    if (seen.has(next)) continue;
    seen.add(next);
    left.push(...next.bases.flatMap(({ name }) => byName.get(name) ?? []));
  }
  return seen;
}

/** A RAID whose members all lie on one disk is lost with it, and slower than that disk. */
export function checkRaidDisks(issues: Issues, items: readonly Item[], byName: ReadonlyMap<string, Item>): void {
  if (issues.failed) return;
  for (const item of items.filter(({ kind }) => kind === 'raid')) {
    const disks = [...below(item, byName)].filter(({ kind }) => kind === 'local_loop' || kind === 'disk');
    const [disk] = disks;
    if (disks.length !== 1 || disk === undefined) continue;
    issues.warn('DIB_BLOCKDEV_RAID_ONE_DISK', item.pointer, {
      summary: `all members of ${title(item)} are on ${title(disk)}`,
      detail: 'The RAID is lost with that disk, and slower than the disk alone.',
      help: 'put the members on several disks',
      part: 'key',
      related: [{ message: `${title(disk)} is here`, pointer: disk.pointer, part: 'key' }],
    });
  }
}

/** Physical volumes that are in no group hold nothing. */
export function checkUnused(issues: Issues, items: readonly Item[]): void {
  if (issues.failed) return;
  const used = new Set(items.filter(({ kind }) => kind === 'vgs').flatMap(({ bases }) => bases.map(({ name }) => name)));
  const groups = items.filter(({ kind }) => kind === 'vgs').map(({ name }) => name);
  for (const item of items.filter(({ kind, name }) => kind === 'pvs' && !used.has(name))) {
    issues.warn('DIB_BLOCKDEV_UNUSED_PV', item.pointer, {
      summary: `${title(item)} is in no volume group`,
      help:
        groups.length === 0
          ? 'add a group to `vgs`, or remove it'
          : `add it to \`base\` of ${listOf(groups, 'or')}, or remove it`,
      part: 'key',
      related: item.base === undefined ? [] : [{ message: 'its device', pointer: pointerOf(item, 'base') }],
    });
  }
}
