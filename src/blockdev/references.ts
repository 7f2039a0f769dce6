import { quoted } from '../diagnostics/printable.ts';
import { didYouMean, listOf } from '../diagnostics/suggest.ts';
import { title } from './fields.ts';
import type { Item } from './flatten.ts';
import { GRAMMAR, type NodeKind } from './grammar.ts';
import { type Issues, member } from './issues.ts';

/** The nodes by name; of nodes with the same name, the first. */
export function indexByName(items: readonly Item[], issues: Issues): ReadonlyMap<string, Item> {
  const byName = new Map<string, Item>();
  for (const item of items) {
    const first = byName.get(item.name);
    if (first === undefined) byName.set(item.name, item);
    else {
      const written = item.values['name'] !== undefined;
      issues.error('DIB_BLOCKDEV_DUPLICATE_NAME', written ? member(item.pointer, 'name') : item.pointer, {
        summary: `two nodes are named ${quoted(item.name)}`,
        detail: written
          ? 'Names of block devices are unique in the whole image.'
          : `This ${item.kind} has no name of its own, so it is named after its base.`,
        help: 'give one of them another `name`',
        part: written ? 'value' : 'key',
        related: [{ message: `the first ${quoted(item.name)}, a ${first.kind}`, pointer: first.pointer, part: 'key' }],
      });
    }
  }
  return byName;
}

/** Checks what each node stands on: that it is there, of a kind that can carry it, and that nobody stands on himself. */
export function checkBases(items: readonly Item[], byName: ReadonlyMap<string, Item>, issues: Issues): void {
  const inCycle = checkCycles(items, byName, issues);
  for (const item of items) {
    if (item.kind === 'local_loop' || inCycle.has(item)) continue;
    // A partition's base is its table's, and told there.
    if (item.kind !== 'partition') checkBase(item, byName, issues);
  }
  checkShared(items, byName, inCycle, issues);
}

function checkBase(item: Item, byName: ReadonlyMap<string, Item>, issues: Issues): void {
  const { parents, on } = GRAMMAR[item.kind];
  const candidates = [...byName.values()].filter((node) => node.named && parents.includes(node.kind)).map((node) => node.name);
  const known =
    candidates.length === 0
      ? `there is none yet: add ${article(parents[0] as NodeKind)}`
      : `there is: ${listOf(candidates.slice(0, 12))}`;
  if (item.base === undefined) {
    issues.error('DIB_BLOCKDEV_MISSING_KEY', item.pointer, {
      summary: `${title(item)} has no \`base\``,
      detail: `It stands on ${on}; it is neither nested in one nor says which.`,
      help: `add \`base:\` with the name of ${on}; ${known}`,
      part: 'key',
    });
    return;
  }
  const base = byName.get(item.base);
  const part = item.basePointer === item.pointer ? 'key' : 'value';
  if (base === undefined) {
    const near =
      didYouMean(item.base, candidates) ??
      didYouMean(
        item.base,
        [...byName.keys()].filter((name) => !name.startsWith('?')),
      );
    const help = near === undefined ? known : `Did you mean \`${near}\`?`;
    issues.error('DIB_BLOCKDEV_UNKNOWN_BASE', item.basePointer, {
      summary: `\`base\` of ${title(item)}: there is no ${quoted(item.base)}`,
      help,
      part,
    });
  } else if (!parents.includes(base.kind)) {
    issues.error('DIB_BLOCKDEV_BASE_KIND', item.basePointer, {
      summary: `${title(item)} cannot stand on ${title(base)}`,
      detail: `A ${item.kind} stands on ${on}.`,
      help: base.kind === 'partitioning' ? `name one of its partitions; ${known}` : known,
      part,
      related: [{ message: `${title(base)} is here`, pointer: base.pointer, part: 'key' }],
    });
  }
}

function article(kind: NodeKind): string {
  return `a ${kind}`;
}

/**
 * Tells each cycle of bases once, by its nodes in order. Every node has one base, so a node is in at most one cycle, and that is the shortest.
 */
function checkCycles(items: readonly Item[], byName: ReadonlyMap<string, Item>, issues: Issues): ReadonlySet<Item> {
  const inCycle = new Set<Item>();
  const done = new Set<Item>();
  for (const start of items) {
    const path: Item[] = [];
    const onPath = new Set<Item>();
    let node: Item | undefined = start;
    while (node !== undefined && !done.has(node) && !onPath.has(node)) {
      path.push(node);
      onPath.add(node);
      node = node.base === undefined ? undefined : byName.get(node.base);
    }
    if (node !== undefined && onPath.has(node)) {
      const cycle = path.slice(path.indexOf(node));
      for (const member of cycle) inCycle.add(member);
      reportCycle(cycle, issues);
    }
    for (const seen of path) done.add(seen);
  }
  return inCycle;
}

function reportCycle(cycle: readonly Item[], issues: Issues): void {
  const [first] = cycle;
  if (first === undefined) return;
  const names = [...cycle, first].map((item) => quoted(item.name)).join(' -> ');
  issues.error('DIB_BLOCKDEV_CYCLE', first.basePointer, {
    summary: cycle.length === 1 ? `${title(first)} stands on itself` : `bases go in a circle: ${names}`,
    detail: 'Each of them would have to be made before the other.',
    help: `change one \`base\`; a ${first.kind} stands on ${GRAMMAR[first.kind].on}`,
    related: cycle
      .slice(1)
      .map((item) => ({ message: `${title(item)} stands on ${quoted(item.base ?? '')}`, pointer: item.basePointer })),
  });
}

/** A device holds one thing: one partition table or one file system; a file system is mounted once, and has one line in fstab. */
function checkShared(
  items: readonly Item[],
  byName: ReadonlyMap<string, Item>,
  inCycle: ReadonlySet<Item>,
  issues: Issues,
): void {
  const users = new Map<Item, Item>();
  for (const item of items) {
    if (item.kind === 'partition' || item.base === undefined || inCycle.has(item)) continue;
    const base = byName.get(item.base);
    if (base === undefined || !GRAMMAR[item.kind].parents.includes(base.kind)) continue;
    const other = users.get(base);
    if (other === undefined) {
      users.set(base, item);
      continue;
    }
    issues.error('DIB_BLOCKDEV_BASE_IN_USE', item.basePointer, {
      summary: `${title(item)} and ${title(other)} both stand on ${title(base)}`,
      help:
        base.kind === 'local_loop' ? 'use a second disk, or partitions of this one' : 'remove one of them, or change its `base`',
      part: item.basePointer === item.pointer ? 'key' : 'value',
      related: [{ message: `${title(other)} is here`, pointer: other.pointer, part: 'key' }],
    });
  }
}
