import { quoted } from '../diagnostics/printable.ts';
import { didYouMean, listOf, suggestion } from '../diagnostics/suggest.ts';
import type { Json } from '../util/json.ts';
import {
  childrenOf,
  GRAMMAR,
  isNodeKind,
  isPlugin,
  NODE_KINDS,
  type NodeKind,
  OTHER_NAMES,
  PLUGINS,
  UNSUPPORTED_PLUGINS,
} from './grammar.ts';
import { type Issues, member } from './issues.ts';
import { describe, type Item, isList, isObject, makeItem, title } from './item.ts';
import { isSecretKey, reportSecret } from './luks-key.ts';

/** Turns the tree, flat, mixed and level-list notations into one list of nodes, parents before what is nested in them. */
export function flatten(raw: readonly Json[], issues: Issues): readonly Item[] {
  const items: Item[] = [];
  if (raw.length === 0) {
    issues.error('DIB_BLOCKDEV_EMPTY', '', {
      summary: '`block_device` is empty',
      help: 'describe at least one disk, such as `- local_loop: {name: image0}`, or leave `block_device` out to get the default',
    });
  }
  const notation = new Notation(issues, items);
  for (const [index, entry] of raw.entries()) {
    const pointer = member('', index);
    if (isList(entry)) notation.level(entry, pointer);
    else notation.entry(entry, pointer);
  }
  return items;
}

class Notation {
  readonly #issues: Issues;
  readonly #items: Item[];

  constructor(issues: Issues, items: Item[]) {
    this.#issues = issues;
    this.#items = items;
  }

  /** An entry of the list: a mapping with one key, the plugin. */
  entry(entry: Json, pointer: string): void {
    if (!isObject(entry)) {
      this.#issues.error('DIB_BLOCKDEV_NOT_A_MAP', pointer, {
        summary: `a block device must be a mapping with one key, not ${describe(entry, this.#issues.sourceText(pointer))}`,
        help: `write \`- <plugin>: {...}\`, where \`<plugin>\` is one of ${listOf(PLUGINS)}`,
      });
      return;
    }
    const keys = Object.keys(entry);
    if (keys.length !== 1) {
      this.#issues.error('DIB_BLOCKDEV_SEVERAL_PLUGINS', pointer, severalPlugins(keys));
      return;
    }
    const plugin = keys[0] as string;
    this.#plugin(plugin, entry[plugin], member(pointer, plugin), undefined);
  }

  /** The oldest notation: a level is a list of pairs `["plugin", {...}]`. */
  level(level: readonly Json[], pointer: string): void {
    for (const [index, pair] of level.entries()) {
      const at = member(pointer, index);
      const plugin = isList(pair) ? pair[0] : undefined;
      if (!isList(pair) || pair.length !== 2 || typeof plugin !== 'string') {
        this.#issues.error('DIB_BLOCKDEV_LEVEL_ENTRY', at, {
          summary: `an entry of a level must be a pair \`["plugin", {...}]\`, not ${describe(pair, this.#issues.sourceText(at))}`,
          help: 'write `[[["local_loop", {"name": "image0"}]]]`, or in the newer notation `- local_loop: {name: image0}`',
        });
        continue;
      }
      this.#plugin(plugin, pair[1], member(at, 1), undefined, member(at, 0));
    }
  }

  #plugin(plugin: string, value: Json | undefined, pointer: string, parent: Item | undefined, pluginPointer = pointer): void {
    const part = pluginPointer === pointer ? 'key' : 'value';
    if (!isPlugin(plugin)) {
      this.#issues.error(...unknownPlugin(plugin, pluginPointer, part));
      return;
    }
    if (!isObject(value)) {
      this.#issues.error(value === null ? 'DIB_BLOCKDEV_MISSING_VALUE' : 'DIB_BLOCKDEV_NOT_A_MAP', pointer, {
        // What stands there for a container may be its passphrase.
        summary:
          value === null
            ? `\`${plugin}\` has no value`
            : `\`${plugin}\` must be a mapping${plugin === 'luks' ? '' : `, not ${describe(value, this.#issues.sourceText(pointer))}`}`,
        help: `give its settings below it: ${listOf(Object.keys(GRAMMAR[plugin].keys))}`,
        ...(plugin === 'luks' && value !== null ? { sensitive: true } : { part }),
      });
      return;
    }
    if (parent !== undefined && GRAMMAR[plugin].written === 'top') {
      this.#misplaced(plugin, pointer, parent);
      return;
    }
    const item = makeItem(plugin, value, pointer, parent?.name, this.#issues);
    this.#items.push(item);
    this.#children(item);
  }

  /** Disks and RAIDs nested in something. */
  #misplaced(plugin: NodeKind, pointer: string, parent: Item): void {
    this.#issues.error('DIB_BLOCKDEV_BASE_KIND', pointer, {
      summary: `a ${plugin} cannot be nested in ${title(parent)}`,
      detail:
        plugin === 'raid'
          ? 'It stands on several devices, each of which would have to hold it.'
          : `A ${plugin} stands on nothing.`,
      help:
        plugin === 'raid'
          ? 'write `raid_member: {raid: md0}` here and below the other members, and an entry `- raid: {name: md0, level: 1}` of its own'
          : `write \`- ${plugin}: {...}\` as an entry of its own`,
      part: 'key',
    });
  }

  /** Nodes that are written in a list of another one: partitions, subvolumes, parts of an lvm. */
  #list(kind: NodeKind, list: Json | undefined, at: string, owner: Item): void {
    // Missing or wrong lists are told where their owner is read.
    if (!isList(list)) return;
    for (const [index, value] of list.entries()) {
      const pointer = member(at, index);
      if (!isObject(value)) {
        this.#issues.error('DIB_BLOCKDEV_NOT_A_MAP', pointer, {
          summary: `a ${GRAMMAR[kind].noun} must be a mapping, not ${describe(value, this.#issues.sourceText(pointer))}`,
          help: `write \`- ${EXAMPLES[kind] ?? '{...}'}\``,
        });
        continue;
      }
      const item = makeItem(kind, value, pointer, parentOf(kind, owner), this.#issues, owner);
      this.#items.push(item);
      this.#children(item);
    }
  }

  /** Nested plugins and entries of lists become nodes of their own; every other key must be one that the node knows. */
  #children(item: Item): void {
    const keys = Object.keys(GRAMMAR[item.kind].keys);
    for (const [key, value] of Object.entries(item.values)) {
      const pointer = member(item.pointer, key);
      const listed = NODE_KINDS.find((kind) => isListOf(kind, item.kind, key));
      if (listed !== undefined) this.#list(listed, value, pointer, item);
      if (keys.includes(key)) continue;
      if (isPlugin(key)) this.#plugin(key, value, pointer, item);
      else if (isSecretKey(item.kind, key)) reportSecret(this.#issues, item, key);
      else if (UNSUPPORTED_PLUGINS.includes(key)) this.#issues.error(...unknownPlugin(key, pointer, 'key'));
      else {
        this.#issues.error('DIB_BLOCKDEV_UNKNOWN_KEY', pointer, {
          summary: `unknown key ${quoted(key)} in ${item.named ? title(item) : `a ${GRAMMAR[item.kind].noun}`}`,
          help:
            otherName(key) ?? suggestion(key, didYouMean(key, keys) === undefined ? [...keys, ...childrenOf(item.kind)] : keys),
          part: 'key',
        });
      }
    }
  }
}

