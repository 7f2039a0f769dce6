import { quoted } from '../diagnostics/printable.ts';
import { suggestion } from '../diagnostics/suggest.ts';
import type { Partition, Partitioning, PartitionSize, TableLabel } from './devices.ts';
import {
  missingKey,
  type ParseContext,
  pointerOf,
  readSize,
  readSizeText,
  readString,
  readUuid,
  readWords,
  sizeProblem,
  wrongType,
} from './fields.ts';
import { deterministicUuid, diskSignature, mbrPartitionUuid } from './identifiers.ts';
import { member } from './issues.ts';
import { type Item, isList, title } from './item.ts';
import { GPT_TYPE_CODES } from './partition-types.ts';
import { exactSize, MIB, parseRelativeSize } from './sizes.ts';
import { checkEntries } from './table-entries.ts';

/** UTF-16 code units in the name of a GPT partition. */
const GPT_NAME = 36;

export function readTable(context: ParseContext, item: Item, partitionItems: readonly Item[]): Partitioning {
  const label = readLabel(context, item);
  const align = readAlign(context, item, label);
  checkPartitionsKey(context, item);
  const address = `partitioning.${item.name}`;
  const written = item.values['uuid'] === undefined ? undefined : readUuid(context, item, label === 'mbr' ? 'signature' : 'uuid');
  const uuid =
    written ?? (label === 'mbr' ? diskSignature(context.imageName, address) : deterministicUuid(context.imageName, address));
  let logicals = 0;
  let primaries = 0;
  const partitions = partitionItems.map((partitionItem): Partition => {
    const flags = readFlags(context, partitionItem, label);
    const primary = flags.includes('primary');
    const number = label === 'mbr' && !primary ? 5 + logicals++ : ++primaries;
    return readPartition(
      context,
      partitionItem,
      label ?? 'gpt',
      flags,
      label === 'mbr' ? mbrPartitionUuid(uuid, number) : undefined,
    );
  });
  checkEntries(context, item, label, partitionItems, partitions);
  return {
    plugin: 'partitioning',
    name: item.name,
    pointer: item.pointer,
    base: item.base ?? '',
    label: label ?? 'gpt',
    align,
    uuid,
    partitions,
  };
}

function readLabel(context: ParseContext, item: Item): TableLabel | undefined {
  const help = 'write `label: gpt` or `label: mbr`';
  if (item.values['label'] === undefined) return missingKey(context, item, 'label', help);
  const label = readString(context, item, 'label', help);
  if (label === undefined || label === 'gpt' || label === 'mbr') return label;
  context.issues.error('DIB_BLOCKDEV_TABLE_LABEL', pointerOf(item, 'label'), {
    summary: `\`label\` of ${title(item)} must be \`mbr\` or \`gpt\`, not ${quoted(label)}`,
    help: ['dos', 'msdos'].includes(label.toLowerCase()) ? 'did you mean `mbr`?' : suggestion(label, ['gpt', 'mbr']),
  });
  return undefined;
}

function readAlign(context: ParseContext, item: Item, label: TableLabel | undefined): number {
  if (item.values['align'] === undefined) return MIB;
  const align = readSize(context, item, 'align');
  if (align === undefined) return MIB;
  if (align % 4096 !== 0) {
    context.issues.error('DIB_BLOCKDEV_ALIGN', pointerOf(item, 'align'), {
      summary: `\`align\` of ${title(item)} must be a multiple of 4 KiB, not \`${exactSize(align)}\``,
      detail: 'Partitions begin on whole sectors, and file systems on whole blocks of 4 KiB.',
      help: 'write `1MiB` or leave it out',
    });
    return MIB;
  }
  if (label === 'gpt' && align !== MIB) {
    context.issues.warn('DIB_BLOCKDEV_ALIGN_IGNORED', pointerOf(item, 'align'), {
      summary: `\`align\` of ${title(item)} has no effect: a gpt is always aligned to 1 MiB`,
      help: 'remove it',
      part: 'key',
    });
    return MIB;
  }
  return align;
}

function checkPartitionsKey(context: ParseContext, item: Item): void {
  const help = 'add `partitions:` with a list, such as `- {name: root, size: 100%}`';
  const list = item.values['partitions'];
  if (list === undefined) missingKey(context, item, 'partitions', help);
  else if (!isList(list)) wrongType(context, item, 'partitions', 'a list', help);
  else if (list.length === 0) {
    context.issues.error('DIB_BLOCKDEV_EMPTY', pointerOf(item, 'partitions'), {
      summary: `\`partitions\` of ${title(item)} is empty`,
      help,
    });
  }
}

