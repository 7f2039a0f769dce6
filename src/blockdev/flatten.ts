import { quoted } from '../diagnostics/printable.ts';
import { didYouMean, listOf, suggestion } from '../diagnostics/suggest.ts';
import type { Json, JsonObject } from '../util/json.ts';
import { GRAMMAR, isPlugin, type NodeKind, PLUGINS, UNSUPPORTED_PLUGINS } from './grammar.ts';
import { type Issues, member } from './issues.ts';

/** A node as it was written, whichever notation: with its name and base filled in, its values not looked at yet. */
export interface Item {
  readonly kind: NodeKind;
  /** JSON pointer of its mapping. */
  readonly pointer: string;
  readonly values: JsonObject;
  readonly name: string;
  /** False for a stand-in after an error: the name was missing or wrong. */
  readonly named: boolean;
  /** Absent for disks, and where it is missing. */
  readonly base?: string | undefined;
  /** Where the base was written, or the node itself when the base follows from nesting. */
  readonly basePointer: string;
  /** Of a partition: the table it is in. */
  readonly table?: Item | undefined;
}

const NAME = /^[A-Za-z0-9_][A-Za-z0-9_.+@-]*$/;
const NAME_LENGTH = 128;

/** Turns the tree, flat, mixed and level-list notations into one list of nodes, parents before what is nested in them. */
export function flatten(raw: readonly Json[], issues: Issues): readonly Item[] {
  const items: Item[] = [];
  if (raw.length === 0) {
    issues.error('DIB_BLOCKDEV_EMPTY', '', {
      summary: '`block_device` is empty',
      help: 'describe at least one disk, such as `- local_loop: {name: image0}`, or leave `block_device` out to get the default',
    });
  }
  for (const [index, entry] of raw.entries()) {
    const pointer = member('', index);
    if (isList(entry)) flattenLevel(entry, pointer, issues, items);
    else flattenEntry(entry, pointer, issues, items);
  }
  return items;
}

/** An entry of the list: a mapping with one key, the plugin. */
function flattenEntry(entry: Json, pointer: string, issues: Issues, items: Item[]): void {
  if (!isObject(entry)) {
    issues.error('DIB_BLOCKDEV_NOT_A_MAP', pointer, {
      summary: `a block device must be a mapping with one key, not ${describe(entry)}`,
      help: `write \`- <plugin>: {...}\`, where \`<plugin>\` is one of ${listOf(PLUGINS)}`,
    });
    return;
  }
  const keys = Object.keys(entry);
  if (keys.length !== 1) {
    issues.error('DIB_BLOCKDEV_SEVERAL_PLUGINS', pointer, severalPlugins(keys));
    return;
  }
  const plugin = keys[0] as string;
  flattenPlugin(plugin, entry[plugin], member(pointer, plugin), undefined, issues, items);
}

function severalPlugins(keys: readonly string[]): { summary: string; detail?: string; help: string } {
  if (keys.length === 0)
    return { summary: 'this block device is an empty mapping', help: `name its plugin: ${listOf(PLUGINS, 'or')}` };
  const indented = keys.some(isPlugin) && !keys.every(isPlugin);
  return {
    summary: `a block device has one key, its plugin; this one has ${keys.length}: ${listOf(keys.slice(0, 8))}`,
    ...(indented ? { detail: `The keys beside \`${keys.find(isPlugin)}:\` stand on its own level instead of below it.` } : {}),
    help: indented ? 'indent the other keys below the plugin' : 'begin a new `- ` for each',
  };
}

/** The oldest notation: a level is a list of pairs `["plugin", {...}]`. */
function flattenLevel(level: readonly Json[], pointer: string, issues: Issues, items: Item[]): void {
  for (const [index, pair] of level.entries()) {
    const at = member(pointer, index);
    const plugin = isList(pair) ? pair[0] : undefined;
    if (!isList(pair) || pair.length !== 2 || typeof plugin !== 'string') {
      issues.error('DIB_BLOCKDEV_LEVEL_ENTRY', at, {
        summary: `an entry of a level must be a pair \`["plugin", {...}]\`, not ${describe(pair)}`,
        help: 'write `[[["local_loop", {"name": "image0"}]]]`, or in the newer notation `- local_loop: {name: image0}`',
      });
      continue;
    }
    flattenPlugin(plugin, pair[1], member(at, 1), undefined, issues, items, member(at, 0));
  }
}

function flattenPlugin(
  plugin: string,
  value: Json | undefined,
  pointer: string,
  parent: Item | undefined,
  issues: Issues,
  items: Item[],
  pluginPointer = pointer,
): void {
  const part = pluginPointer === pointer ? 'key' : 'value';
  if (!isPlugin(plugin)) {
    issues.error(...unknownPlugin(plugin, pluginPointer, part));
    return;
  }
  if (!isObject(value)) {
    issues.error(value === null ? 'DIB_BLOCKDEV_MISSING_VALUE' : 'DIB_BLOCKDEV_NOT_A_MAP', pointer, {
      summary: value === null ? `\`${plugin}\` has no value` : `\`${plugin}\` must be a mapping, not ${describe(value)}`,
      help: `give its settings below it: ${listOf(GRAMMAR[plugin].keys)}`,
      part,
    });
    return;
  }
  const item = makeItem(plugin, value, pointer, parent?.name, issues);
  items.push(item);
  if (plugin === 'partitioning') flattenPartitions(item, issues, items);
  flattenChildren(item, issues, items);
}