function isListOf(kind: NodeKind, owner: NodeKind, key: string): boolean {
  const { written } = GRAMMAR[kind];
  return typeof written !== 'string' && written.in === owner && written.list === key;
}

/** What a node in a list stands on where it does not say: the device of its lvm, the disk of its table, its btrfs. */
function parentOf(kind: NodeKind, owner: Item): string | undefined {
  if (kind === 'subvolume') return owner.name;
  return kind === 'partition' || kind === 'pvs' ? owner.base : undefined;
}

const EXAMPLES: Partial<Record<NodeKind, string>> = {
  partition: '{name: root, size: 100%}',
  pvs: '{name: pv, base: root}',
  vgs: '{name: vg, base: [pv]}',
  lvs: '{name: lv_root, base: vg, size: 4GiB}',
  subvolume: "{name: home, path: '@home', mount: {mount_point: /home}}",
};

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

function unknownPlugin(plugin: string, pointer: string, part: 'key' | 'value'): Parameters<Issues['error']> {
  if (UNSUPPORTED_PLUGINS.includes(plugin)) {
    const summary = `\`${plugin}\` is not supported`;
    const help = `use ${listOf(PLUGINS, 'or')}`;
    return ['DIB_BLOCKDEV_UNSUPPORTED_PLUGIN', pointer, { summary, help, part }];
  }
  const help = inList(plugin) ?? otherName(plugin) ?? suggestion(plugin, PLUGINS);
  return ['DIB_BLOCKDEV_UNKNOWN_PLUGIN', pointer, { summary: `unknown plugin ${quoted(plugin)}`, help, part }];
}

function inList(kind: string): string | undefined {
  const written = isNodeKind(kind) ? GRAMMAR[kind].written : undefined;
  return written === undefined || typeof written === 'string'
    ? undefined
    : `write it in the list \`${written.list}\` of a ${GRAMMAR[written.in].noun}`;
}

function otherName(key: string): string | undefined {
  const plain = key.toLowerCase().replaceAll('-', '_');
  return Object.hasOwn(OTHER_NAMES, plain) ? OTHER_NAMES[plain] : undefined;
}
