import { basename } from 'node:path';
import { parseYaml } from '../config/yaml/parse.ts';
import type { Checked, Diagnostic, Locator } from '../diagnostics/diagnostic.ts';
import { pointerToken } from '../diagnostics/pointer.ts';
import { quoted } from '../diagnostics/printable.ts';
import type { SourceText } from '../diagnostics/source-text.ts';
import { didYouMean, listOf } from '../diagnostics/suggest.ts';
import type { Json, JsonObject } from '../util/json.ts';
import { FLAGS, type Flag } from './flags.ts';
import type { BuildRequest, Setting } from './imported.ts';

/** Name of the image where the first entries give none. */
const DEFAULT_NAME = 'image';

/** Keys that stand for no option. */
const OTHER_KEYS = ['elements', 'environment', 'ramdisk'];

interface Draft {
  settings: Setting[];
  elements: string[];
  environment: Record<string, string>;
  ramdisk: boolean;
}

/**
 * Reads the file of diskimage-builder's YAML front end. Entries of the same `imagename` are merged in order (scalars replaced, lists
 * appended, mappings updated); an entry without one belongs to the image before it.
 */
export function parseFrontEnd(source: SourceText): Checked<readonly BuildRequest[]> {
  const document = parseYaml(source);
  const diagnostics: Diagnostic[] = [...document.diagnostics];
  const entries = document.value;
  if (!Array.isArray(entries) || entries.length === 0) {
    if (diagnostics.length === 0) diagnostics.push(notAList(source));
    return { diagnostics };
  }
  const drafts = new Map<string, Draft>();
  let name = DEFAULT_NAME;
  for (const [index, entry] of (entries as readonly Json[]).entries()) {
    const pointer = `/${index}`;
    if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) {
      diagnostics.push(wrong('An entry is a mapping of settings', document.locate(pointer)));
      continue;
    }
    const mapping = entry as JsonObject;
    if (typeof mapping['imagename'] === 'string') name = mapping['imagename'];
    const draft = drafts.get(name) ?? { settings: [], elements: [], environment: {}, ramdisk: false };
    drafts.set(name, draft);
    readEntry(mapping, pointer, draft, document.locate, diagnostics);
  }
  for (const [image, draft] of drafts) {
    if (draft.elements.length > 0 || diagnostics.length > 0) continue;
    diagnostics.push(wrong(`The image ${quoted(image)} names no elements`, source.firstLine()));
  }
  if (diagnostics.some(({ severity }) => severity === 'error')) return { diagnostics };
  return { value: [...drafts].map(([image, draft]) => request(image, draft, source.file)), diagnostics };
}

function request(image: string, draft: Draft, file: string): BuildRequest {
  const settings = draft.settings.filter(({ flag }) => flag !== '-o');
  return {
    program: draft.ramdisk ? 'ramdisk-image-create' : 'disk-image-create',
    settings: [{ flag: '-o', value: image }, ...settings],
    elements: draft.elements,
    environment: draft.environment,
    origin: [`${basename(file)}, image ${image}`],
  };
}

function readEntry(entry: JsonObject, pointer: string, draft: Draft, locate: Locator, diagnostics: Diagnostic[]): void {
  for (const [key, value] of Object.entries(entry)) {
    if (value === undefined) continue;
    const at = `${pointer}/${pointerToken(key)}`;
    const range = locate(at);
    const flag = FLAGS.find((candidate) => candidate.key === key);
    if (key === 'elements') {
      const texts = textList(value);
      if (texts === undefined) diagnostics.push(wrong('`elements` is a list of names', range));
      else draft.elements.push(...texts);
    } else if (key === 'environment') readEnvironment(value, at, draft, locate, diagnostics);
    else if (key === 'ramdisk') {
      if (typeof value === 'boolean') draft.ramdisk = value;
      else diagnostics.push(wrong(`${quoted(key)} must be ${EXPECTED.switch}`, range));
    } else if (flag === undefined) diagnostics.push(unknownKey(key, locate(at, 'key')));
    else readSetting(flag, value, { draft, range, diagnostics, key });
  }
}