function unknownPlugin(plugin: string, pointer: string, part: 'key' | 'value'): Parameters<Issues['error']> {
  if (UNSUPPORTED_PLUGINS.includes(plugin)) {
    const summary = `\`${plugin}\` is not supported yet`;
    const help = `use ${listOf(PLUGINS, 'or')}`;
    return ['DIB_BLOCKDEV_UNSUPPORTED_PLUGIN', pointer, { summary, help, part }];
  }
  const wrong =
    plugin === 'partition' ? 'write partitions in the list `partitions` of a partitioning' : suggestion(plugin, PLUGINS);
  return ['DIB_BLOCKDEV_UNKNOWN_PLUGIN', pointer, { summary: `unknown plugin ${quoted(plugin)}`, help: wrong, part }];
}

function flattenPartitions(table: Item, issues: Issues, items: Item[]): void {
  const list = table.values['partitions'];
  // Missing or wrong lists are told where the table is read.
  if (!isList(list)) return;
  for (const [index, value] of list.entries()) {
    const pointer = member(member(table.pointer, 'partitions'), index);
    if (!isObject(value)) {
      issues.error('DIB_BLOCKDEV_NOT_A_MAP', pointer, {
        summary: `a partition must be a mapping, not ${describe(value)}`,
        help: 'write `- {name: root, size: 100%}`',
      });
      continue;
    }
    const item: Item = { ...makeItem('partition', value, pointer, table.base, issues), table };
    items.push(item);
    flattenChildren(item, issues, items);
  }
}

/** Nested plugins become nodes of their own; every other key must be one that the node knows. */
function flattenChildren(item: Item, issues: Issues, items: Item[]): void {
  const { keys } = GRAMMAR[item.kind];
  for (const [key, value] of Object.entries(item.values)) {
    const pointer = member(item.pointer, key);
    if (isPlugin(key)) flattenPlugin(key, value, pointer, item, issues, items);
    else if (UNSUPPORTED_PLUGINS.includes(key)) issues.error(...unknownPlugin(key, pointer, 'key'));
    else if (!keys.includes(key)) {
      issues.error('DIB_BLOCKDEV_UNKNOWN_KEY', pointer, {
        summary: `unknown key ${quoted(key)} in ${item.named ? `the ${item.kind} ${quoted(item.name)}` : `a ${item.kind}`}`,
        help: suggestion(key, didYouMean(key, keys) === undefined ? [...keys, ...PLUGINS] : keys),
        part: 'key',
      });
    }
  }
}

function makeItem(kind: NodeKind, values: JsonObject, pointer: string, parent: string | undefined, issues: Issues): Item {
  const written = readBase(kind, values, pointer, issues);
  const base = kind === 'local_loop' ? undefined : (written ?? parent);
  const basePointer = written === undefined ? pointer : member(pointer, 'base');
  const name = readName(kind, values, pointer, base, issues);
  // A stand-in is no valid name, so nobody can refer to it, and what is nested still finds its parent.
  return { kind, pointer, values, name: name ?? `?${pointer}`, named: name !== undefined, base, basePointer };
}

function readBase(kind: NodeKind, values: JsonObject, pointer: string, issues: Issues): string | undefined {
  const base = values['base'];
  if (base === undefined || kind === 'local_loop') return undefined;
  if (typeof base === 'string' && base !== '') return base;
  issues.error('DIB_BLOCKDEV_WRONG_TYPE', member(pointer, 'base'), {
    summary: `\`base\` of a ${kind} must be the name of a node, not ${describe(base)}`,
    help: `give the name of what it stands on: ${GRAMMAR[kind].on}`,
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
  const name = values['name'];
  if (name === undefined) {
    // diskimage-builder's default names. Partitions and disks have none.
    if (kind !== 'local_loop' && kind !== 'partition')
      return base === undefined || base.startsWith('?') ? undefined : `${kind}_${base}`;
    issues.error('DIB_BLOCKDEV_MISSING_KEY', pointer, {
      summary: kind === 'partition' ? 'this partition has no `name`' : 'this local_loop has no `name`',
      help: kind === 'partition' ? 'add `name: root`' : 'add `name: image0`',
      part: 'key',
    });
    return undefined;
  }
  if (typeof name === 'string' && NAME.test(name) && name.length <= NAME_LENGTH) return name;
  issues.error('DIB_BLOCKDEV_NAME', member(pointer, 'name'), {
    summary:
      typeof name === 'string'
        ? `${quoted(name)} cannot be the name of a ${kind}`
        : `\`name\` of a ${kind} must be a string, not ${describe(name)}`,
    detail: 'Names become parts of file names and addresses.',
    help: `use letters, digits, \`_\`, \`-\`, \`.\`, \`+\` and \`@\`, beginning with a letter, a digit or \`_\`, at most ${NAME_LENGTH} characters${typeof name === 'number' ? '; put a number in quotes' : ''}`,
  });
  return undefined;
}

/** A value in a message: its sort, and the value when it is short. */
export function describe(value: Json | undefined): string {
  if (value === null || value === undefined) return 'nothing';
  if (isList(value)) return 'a list';
  if (typeof value === 'object') return 'a mapping';
  if (typeof value === 'string') return `the string ${quoted(value)}`;
  return `the ${typeof value} \`${String(value)}\``;
}

export function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
