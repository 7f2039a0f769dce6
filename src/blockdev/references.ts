import { quoted } from '../diagnostics/printable.ts';
import { didYouMean, listOf } from '../diagnostics/suggest.ts';
import { GRAMMAR, type NodeKind, standsOn } from './grammar.ts';
import { type Issues, member } from './issues.ts';
import { type BaseReference, type Item, title } from './item.ts';

/** The nodes by name; of nodes with the same name, the first. One whose name was refused is found by it: that it cannot be is told once. */
export function indexByName(items: readonly Item[], issues: Issues): ReadonlyMap<string, Item> {
  const byName = new Map<string, Item>();
  for (const item of items) {
    const refused = refusedName(item);
    if (refused !== undefined && !byName.has(refused)) byName.set(refused, item);
    const first = byName.get(item.name);
    if (first === undefined) byName.set(item.name, item);
    // A second member or stub on the same device is told as a device that is used twice.
    else if (item.kind !== 'raid_member' && !(item.kind === 'lvm_pv' && first.kind === 'lvm_pv' && item.base === first.base)) {
      reportDuplicate(item, first, issues);
    }
  }
  return byName;
}

function refusedName(item: Item): string | undefined {
  const name = item.values['name'];
  return !item.named && typeof name === 'string' ? name : undefined;
}

function reportDuplicate(item: Item, first: Item, issues: Issues): void {
  const written = item.values['name'] !== undefined;
  const lvm =
    item.kind === 'lvs' || first.kind === 'lvs' ? ' A logical volume is known by its name alone, without its group.' : '';
  issues.error('DIB_BLOCKDEV_DUPLICATE_NAME', written ? member(item.pointer, 'name') : item.pointer, {
    summary: `two nodes are named ${quoted(item.name)}`,
    detail: written
      ? `Names of block devices are unique in the whole image.${lvm}`
      : `This ${GRAMMAR[item.kind].noun} has no name of its own, so it is named after its base.`,
    help: 'give one of them another `name`',
    part: written ? 'value' : 'key',
    related: [{ message: `the first ${quoted(item.name)}, a ${GRAMMAR[first.kind].noun}`, pointer: first.pointer, part: 'key' }],
  });
}

/**
 * Gives volume groups the physical volumes, and RAIDs the devices, that name them (`lvm_pv: {vg: data}`, `raid_member: {raid: md0}`), behind those of
 * their own lists and in the order of the file. Tells names of groups and arrays that are not there.
 */
export function joinByName(items: readonly Item[], issues: Issues): readonly Item[] {
  const joined = new Map<string, BaseReference[]>();
  for (const item of items) {
    const join = joinOf(item);
    if (join === undefined) continue;
    const target = items.find((other) => other.kind === join.kind && (refusedName(other) ?? other.name) === join.name);
    if (target === undefined) reportUnjoined(item, join, items, issues);
    else if (item.kind === 'lvm_pv')
      pushTo(joined, target.pointer, { name: item.name, pointer: member(item.pointer, join.key), by: item });
    else if (item.base !== undefined)
      pushTo(joined, target.pointer, { name: item.base, pointer: member(item.pointer, join.key), by: item });
  }
  return items.map((item) => {
    const more = joined.get(item.pointer);
    if (more === undefined) return item;
    const bases = [...item.bases, ...more];
    return { ...item, bases, base: bases[0]?.name, basePointer: bases[0]?.pointer ?? item.pointer };
  });
}

function pushTo(map: Map<string, BaseReference[]>, key: string, reference: BaseReference): void {
  map.set(key, [...(map.get(key) ?? []), reference]);
}

interface Join {
  readonly kind: 'vgs' | 'raid';
  readonly key: 'vg' | 'raid';
  readonly name: string;
}

function joinOf(item: Item): Join | undefined {
  if (item.kind !== 'lvm_pv' && item.kind !== 'raid_member') return undefined;
  const key = item.kind === 'lvm_pv' ? 'vg' : 'raid';
  const name = item.values[key];
  return typeof name === 'string' ? { kind: item.kind === 'lvm_pv' ? 'vgs' : 'raid', key, name } : undefined;
}

function reportUnjoined(item: Item, { kind, key, name }: Join, items: readonly Item[], issues: Issues): void {
  const known = items.filter((other) => other.kind === kind && other.named).map((other) => other.name);
  const other = items.find((candidate) => candidate.name === name);
  const add =
    kind === 'vgs'
      ? `declare it: \`- lvm: {vgs: [{name: ${printableName(name)}}], lvs: [...]}\``
      : `declare it: \`- raid: {name: ${printableName(name)}, level: 1}\``;
  const near = didYouMean(name, known);
  issues.error(other === undefined ? 'DIB_BLOCKDEV_UNKNOWN_BASE' : 'DIB_BLOCKDEV_BASE_KIND', member(item.pointer, key), {
    summary:
      other === undefined
        ? `\`${key}\` of ${title(item)}: there is no ${GRAMMAR[kind].noun} ${quoted(name)}`
        : `\`${key}\` of ${title(item)}: ${title(other)} is no ${GRAMMAR[kind].noun}`,
    help:
      near === undefined ? (known.length === 0 ? add : `there is: ${listOf(known.slice(0, 12))}`) : `Did you mean \`${near}\`?`,
  });
}

