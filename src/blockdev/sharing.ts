import { GRAMMAR } from './grammar.ts';
import type { Issues } from './issues.ts';
import { type Item, title } from './item.ts';

/**
 * A device holds one thing: a partition table, a file system, a container, a membership. A physical volume is in one group; a file system or a subvolume is
 * mounted once, and has one line in fstab. Only groups hold several volumes, and btrfs several subvolumes.
 */
export function checkShared(
  items: readonly Item[],
  byName: ReadonlyMap<string, Item>,
  inCycle: ReadonlySet<Item>,
  issues: Issues,
): void {
  const users = new Map<Item, Item>();
  for (const item of items) {
    if (['partition', 'lvm', 'lvs', 'subvolume'].includes(item.kind) || inCycle.has(item)) continue;
    const own = new Set<Item>();
    for (const reference of item.bases) {
      const base = byName.get(reference.name);
      if (base === undefined || !GRAMMAR[item.kind].parents.includes(base.kind)) continue;
      const part = reference.pointer === item.pointer ? 'key' : 'value';
      if (own.has(base)) {
        issues.error('DIB_BLOCKDEV_MEMBER_TWICE', reference.pointer, {
          summary: `${title(base)} is twice in ${title(item)}`,
          help: 'name it once',
          part,
        });
        continue;
      }
      own.add(base);
      // Of what joined by name, the stub is the user of the device.
      if (item.kind === 'raid' && reference.by !== undefined) continue;
      const other = users.get(base);
      if (other === undefined) users.set(base, item);
      // Twice in the same RAID: told there.
      else if (!inSameRaid(item, other)) reportShared(item, other, base, reference.pointer, part, issues);
    }
  }
}

function inSameRaid(first: Item, second: Item): boolean {
  const raids = [first, second].map(({ kind, name, values }) =>
    kind === 'raid' ? name : kind === 'raid_member' ? values['raid'] : undefined,
  );
  return raids[0] !== undefined && raids[0] === raids[1];
}

function reportShared(item: Item, other: Item, base: Item, pointer: string, part: 'key' | 'value', issues: Issues): void {
  const group = base.kind === 'pvs' || base.kind === 'lvm_pv';
  issues.error('DIB_BLOCKDEV_BASE_IN_USE', pointer, {
    summary: group
      ? `${title(base)} is in ${title(other)} and in ${title(item)}`
      : `${title(item)} and ${title(other)} both stand on ${title(base)}`,
    ...(group ? { detail: 'A physical volume belongs to one volume group.' } : {}),
    help:
      GRAMMAR[base.kind].parents.length === 0
        ? 'use a second disk, or partitions of this one'
        : 'remove one of them, or change its `base`',
    part,
    related: [{ message: `${title(other)} is here`, pointer: other.pointer, part: 'key' }],
  });
}
