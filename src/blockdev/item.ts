import { quoted } from '../diagnostics/printable.ts';
import type { Json, JsonObject } from '../util/json.ts';
import { GRAMMAR, type NodeKind } from './grammar.ts';
import { type Issues, member } from './issues.ts';

/** A node that another one stands on, as it was named. */
export interface BaseReference {
  readonly name: string;
  /** Where it was named, or the node itself when the base follows from nesting. */
  readonly pointer: string;
  /** The node that joined it by name: an `lvm_pv` or a `raid_member`. */
  readonly by?: Item | undefined;
}

/** A node as it was written, whichever notation: with its name and base filled in, its values not looked at yet. */
export interface Item {
  readonly kind: NodeKind;
  /** JSON pointer of its mapping. */
  readonly pointer: string;
  readonly values: JsonObject;
  readonly name: string;
  /** False for a stand-in after an error: the name was missing or wrong. */
  readonly named: boolean;
  /** All that it stands on, in order: for most kinds one node. */
  readonly bases: readonly BaseReference[];
  /** The first of them. Absent for disks, and where it is missing. */
  readonly base?: string | undefined;
  /** Where the base was written, or the node itself when the base follows from nesting. */
  readonly basePointer: string;
  /** Of what is written in a list of another node (partitions, subvolumes, volumes): that node. */
  readonly owner?: Item | undefined;
}

const NAME = /^[A-Za-z0-9_][A-Za-z0-9_.+@-]*$/;
const NAME_LENGTH = 128;

/** `parent`: name of what it is nested in. */
export function makeItem(
  kind: NodeKind,
  values: JsonObject,
  pointer: string,
  parent: string | undefined,
  issues: Issues,
  owner?: Item,
): Item {
  const written = GRAMMAR[kind].parents.length === 0 ? undefined : readBases(kind, values, pointer, issues);
  const nested = parent === undefined || GRAMMAR[kind].parents.length === 0 ? [] : [{ name: parent, pointer }];
  const bases = written ?? nested;
  const base = bases[0]?.name;
  const name = readName(kind, values, pointer, base, issues);
  return {
    kind,
    pointer,
    values,
    // A stand-in is no valid name, so nobody can refer to it, and what is nested still finds its parent.
    name: name ?? `?${pointer}`,
    named: name !== undefined,
    bases,
    base,
    basePointer: bases[0]?.pointer ?? pointer,
    ...(owner === undefined ? {} : { owner }),
  };
}

/** What `base` says; undefined where there is none. */
function readBases(kind: NodeKind, values: JsonObject, pointer: string, issues: Issues): readonly BaseReference[] | undefined {
  const base = values['base'];
  const at = member(pointer, 'base');
  if (base === undefined) return undefined;
  if (typeof base === 'string' && base !== '') return [{ name: base, pointer: at }];
  // diskimage-builder does not look at the base of an lvm, so it may be anything that names devices.
  const { joins, noun } = GRAMMAR[kind];
  const several = joins === true || kind === 'lvm';
  if (several && isList(base)) {
    const references: BaseReference[] = [];
    for (const [index, each] of base.entries()) {
      if (typeof each === 'string' && each !== '') references.push({ name: each, pointer: member(at, index) });
      else {
        issues.error('DIB_BLOCKDEV_WRONG_TYPE', member(at, index), {
          summary: `\`base\` of a ${noun} must hold names of nodes, not ${describe(each, issues.sourceText(member(at, index)))}`,
          help: 'name what it stands on',
        });
      }
    }
    return references;
  }
  issues.error('DIB_BLOCKDEV_WRONG_TYPE', at, {
    summary: `\`base\` of a ${noun} must be ${several ? 'a list of names' : 'the name of a node'}, not ${describe(base, issues.sourceText(at))}`,
    help: several ? 'write `base: [first, second]`' : 'give the name of the one node that it stands on',
  });
  return undefined;
}

function readName(
  kind: NodeKind,
  values: JsonObject,
  pointer: string,
  base: string | undefined,
  issues: Issues,
): string | undefined {
  const { prefix, noun } = GRAMMAR[kind];
  // A member of a RAID is known by its device alone.
  const name = kind === 'raid_member' ? undefined : values['name'];
  if (name === undefined) {
    // diskimage-builder's default names.
    if (prefix !== undefined) return base === undefined || base.startsWith('?') ? undefined : `${prefix}_${base}`;
    issues.error('DIB_BLOCKDEV_MISSING_KEY', pointer, {
      summary: `this ${noun} has no \`name\``,
      help: `add \`name: ${EXAMPLE_NAMES[kind] ?? 'data'}\``,
      part: 'key',
    });
    return undefined;
  }
  if (typeof name === 'string' && NAME.test(name) && name.length <= NAME_LENGTH) return name;
  issues.error('DIB_BLOCKDEV_NAME', member(pointer, 'name'), {
    summary:
      typeof name === 'string'
        ? `${quoted(name)} cannot be the name of a ${noun}`
        : `\`name\` of a ${noun} must be a string, not ${describe(name, issues.sourceText(member(pointer, 'name')))}`,
    detail: 'Names become parts of file names and addresses.',
    help: `use letters, digits, \`_\`, \`-\`, \`.\`, \`+\` and \`@\`, beginning with a letter, a digit or \`_\`, at most ${NAME_LENGTH} characters${typeof name === 'number' ? '; put a number in quotes' : ''}`,
  });
  return undefined;
}

const EXAMPLE_NAMES: Partial<Record<NodeKind, string>> = {
  local_loop: 'image0',
  disk: 'target',
  partition: 'root',
  raid: 'md0',
  pvs: 'pv',
  vgs: 'vg',
  lvs: 'lv_root',
  subvolume: 'home',
};

/** A value in a message: its sort, and the value when it is short. `written`: its text in the file, where that says more. */
export function describe(value: Json | undefined, written?: string): string {
  if (value === null || value === undefined) return 'nothing';
  if (isList(value)) return 'a list';
  if (typeof value === 'object') return 'a mapping';
  if (typeof value === 'string') return `the string ${quoted(value)}`;
  return `the ${typeof value} ${quoted(written ?? String(value))}`;
}

export function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Name of a node in messages: ``the mkfs `root` ``. */
export function title(item: Item): string {
  const { noun } = GRAMMAR[item.kind];
  return item.named ? `the ${noun} ${quoted(item.name)}` : `this ${noun}`;
}