interface SettingPlace {
  readonly draft: Draft;
  readonly range: Setting['range'];
  readonly diagnostics: Diagnostic[];
  readonly key: string;
}

function readSetting(flag: Flag, value: Json, { draft, range, diagnostics, key }: SettingPlace): void {
  const text = settingText(flag, value);
  if (text === undefined) {
    diagnostics.push(wrong(`${quoted(key)} must be ${EXPECTED[flag.type ?? 'text']}`, range));
    return;
  }
  // `false` takes back what an earlier entry of the image switched on.
  const replaced = flag.type === 'list' ? draft.settings : without(draft.settings, flag.flag);
  const said = flag.takesValue || text !== 'false';
  const earlier = flag.type === 'map' ? draft.settings.find((setting) => setting.flag === flag.flag)?.value : undefined;
  const whole = earlier === undefined ? text : updated(earlier, text);
  draft.settings = said ? [...replaced, { flag: flag.flag, value: flag.takesValue ? whole : '', range }] : replaced;
}

/** `name=value` pairs with those of a later entry of the file. */
function updated(earlier: string, later: string): string {
  const pairs = [earlier, later].flatMap((text) => text.split(',')).map((pair) => [pair.split('=', 1)[0], pair] as const);
  return [...new Map(pairs).values()].join(',');
}

function without(settings: readonly Setting[], flag: string): Setting[] {
  return settings.filter((setting) => setting.flag !== flag);
}

const EXPECTED = {
  text: 'text or a number',
  switch: '`true` or `false`',
  count: 'a whole number',
  list: 'a list of names',
  map: 'a mapping of options',
} as const;

/** The value as the option of the command line takes it; `false` for a switch that is off. */
function settingText(flag: Flag, value: Json): string | undefined {
  switch (flag.type) {
    case 'switch':
      return typeof value === 'boolean' ? String(value) : undefined;
    case 'count':
      return typeof value === 'number' ? (value > 0 ? 'true' : 'false') : undefined;
    case 'list':
      return textList(value)?.join(',');
    case 'map':
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
      return Object.entries(value)
        .map(([name, each]) => `${name}=${String(each)}`)
        .join(',');
    default:
      if (typeof value !== 'string' && typeof value !== 'number') return undefined;
      return String(value);
  }
}

function readEnvironment(value: Json, pointer: string, draft: Draft, locate: Locator, diagnostics: Diagnostic[]): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    diagnostics.push(wrong('`environment` is a mapping of variables', locate(pointer)));
    return;
  }
  for (const [name, each] of Object.entries(value)) {
    if (each === null || typeof each === 'object')
      diagnostics.push(
        wrong(`The variable ${quoted(name)} has no text as its value`, locate(`${pointer}/${pointerToken(name)}`)),
      );
    else draft.environment[name] = String(each);
  }
}

function textList(value: Json): string[] | undefined {
  return Array.isArray(value) && value.every((item) => typeof item === 'string') ? [...(value as string[])] : undefined;
}

function unknownKey(key: string, range: Diagnostic['range']): Diagnostic {
  const keys = [...FLAGS.flatMap((flag) => flag.key ?? []), ...OTHER_KEYS];
  const near = didYouMean(key, keys);
  return {
    ...wrong(`diskimage-builder knows no setting ${quoted(key)}`, range),
    help: near === undefined ? `Its settings are ${listOf(keys)}.` : `Did you mean \`${near}\`?`,
  };
}

function notAList(source: SourceText): Diagnostic {
  return {
    ...wrong('The file is no list of images', source.firstLine()),
    help: 'It is a list: `- imagename: web` and so on. For an image.yaml of dib there is nothing to import.',
  };
}

function wrong(summary: string, range: Diagnostic['range']): Diagnostic {
  return { code: 'DIB_IMPORT_FRONT_END', severity: 'error', summary, range };
}
