import { quoted } from '../diagnostics/printable.ts';
import { GRAMMAR, standsOn } from './grammar.ts';
import type { Issues } from './issues.ts';
import { type Item, title } from './item.ts';

/**
 * Tells circles of bases by their nodes in order, always the shortest that is left. Returns the nodes in the circles; what is left of a tangle is told once
 * those are mended.
 */
export function checkCycles(items: readonly Item[], byName: ReadonlyMap<string, Item>, issues: Issues): ReadonlySet<Item> {
  const inCycle = new Set<Item>();
  const left = new Set(items);
  // The base of an lvm says nothing.
  const bases = new Map(
    items.map((item) => [item, item.kind === 'lvm' ? [] : item.bases.flatMap(({ name }) => byName.get(name) ?? [])]),
  );
  const users = new Map<Item, Item[]>(items.map((item) => [item, []]));
  for (const [item, itsBases] of bases) for (const base of itsBases) users.get(base)?.push(item);
  for (;;) {
    // What stands on nothing that is left, and what nothing that is left stands on, is in no circle.
    peel(left, bases, users);
    peel(left, users, bases);
    const cycle = shortestCycle(left, bases);
    if (cycle === undefined) return inCycle;
    for (const item of cycle) {
      inCycle.add(item);
      left.delete(item);
    }
    reportCycle(cycle, issues);
  }
}

type Edges = ReadonlyMap<Item, readonly Item[]>;

function inside(item: Item, edges: Edges, left: ReadonlySet<Item>): readonly Item[] {
  return (edges.get(item) ?? []).filter((other) => left.has(other));
}

/** Takes away nodes without edges, as long as there are any (Kahn). `back`: the same edges, turned round. */
function peel(left: Set<Item>, edges: Edges, back: Edges): void {
  const counts = new Map([...left].map((item) => [item, inside(item, edges, left).length]));
  const free = [...left].filter((item) => counts.get(item) === 0);
  for (let item = free.pop(); item !== undefined; item = free.pop()) {
    left.delete(item);
    for (const other of inside(item, back, left)) {
      const count = (counts.get(other) ?? 0) - 1;
      counts.set(other, count);
      if (count === 0) free.push(other);
    }
  }
}

/** A circle through a node with one base goes through that base too: only nodes with several are worth to begin at, if there are any. */
function shortestCycle(left: ReadonlySet<Item>, bases: Edges): readonly Item[] | undefined {
  const branching = [...left].filter((item) => inside(item, bases, left).length > 1);
  let shortest: readonly Item[] | undefined;
  for (const start of branching) {
    const cycle = cycleFrom(start, left, bases);
    if (cycle !== undefined && (shortest === undefined || cycle.length < shortest.length)) shortest = cycle;
  }
  if (shortest !== undefined) return shortest;
  for (const start of left) {
    const cycle = cycleFrom(start, left, bases);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}

/** The shortest way from a node back to itself, breadth first. */
function cycleFrom(start: Item, left: ReadonlySet<Item>, bases: Edges): readonly Item[] | undefined {
  const cameFrom = new Map<Item, Item>();
  const queue: Item[] = [start];
  for (const next of queue) {
    for (const base of inside(next, bases, left)) {
      if (base === start) {
        const path: Item[] = [];
        for (let item: Item | undefined = next; item !== undefined; item = cameFrom.get(item)) path.unshift(item);
        return path;
      }
      if (cameFrom.has(base)) continue;
      cameFrom.set(base, next);
      queue.push(base);
    }
  }
  return undefined;
}

function reportCycle(cycle: readonly Item[], issues: Issues): void {
  const [first] = cycle;
  if (first === undefined) return;
  const names = [...cycle, first].map((item) => quoted(item.name)).join(' -> ');
  const hop = (item: Item, index: number) => {
    const next = cycle[(index + 1) % cycle.length] as Item;
    return { next, pointer: item.bases.find(({ name }) => name === next.name)?.pointer ?? item.basePointer };
  };
  issues.error('DIB_BLOCKDEV_CYCLE', hop(first, 0).pointer, {
    summary: cycle.length === 1 ? `${title(first)} stands on itself` : `bases go in a circle: ${names}`,
    detail: 'Each of them would have to be made before the other.',
    help: `change one \`base\`; a ${GRAMMAR[first.kind].noun} stands on ${standsOn(first.kind)}`,
    related: cycle.slice(1).map((item, index) => {
      const { next, pointer } = hop(item, index + 1);
      return { message: `${title(item)} stands on ${quoted(next.name)}`, pointer };
    }),
  });
}