/** A name as part of an example. */
function printableName(name: string): string {
  return /^[A-Za-z0-9_][A-Za-z0-9_.+@-]{0,60}$/.test(name) ? name : 'data';
}

/** Checks what each node stands on: that it is there, of a kind that can carry it, not used twice, and that nobody stands on himself. */
export function checkBases(
  items: readonly Item[],
  byName: ReadonlyMap<string, Item>,
  issues: Issues,
  inCycle: ReadonlySet<Item>,
): void {
  for (const item of items) {
    // A partition's base is its table's, and told there.
    if (GRAMMAR[item.kind].parents.length === 0 || item.kind === 'partition' || inCycle.has(item)) continue;
    if (item.bases.length === 0) reportNoBase(item, byName, issues);
    for (const reference of item.bases) if (reference.by === undefined) checkBase(item, reference, byName, issues);
  }
}

function candidatesOf(kind: NodeKind, byName: ReadonlyMap<string, Item>): readonly string[] {
  const { parents } = GRAMMAR[kind];
  return [...byName.values()]
    .filter((node) => node.named && parents.includes(node.kind) && !isPool(node))
    .map((node) => node.name);
}

/** A thin pool holds thin volumes, and nothing else. */
export function isPool(item: Item): boolean {
  return item.kind === 'lvs' && item.values['type'] === 'thin-pool';
}

function knownText(kind: NodeKind, candidates: readonly string[]): string {
  return candidates.length === 0
    ? `there is none yet: add a ${GRAMMAR[GRAMMAR[kind].parents[0] as NodeKind].noun}`
    : `there is: ${listOf(candidates.slice(0, 12))}`;
}

function reportNoBase(item: Item, byName: ReadonlyMap<string, Item>, issues: Issues): void {
  // The base of an lvm says nothing; missing members of a group or an array are told where it is read.
  if (item.kind === 'lvm' || GRAMMAR[item.kind].joins) return;
  const known = knownText(item.kind, candidatesOf(item.kind, byName));
  // A base of the wrong type has been told.
  if (item.values['base'] !== undefined) return;
  issues.error('DIB_BLOCKDEV_MISSING_KEY', item.pointer, {
    summary: `${title(item)} has no \`base\``,
    detail: `It stands on ${standsOn(item.kind)}; it is neither nested in one nor says which.`,
    help: `add \`base:\` with the name of ${standsOn(item.kind)}; ${known}`,
    part: 'key',
  });
}

function checkBase(item: Item, reference: BaseReference, byName: ReadonlyMap<string, Item>, issues: Issues): void {
  const { parents, noun } = GRAMMAR[item.kind];
  const base = byName.get(reference.name);
  const candidates = candidatesOf(item.kind, byName);
  const known = knownText(item.kind, candidates);
  const part = reference.pointer === item.pointer ? 'key' : 'value';
  if (base === undefined) {
    const near =
      didYouMean(reference.name, candidates) ??
      didYouMean(
        reference.name,
        [...byName.keys()].filter((name) => !name.startsWith('?')),
      );
    issues.error('DIB_BLOCKDEV_UNKNOWN_BASE', reference.pointer, {
      summary: `\`base\` of ${title(item)}: there is no ${quoted(reference.name)}`,
      help: near === undefined ? known : `Did you mean \`${near}\`?`,
      part,
    });
  } else if (item.kind !== 'lvm' && (!parents.includes(base.kind) || isPool(base))) {
    issues.error('DIB_BLOCKDEV_BASE_KIND', reference.pointer, {
      summary: isPool(base)
        ? `${title(item)} cannot stand on the thin pool ${quoted(base.name)}`
        : `${title(item)} cannot stand on ${title(base)}`,
      detail: isPool(base) ? 'A thin pool gives its space to thin volumes.' : `A ${noun} stands on ${standsOn(item.kind)}.`,
      help: instead(item, base) ?? known,
      part,
      related: [{ message: `${title(base)} is here`, pointer: base.pointer, part: 'key' }],
    });
  }
}

/** What to name instead of a base of the wrong kind. */
function instead(item: Item, base: Item): string | undefined {
  if (isPool(base))
    return `make a thin volume in it: \`{name: ${base.name}_1, base: ${base.base ?? 'vg'}, type: thin, thin-pool: ${base.name}, size: 10GiB}\``;
  if (base.kind === 'partitioning') return 'name one of its partitions';
  if (base.kind === 'vgs') return 'name one of its logical volumes';
  if (base.kind === 'lvm') return 'name one of its logical volumes';
  if (item.kind === 'vgs')
    return `make it a physical volume: \`pvs: [{name: pv_${base.name}, base: ${base.name}}]\`, and name that`;
  if (item.kind === 'lvs') return 'name a volume group';
  return undefined;
}
