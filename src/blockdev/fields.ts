import { quoted } from '../diagnostics/printable.ts';
import { listOf, suggestion } from '../diagnostics/suggest.ts';
import type { Json } from '../util/json.ts';
import { type Issues, member } from './issues.ts';
import { describe, type Item, isList, title } from './item.ts';
import { parseSize, type SizeProblem } from './sizes.ts';

/** What the environment says about block devices, as diskimage-builder's variables and flags do. */
export interface BlockDeviceDefaults {
  /** FS_TYPE: type of the root file system where it has none. */
  readonly fsType?: string | undefined;
  /** ROOT_LABEL: label of the root file system where it has none. */
  readonly rootLabel?: string | undefined;
  /** MKFS_OPTS (and DIB_JOURNAL_SIZE, MAX_ONLINE_RESIZE): arguments for the root file system where it has no opts. */
  readonly mkfsOpts?: readonly string[] | undefined;
  /** DIB_IMAGE_SIZE in bytes: size of disks that have none. */
  readonly imageSize?: number | undefined;
}

/** What parsing needs to know besides the list itself. */
export interface ParseContext {
  /** Identifiers derive from it. */
  readonly imageName: string;
  readonly issues: Issues;
  /** The text of a scalar as it stands in the file, to tell `0700` from 700. */
  readonly sourceText: (pointer: string) => string | undefined;
  readonly blockSizeOverride?: number | undefined;
  readonly defaults: BlockDeviceDefaults;
}

export function pointerOf(item: Item, key: string): string {
  return member(item.pointer, key);
}

export function missingKey(context: ParseContext, item: Item, key: string, help: string): undefined {
  context.issues.error('DIB_BLOCKDEV_MISSING_KEY', item.pointer, {
    summary: `${title(item)} has no \`${key}\``,
    help,
    part: 'key',
  });
  return undefined;
}

/** A string, or undefined after a diagnostic if it is anything else. Absent keys are undefined without one. */
export function readString(context: ParseContext, item: Item, key: string, help: string): string | undefined {
  const value = item.values[key];
  if (value === undefined) return undefined;
  if (typeof value === 'string') return value;
  return wrongType(context, item, key, 'a string', help);
}

export function wrongType(context: ParseContext, item: Item, key: string, wanted: string, help: string): undefined {
  const value = item.values[key];
  const pointer = pointerOf(item, key);
  if (value === null) {
    context.issues.error('DIB_BLOCKDEV_MISSING_VALUE', pointer, {
      summary: `\`${key}\` of ${title(item)} has no value`,
      help,
      part: 'key',
    });
  } else {
    context.issues.error('DIB_BLOCKDEV_WRONG_TYPE', pointer, {
      summary: `\`${key}\` of ${title(item)} must be ${wanted}, not ${describe(value, context.sourceText(pointer))}`,
      help,
    });
  }
  return undefined;
}

/** An integer within bounds, also written as a string of digits. */
export function readInteger(
  context: ParseContext,
  item: Item,
  key: string,
  range: readonly [number, number],
): number | undefined {
  const value = item.values[key];
  if (value === undefined) return undefined;
  const number = typeof value === 'string' && /^[0-9]{1,15}$/.test(value) ? Number(value) : value;
  if (typeof number === 'number' && Number.isInteger(number) && number >= range[0] && number <= range[1]) return number;
  return wrongType(
    context,
    item,
    key,
    `an integer from ${range[0]} to ${range[1]}`,
    `write \`${key}: ${range[0]}\` or leave it out`,
  );
}

/** A list of strings, or one string that `split` takes apart. */
export function readWords(
  context: ParseContext,
  item: Item,
  key: string,
  split: RegExp,
  help: string,
): readonly string[] | undefined {
  const value = item.values[key];
  if (value === undefined) return undefined;
  const words = typeof value === 'string' ? value.split(split) : value;
  if (!isList(words)) return wrongType(context, item, key, 'a string or a list of strings', help);
  const wrong = words.findIndex((word: Json) => typeof word !== 'string');
  if (wrong !== -1) {
    const pointer = member(pointerOf(item, key), wrong);
    context.issues.error('DIB_BLOCKDEV_WRONG_TYPE', pointer, {
      summary: `\`${key}\` of ${title(item)} must hold strings, not ${describe(words[wrong], context.sourceText(pointer))}`,
      help: 'put it in quotes',
    });
    return undefined;
  }
  return (words as readonly string[]).filter((word) => word !== '');
}

