import { exactSize } from '../blockdev/sizes.ts';
import type { Place } from '../kinds/disk-inputs.ts';
import type { KeyDocument } from '../kinds/kind.ts';
import type { Json, JsonObject } from '../util/json.ts';
import { canonicalJson } from '../util/json.ts';

/** One member that differs between two JSON values. */
export interface Difference {
  /** Member names joined by `.`: `hooks.install.d/50-motd`. */
  readonly path: string;
  readonly before: Json | undefined;
  readonly after: Json | undefined;
}

/** The innermost members in which two values differ, in the order of their names. */
export function differences(before: Json | undefined, after: Json | undefined, path = ''): Difference[] {
  if (canonicalJson(before) === canonicalJson(after)) return [];
  const [named, renamed] = [byName(before), byName(after)];
  if (named !== undefined && renamed !== undefined) return differences(named, renamed, path);
  if (!isObject(before) || !isObject(after)) return [{ path, before, after }];
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return names.flatMap((name) => differences(before[name], after[name], path === '' ? name : `${path}.${name}`));
}

/** The members of a list by their names (partitions, steps of a layer), where each has one of its own: then its order says nothing. */
function byName(value: Json | undefined): JsonObject | undefined {
  if (!Array.isArray(value)) return undefined;
  const items = value as readonly Json[];
  const names = items.map((item) => (isObject(item) ? nameOf(item) : undefined));
  if (names.some((name) => name === undefined) || new Set(names).size !== names.length) return undefined;
  return Object.fromEntries(items.map((item, index) => [names[index] as string, item]));
}

function nameOf(item: JsonObject): string | undefined {
  const { run, phase, name } = item;
  if (run === 'hook') return `${phase}/${name}`;
  if (run === 'initramfs' || run === 'sources') return run;
  if (typeof run === 'string') return `${run === 'install' ? 'packages' : 'removed packages'} of ${phase}`;
  return typeof name === 'string' ? name : undefined;
}

function isObject(value: Json | undefined): value is JsonObject {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

/** Why a key changed, in one line: its own inputs before those of what it is made from. */
export function explainKeyChange(before: KeyDocument, after: KeyDocument): string {
  const own = differences(before.inputs, after.inputs);
  const telling = own.filter(({ path }) => !DERIVED.test(path));
  const shown = telling.length > 0 ? telling : own;
  if (shown.length > 0) return shown.slice(0, 3).map(sentence).join(', ') + more(shown.length - 3);
  const inherited = differences(before.dependencies, after.dependencies).map((difference) => difference.path);
  if (inherited.length > 0) {
    const names = inherited.slice(0, 3).join(', ') + more(inherited.length - 3);
    return `made from ${names}, which ${inherited.length === 1 ? 'changes' : 'change'}`;
  }
  return 'its kind changes';
}

/** Members that only say the same as their neighbours in another unit, or with more words. */
const DERIVED = /(^|\.)(sectors|startSector|place)$/;

function more(count: number): string {
  return count > 0 ? ` and ${count} more` : '';
}

function sentence({ path, before, after }: Difference): string {
  // Where the inputs of a layer or a table keep it says nothing to the user.
  const what = path.replace(/^(steps|otherHooks|layout\.partitions|layout)\./, '').replace(/\.(sha256|packages)$/, '');
  if (path === 'files') return 'files of its elements have other content';
  if (path.startsWith('files.')) return `${path.slice('files.'.length)} of its elements ${contentChange(before, after)}`;
  if (path.endsWith('sha256') || isDigest(before) || isDigest(after) || isStep(before) || isStep(after)) {
    return `${what} ${contentChange(before, after)}`;
  }
  const lists = listChange(before, after);
  if (lists !== undefined) return `${what}: ${lists}`;
  return `${what} ${show(before, path)} -> ${show(after, path)}`;
}

function isStep(value: Json | undefined): boolean {
  return isObject(value) && typeof value['run'] === 'string';
}

function contentChange(before: Json | undefined, after: Json | undefined): string {
  if (before === undefined) return 'was added';
  return after === undefined ? 'was removed' : 'has other content';
}

function isDigest(value: Json | undefined): boolean {
  return typeof value === 'string' && /^(sha256:)?[0-9a-f]{64}$/.test(value);
}

/** What was added to a list, or to the lines of a text, and what was taken from it. */
function listChange(before: Json | undefined, after: Json | undefined): string | undefined {
  const [old, now] = [itemsOf(before), itemsOf(after)];
  if (old === undefined || now === undefined) return undefined;
  const texts = (items: readonly Json[]) => new Set(items.map((item) => canonicalJson(item)));
  const [oldTexts, nowTexts] = [texts(old), texts(now)];
  const added = now.filter((item) => !oldTexts.has(canonicalJson(item))).map((item) => `+${show(item)}`);
  const removed = old.filter((item) => !nowTexts.has(canonicalJson(item))).map((item) => `-${show(item)}`);
  const all = [...added, ...removed];
  return all.length === 0 ? 'in another order' : all.slice(0, 6).join(' ') + more(all.length - 6);
}

function itemsOf(value: Json | undefined): readonly Json[] | undefined {
  if (Array.isArray(value)) return value as readonly Json[];
  return typeof value === 'string' && value.includes('\n') ? value.split('\n').filter((line) => line !== '') : undefined;
}

/** One of the runs of bytes that a device lies in. */
function isRun(value: Json): value is Place[number] & JsonObject {
  return isObject(value) && typeof value['container'] === 'string' && typeof value['offset'] === 'number';
}

/** Members that count bytes. */
const BYTES = /(^|\.)(size|length|offset)$/;

function show(value: Json | undefined, path = ''): string {
  if (value === undefined) return '(none)';
  if (typeof value === 'number' && BYTES.test(path)) return exactSize(value);
  if (isRun(value)) return `${exactSize(value.length)} at ${exactSize(value.offset)} of ${value.container}`;
  // In quotes where a reader could not tell where it begins and ends.
  const text = typeof value === 'string' && /^[^\s,]+$/.test(value) ? value : canonicalJson(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