function readFlags(context: ParseContext, item: Item, label: TableLabel | undefined): readonly string[] {
  const known = ['boot', 'primary'];
  const flags = readWords(context, item, 'flags', /[,\s]+/, 'write `flags: [boot, primary]`') ?? [];
  for (const [index, flag] of flags.entries()) {
    const pointer = isList(item.values['flags']) ? member(pointerOf(item, 'flags'), index) : pointerOf(item, 'flags');
    if (!known.includes(flag)) {
      context.issues.error('DIB_BLOCKDEV_FLAG', pointer, {
        summary: `unknown flag ${quoted(flag)} of ${title(item)}`,
        help: suggestion(flag, known),
      });
    } else if (label === 'gpt' && flag === 'primary') {
      context.issues.error('DIB_BLOCKDEV_FLAG', pointer, {
        summary: `the flag \`primary\` of ${title(item)} is only for mbr`,
        detail: 'All partitions of a gpt are alike.',
        help: 'remove it',
      });
    } else if (label === 'gpt' && flag === 'boot') {
      context.issues.warn('DIB_BLOCKDEV_FLAG_IGNORED', pointer, {
        summary: `the flag \`boot\` of ${title(item)} has no effect on gpt`,
        help: 'remove it; the type says what a gpt partition is for (`EF00` EFI system, `EF02` BIOS boot)',
      });
    }
  }
  return flags;
}

function readPartition(
  context: ParseContext,
  item: Item,
  label: TableLabel,
  flags: readonly string[],
  mbrUuid: string | undefined,
): Partition {
  if (label === 'gpt' && item.named && item.name.length > GPT_NAME) {
    context.issues.error('DIB_BLOCKDEV_NAME', pointerOf(item, 'name'), {
      summary: `\`name\` of ${title(item)} is too long for gpt: ${item.name.length} > ${GPT_NAME} characters`,
      help: 'shorten it',
    });
  }
  const { base, table } = { base: item.values['base'], table: item.owner };
  if (typeof base === 'string' && table?.base !== undefined && base !== table.base) {
    context.issues.error('DIB_BLOCKDEV_BASE_KIND', pointerOf(item, 'base'), {
      summary: `\`base\` of ${title(item)} is ${quoted(base)}, but its table is on ${quoted(table.base)}`,
      help: 'remove it: a partition is on the disk of its table',
    });
  }
  const size = readPartitionSize(context, item);
  const type = label === 'mbr' ? readMbrType(context, item) : readGptType(context, item);
  const address = `partition.${item.name}`;
  return {
    plugin: 'partition',
    name: item.name,
    pointer: item.pointer,
    base: table?.base ?? '',
    size: size.size,
    sizeText: size.text,
    type: type.type,
    typeText: type.text,
    boot: flags.includes('boot') && label === 'mbr',
    primary: flags.includes('primary'),
    uuid:
      mbrUuid === undefined
        ? (readUuid(context, item, 'uuid') ?? deterministicUuid(context.imageName, address))
        : noUuid(context, item, mbrUuid),
  };
}

function noUuid(context: ParseContext, item: Item, derived: string): string {
  if (item.values['uuid'] !== undefined) {
    context.issues.error('DIB_BLOCKDEV_UUID', pointerOf(item, 'uuid'), {
      summary: `${title(item)} cannot have a \`uuid\`: an mbr has no room for it`,
      detail: "Linux derives the PARTUUID of an mbr partition from the disk's signature and the partition's number.",
      help: 'set `uuid: 0x1a2b3c4d` of the partitioning, or use `label: gpt`',
      part: 'key',
    });
  }
  return derived;
}

function readPartitionSize(context: ParseContext, item: Item): { readonly size: PartitionSize; readonly text: string } {
  const none = { size: { bytes: MIB }, text: '' };
  if (item.values['size'] === undefined) {
    missingKey(
      context,
      item,
      'size',
      'add `size: 100%` for all that is left, `size: 1GiB`, or `size: auto` for as small as its content allows',
    );
    return none;
  }
  const text = readSizeText(context, item, 'size');
  if (text === undefined) return none;
  if (text === 'auto') return { size: 'auto', text };
  const result = parseRelativeSize(text);
  if (!('problem' in result)) return { size: result, text };
  sizeProblem(context, item, 'size', result.problem);
  return none;
}

const GUID = /^[0-9A-F]{8}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{12}$/;