/** A size that must be a string: diskimage-builder refuses numbers, and a bare number says nothing about its unit. */
export function readSizeText(context: ParseContext, item: Item, key: string): string | undefined {
  const value = item.values[key];
  if (typeof value !== 'number') return readString(context, item, key, 'write a number and a unit, such as `1GiB`');
  const gibibytes = value % 1024 ** 3 === 0 ? `${value / 1024 ** 3}GiB` : undefined;
  const mebibytes = value % 1024 ** 2 === 0 ? `${value / 1024 ** 2}MiB` : undefined;
  const exact = value >= 1024 ** 2 ? (gibibytes ?? mebibytes ?? `${value}B`) : '1GiB';
  context.issues.error('DIB_BLOCKDEV_SIZE_NOT_STRING', pointerOf(item, key), {
    summary: `\`${key}\` of ${title(item)} is a number without a unit: ${quoted(context.sourceText(pointerOf(item, key)) ?? String(value))}`,
    detail: 'Sizes are strings, as in diskimage-builder; a number alone would count bytes.',
    help: `write ${quoted(exact)}${value < 1024 ** 2 ? ` if ${value === 1 ? 'that' : 'a size such as that'} is meant, or \`${value}B\` for bytes` : ''}`,
  });
  return undefined;
}

/** An absolute size in bytes. */
export function readSize(context: ParseContext, item: Item, key: string): number | undefined {
  const text = readSizeText(context, item, key);
  if (text === undefined) return undefined;
  const result = parseSize(text);
  if ('bytes' in result) return result.bytes;
  sizeProblem(context, item, key, result.problem);
  return undefined;
}

export function sizeProblem(context: ParseContext, item: Item, key: string, problem: SizeProblem): void {
  context.issues.error(problem.code, pointerOf(item, key), {
    summary: `\`${key}\` of ${title(item)}: ${problem.summary}`,
    detail: problem.detail,
    help: problem.help,
  });
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** The `uuid` of a node in lower case, of the given form. */
export function readUuid(context: ParseContext, item: Item, form: 'uuid' | 'volume id' | 'signature'): string | undefined {
  const examples = { uuid: '0f5c2a6e-8f0b-4c9d-9b7a-3d2e1f0a9b8c', 'volume id': '1A2B-3C4D', signature: '0x1a2b3c4d' };
  const help = `write ${quoted(examples[form])} in quotes, or leave it out: dib derives one from the image's name`;
  const text = readString(context, item, 'uuid', help);
  if (text === undefined) return undefined;
  const lower = text.toLowerCase();
  if (form === 'uuid' && UUID.test(lower) && !/^[0-]+$/.test(lower)) return lower;
  if (form === 'volume id' && /^[0-9a-f]{4}-[0-9a-f]{4}$/.test(lower)) return lower.toUpperCase();
  if (form === 'signature' && /^0x[0-9a-f]{8}$/.test(lower) && lower !== '0x00000000') return lower;
  const names = { uuid: 'a UUID', 'volume id': 'a FAT volume id', signature: 'an MBR disk signature' };
  context.issues.error('DIB_BLOCKDEV_UUID', pointerOf(item, 'uuid'), {
    summary: `\`uuid\` of ${title(item)}: ${quoted(text)} is not ${names[form]}`,
    help,
  });
  return undefined;
}

/** One of a few values, which YAML may have read as numbers; undefined after a diagnostic, and where it is absent. */
export function readChoice<T extends string>(
  context: ParseContext,
  item: Item,
  key: string,
  choices: readonly T[],
  code: string,
): T | undefined {
  const value = item.values[key];
  if (value === undefined) return undefined;
  const text = typeof value === 'number' ? String(value) : value;
  const found = choices.find((choice) => choice === text);
  if (found !== undefined) return found;
  const help = `write one of ${listOf(choices, 'or')}`;
  if (typeof text !== 'string') return wrongType(context, item, key, `one of ${listOf(choices, 'or')}`, help);
  context.issues.error(code, pointerOf(item, key), {
    summary: `\`${key}\` of ${title(item)} cannot be ${quoted(text)}`,
    help: suggestion(text, choices, 'It is one of') ?? help,
  });
  return undefined;
}

/** Arguments for a tool: a list of strings, or one string split at white space. */
export function readOptions(context: ParseContext, item: Item, key = 'options'): readonly string[] {
  const words = readWords(context, item, key, /\s+/, `write \`${key}: [--first, --second]\``) ?? [];
  const wrong = words.find((word) => /[\x00-\x1f\x7f]/.test(word));
  if (wrong === undefined) return words;
  context.issues.error('DIB_BLOCKDEV_OPTIONS', pointerOf(item, key), {
    summary: `\`${key}\` of ${title(item)}: ${quoted(wrong)} has control characters in it`,
    help: 'write plain arguments',
  });
  return [];
}
