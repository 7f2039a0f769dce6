import { isObject } from '../blockdev/item.ts';
import { parseYaml, type YamlDocument } from '../config/yaml/parse.ts';
import type { Checked, Diagnostic } from '../diagnostics/diagnostic.ts';
import { pointerToken } from '../diagnostics/pointer.ts';
import type { SourceText } from '../diagnostics/source-text.ts';
import type { Json } from '../util/json.ts';
import type { ImportedLayout } from './imported.ts';

type Values = Record<string, Json>;

/** Plugins that stand on one device or on what is made there, and may be written inside it. */
const NESTED: readonly string[] = ['mkfs', 'mount', 'fstab'];

/** Lists of things that others stand on by name, inside a plugin's mapping. */
const LISTS: readonly string[] = ['partitions', 'lvs'];

/**
 * Reads a block-device configuration in any of diskimage-builder's notations: the tree, the flat list that names bases, or levels of
 * pairs. What can be told by nesting is; a tree stays as it is written, with its comments.
 */
export function importLayout(source: SourceText): Checked<ImportedLayout> {
  const document = parseYaml(source);
  if (document.diagnostics.some(({ severity }) => severity === 'error')) return { diagnostics: document.diagnostics };
  const { value } = document;
  if (!Array.isArray(value) || value.length === 0) {
    return { diagnostics: [notAList(source)] };
  }
  const entries: Values[] = [];
  for (const entry of asWritten(value, '', document.sourceText) as Json[]) {
    if (!Array.isArray(entry)) entries.push(entry as Values);
    else for (const pair of entry as readonly Json[]) if (isPair(pair)) entries.push({ [pair[0]]: pair[1] });
  }
  const list = nest(entries);
  const unchanged = JSON.stringify(list) === JSON.stringify(value);
  return { value: unchanged ? { list, text: source.text } : { list }, diagnostics: document.diagnostics };
}

/** A copy in which numbers whose text says more than their value (`8e00`, `0700`) are that text. */
function asWritten(value: Json, pointer: string, sourceText: YamlDocument['sourceText']): Json {
  if (Array.isArray(value)) return value.map((item, index) => asWritten(item as Json, `${pointer}/${index}`, sourceText));
  if (isObject(value)) {
    const members = Object.entries(value).filter((member): member is [string, Json] => member[1] !== undefined);
    return Object.fromEntries(
      members.map(([key, member]) => [key, asWritten(member, `${pointer}/${pointerToken(key)}`, sourceText)]),
    );
  }
  const text = typeof value === 'number' ? sourceText(pointer) : undefined;
  return text === undefined || text === String(value) ? value : text;
}

function isPair(pair: Json): pair is [string, Json] {
  return Array.isArray(pair) && pair.length === 2 && typeof pair[0] === 'string';
}

/** Moves each file system, mount and fstab entry into what it stands on, if it is the only one of its kind there. */
function nest(entries: readonly Values[]): readonly Json[] {
  const hosts = hostsOf(entries);
  const left: Values[] = [];
  for (const entry of entries) {
    const [plugin] = Object.keys(entry);
    const values = plugin === undefined ? undefined : entry[plugin];
    const base = isObject(values) ? values['base'] : undefined;
    const host = typeof base === 'string' ? hosts.get(base) : undefined;
    const onlyOne = entries.filter((other) => isObject(other[plugin ?? '']) && (other[plugin ?? ''] as Values)['base'] === base);
    const fits = plugin !== undefined && NESTED.includes(plugin) && host !== undefined && !Object.hasOwn(host, plugin);
    if (!fits || onlyOne.length !== 1 || holds(values, host)) {
      left.push(entry);
      continue;
    }
    const { base: _, ...rest } = values as Values;
    const inner = values as Values;
    // The same object stays: entries that stand on it find it there.
    for (const key of Object.keys(inner)) delete inner[key];
    Object.assign(inner, rest);
    if (inner['name'] === `${plugin}_${String(base)}`) delete inner['name'];
    host[plugin] = inner;
  }
  return left;
}

/** Whether something stands on itself, by however many steps: such a circle is left for the plan to tell. */
function holds(value: Json | undefined, wanted: Json): boolean {
  if (value === wanted) return true;
  return isObject(value) && Object.values(value).some((inner) => holds(inner, wanted));
}

/** What others may stand on, by name, with the mapping that describes it. */
function hostsOf(entries: readonly Values[]): Map<string, Values> {
  const hosts = new Map<string, Values>();
  for (const entry of entries) {
    for (const [plugin, values] of Object.entries(entry)) {
      if (!isObject(values)) continue;
      const name = values['name'] ?? (typeof values['base'] === 'string' ? `${plugin}_${values['base']}` : undefined);
      if (typeof name === 'string' && plugin !== 'partitioning' && plugin !== 'lvm') hosts.set(name, values as Values);
      for (const key of LISTS) {
        const list = values[key];
        if (!Array.isArray(list)) continue;
        for (const item of list as readonly Json[])
          if (isObject(item) && typeof item['name'] === 'string') hosts.set(item['name'], item as Values);
      }
    }
  }
  return hosts;
}

function notAList(source: SourceText): Diagnostic {
  return {
    code: 'DIB_IMPORT_NOT_A_LAYOUT',
    severity: 'error',
    summary: 'A block-device configuration is a list of devices',
    detail: 'It is what `DIB_BLOCK_DEVICE_CONFIG` holds, or an element’s `block-device-default.yaml`.',
    help: 'Begin each device with `- `, such as `- local_loop: {name: image0}`.',
    range: source.firstLine(),
  };
}