function readGptType(context: ParseContext, item: Item): { readonly type: string; readonly text: string } {
  const linux = { type: GPT_TYPE_CODES.get('8300') as string, text: '8300' };
  const help =
    "write one of sgdisk's codes in quotes, such as `'8300'` (Linux), `'EF00'` (EFI system), `'EF02'` (BIOS boot), `'8200'` (swap), or a full GUID";
  const value = item.values['type'];
  if (value === undefined) return linux;
  const text = typeof value === 'number' ? numericType(context, item, value, help) : readString(context, item, 'type', help);
  if (text === undefined) return linux;
  const upper = text.toUpperCase();
  if (GUID.test(upper) && !/^[0-]+$/.test(upper)) return { type: upper, text };
  const code = upper.replace(/^0X/, '');
  const known = GPT_TYPE_CODES.get(code);
  if (known !== undefined) return { type: known, text };
  context.issues.error('DIB_BLOCKDEV_PARTITION_TYPE', pointerOf(item, 'type'), {
    summary: `\`type\` of ${title(item)}: ${quoted(text)} is not a known gpt partition type`,
    help:
      /^[0-9A-F]{2}$/.test(code) && GPT_TYPE_CODES.has(`${code}00`)
        ? `did you mean \`${code}00\`? Codes of gpt have four digits`
        : help,
  });
  return linux;
}

/** YAML reads `type: 8300` as a number. What was meant is what was written, unless YAML 1.1 and 1.2 disagree about it. */
function numericType(context: ParseContext, item: Item, value: number, help: string): string | undefined {
  const pointer = pointerOf(item, 'type');
  const text = context.sourceText(pointer) ?? String(value);
  if (/^0[0-9]+$/.test(text) || /^0[xo]/i.test(text)) {
    context.issues.error('DIB_BLOCKDEV_TYPE_OCTAL', pointer, {
      summary: `\`type\` of ${title(item)}: ${quoted(text)} without quotes is a number to YAML, and not the same number to every reader`,
      detail: `YAML 1.1, and so diskimage-builder, reads it as ${yaml11Number(text)}, YAML 1.2 as ${value}; meant is the code ${quoted(text)}.`,
      help: `put it in quotes: \`type: '${text}'\``,
    });
    return undefined;
  }
  if (/^[0-9a-f]{4}$/i.test(text)) return text;
  context.issues.error('DIB_BLOCKDEV_PARTITION_TYPE', pointer, {
    summary: `\`type\` of ${title(item)}: ${quoted(text)} is not a known gpt partition type`,
    help,
  });
  return undefined;
}

/** The number that YAML 1.1 (PyYAML) makes of digits with a leading zero. */
function yaml11Number(text: string): string {
  if (/^0[0-7]+$/.test(text)) return String(Number.parseInt(text, 8));
  return /^0x/i.test(text) ? String(Number.parseInt(text, 16)) : 'a string';
}

function readMbrType(context: ParseContext, item: Item): { readonly type: string; readonly text: string } {
  const linux = { type: '83', text: '83' };
  const help = "write two hexadecimal digits in quotes, such as `'83'` (Linux), `'82'` (swap), `'ef'` (EFI system)";
  const value = item.values['type'];
  if (value === undefined) return linux;
  if (typeof value === 'number') {
    const text = context.sourceText(pointerOf(item, 'type')) ?? String(value);
    context.issues.error(
      /^0[0-9xo]/i.test(text) ? 'DIB_BLOCKDEV_TYPE_OCTAL' : 'DIB_BLOCKDEV_PARTITION_TYPE',
      pointerOf(item, 'type'),
      {
        summary: `\`type\` of ${title(item)}: ${quoted(text)} without quotes is a number; types of an mbr are strings of hexadecimal digits`,
        help: `put it in quotes: \`type: '${text}'\``,
      },
    );
    return linux;
  }
  const text = readString(context, item, 'type', help);
  if (text === undefined) return linux;
  const digits = text.toLowerCase().replace(/^0x/, '');
  const extended = ['05', '5', '0f', 'f', '85'].includes(digits);
  if (/^[0-9a-f]{1,2}$/.test(digits) && Number.parseInt(digits, 16) !== 0 && !extended)
    return { type: digits.padStart(2, '0'), text };
  const gpt = GPT_TYPE_CODES.has(digits.toUpperCase())
    ? `${quoted(text)} is a type of gpt; for mbr, did you mean ${quoted(digits.slice(0, 2))}?`
    : help;
  context.issues.error('DIB_BLOCKDEV_PARTITION_TYPE', pointerOf(item, 'type'), {
    summary: `\`type\` of ${title(item)}: ${quoted(text)} is not an mbr partition type`,
    help: extended
      ? 'leave the flag `primary` out: the partition becomes a logical one, and dib makes the extended partition itself'
      : gpt,
  });
  return linux;
}
