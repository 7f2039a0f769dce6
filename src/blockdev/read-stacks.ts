import { quoted } from '../diagnostics/printable.ts';
import type { Luks, Raid, RaidLevel } from './devices.ts';
import {
  missingKey,
  type ParseContext,
  pointerOf,
  readChoice,
  readInteger,
  readOptions,
  readSize,
  readString,
  readUuid,
  readWords,
} from './fields.ts';
import { deterministicUuid } from './identifiers.ts';
import { type Item, isList, title } from './item.ts';
import { readKey } from './luks-key.ts';
import { FEWEST_MEMBERS } from './raid-layout.ts';
import { exactSize, KIB } from './sizes.ts';

/** Bytes of the label in a LUKS2 header, without the final NUL (LUKS2 on-disk format, `label`). */
const LUKS_LABEL = 47;
/** What the identifier that cryptsetup gives the device, `CRYPT-LUKS2-<32 digits>-<name>`, leaves of device-mapper's DM_UUID_LEN (129 with NUL). */
const MAPPER_NAME = 83;
const CHUNK = 512;
/** mdadm(8) since 4.3: the set name of metadata 1.x, in POSIX's portable characters. */
const ARRAY_NAME = /^[A-Za-z0-9._-]{1,32}$/;

export function readLuks(context: ParseContext, item: Item): Luks {
  const cipher = readCipher(context, item);
  const keySize = Number(
    readChoice(context, item, 'key_size', ['128', '192', '256', '384', '512'], 'DIB_BLOCKDEV_KEY_SIZE') ??
      (cipher.includes('-xts') ? '512' : '256'),
  );
  checkKeySize(context, item, cipher, keySize);
  checkMapperName(context, item);
  return {
    plugin: 'luks',
    name: item.name,
    pointer: item.pointer,
    base: item.base ?? '',
    mapper: item.name,
    uuid: readUuid(context, item, 'uuid') ?? deterministicUuid(context.imageName, `luks.${item.name}`),
    label: readLabel(context, item),
    key: readKey(context, item),
    cipher,
    keySize,
    pbkdf: readChoice(context, item, 'pbkdf', ['argon2id', 'argon2i', 'pbkdf2'] as const, 'DIB_BLOCKDEV_PBKDF') ?? 'argon2id',
    iterTime: readInteger(context, item, 'iter_time', [100, 60_000]) ?? 2000,
    pbkdfMemory: readInteger(context, item, 'pbkdf_memory', [32, 4_194_304]) ?? 65_536,
    options: readCrypttabOptions(context, item),
  };
}

function readCipher(context: ParseContext, item: Item): string {
  const fallback = 'aes-xts-plain64';
  const help = `write \`cipher: ${fallback}\`, or leave it out`;
  const text = readString(context, item, 'cipher', help);
  if (text === undefined || /^[a-z0-9]+(?:[-:,][a-z0-9:()]+)*$/.test(text)) return text ?? fallback;
  context.issues.error('DIB_BLOCKDEV_CIPHER', pointerOf(item, 'cipher'), {
    summary: `\`cipher\` of ${title(item)}: ${quoted(text)} is not the name of a cipher`,
    help,
  });
  return fallback;
}

function checkKeySize(context: ParseContext, item: Item, cipher: string, bits: number): void {
  // XTS takes two keys of equal length.
  if (!cipher.includes('-xts') || bits >= 256) return;
  context.issues.error('DIB_BLOCKDEV_KEY_SIZE', pointerOf(item, 'key_size'), {
    summary: `${title(item)}: ${quoted(cipher)} takes two keys, so \`key_size\` is 256, 384 or 512, not ${bits}`,
    help: 'leave it out for 512',
  });
}

function checkMapperName(context: ParseContext, item: Item): void {
  if (!item.named) return;
  const fault =
    item.name === 'control'
      ? 'is the name of the control device of device-mapper'
      : item.name.length > MAPPER_NAME
        ? `is longer than ${MAPPER_NAME} characters`
        : undefined;
  if (fault === undefined) return;
  context.issues.error('DIB_BLOCKDEV_MAPPER_NAME', item.values['name'] === undefined ? item.pointer : pointerOf(item, 'name'), {
    summary: `${quoted(item.name)} cannot be a name below /dev/mapper: it ${fault}`,
    help: 'give the luks another `name`, such as `crypt_root`',
    part: item.values['name'] === undefined ? 'key' : 'value',
  });
}

function readLabel(context: ParseContext, item: Item): string {
  const written = item.values['label'] !== undefined;
  const help = 'put it in quotes, or leave it out';
  // A name may be longer than a label: it is cut, since nothing goes by it.
  const label = written ? (readString(context, item, 'label', help) ?? '') : item.name.slice(0, LUKS_LABEL);
  if (!written) return label;
  const length = Buffer.byteLength(label);
  if (length > LUKS_LABEL) {
    context.issues.error('DIB_BLOCKDEV_LABEL_TOO_LONG', pointerOf(item, 'label'), {
      summary: `the label ${quoted(label)} of ${title(item)} is too long for LUKS2: ${length} > ${LUKS_LABEL} bytes`,
      help: 'shorten it',
    });
  } else if (/[\x00-\x1f\x7f]/.test(label)) {
    context.issues.error('DIB_BLOCKDEV_LABEL', pointerOf(item, 'label'), {
      summary: `the label ${quoted(label)} of ${title(item)} has control characters in it`,
      help: 'use letters, digits, `-` and `_`',
    });
  }
  return label;
}

function readCrypttabOptions(context: ParseContext, item: Item): readonly string[] {
  const options = readWords(context, item, 'options', /,/, 'separate them by commas: `options: discard,no-read-workqueue`') ?? [];
  const wrong = options.find((option) => /[\s\x00-\x1f\x7f,]/.test(option));
  if (wrong !== undefined) {
    context.issues.error('DIB_BLOCKDEV_OPTIONS', pointerOf(item, 'options'), {
      summary: `the option ${quoted(wrong)} of ${title(item)} has white space or commas in it`,
      help: 'separate options by commas, without spaces: `discard,no-read-workqueue`',
    });
  }
  return options;
}

export function readRaid(context: ParseContext, item: Item): Raid {
  checkArrayName(context, item);
  const level = readLevel(context, item);
  if (level !== undefined) checkMembers(context, item, level);
  return {
    plugin: 'raid',
    name: item.name,
    pointer: item.pointer,
    base: item.bases.map(({ name }) => name),
    level: level ?? 1,
    uuid: readArrayUuid(context, item) ?? deterministicUuid(context.imageName, `raid.${item.name}`),
    chunk: readChunk(context, item, level),
    metadata: readMetadata(context, item),
    options: readOptions(context, item),
  };
}

function checkArrayName(context: ParseContext, item: Item): void {
  if (!item.named || ARRAY_NAME.test(item.name)) return;
  context.issues.error('DIB_BLOCKDEV_RAID_NAME', pointerOf(item, 'name'), {
    summary: `${quoted(item.name)} cannot be the name of an array: mdadm takes at most 32 letters, digits, \`_\`, \`-\` and \`.\``,
    help: 'choose another name, such as `md0`',
  });
}

function readLevel(context: ParseContext, item: Item): RaidLevel | undefined {
  const help = 'add `level: 1`; dib makes 0, 1, 5, 6 and 10';
  if (item.values['level'] === undefined) return missingKey(context, item, 'level', help);
  const text = readChoice(context, item, 'level', ['0', '1', '5', '6', '10'], 'DIB_BLOCKDEV_RAID_LEVEL');
  return text === undefined ? undefined : (Number(text) as RaidLevel);
}

function checkMembers(context: ParseContext, item: Item, level: RaidLevel): void {
  const fewest = FEWEST_MEMBERS[level];
  const count = item.bases.length;
  // A base of the wrong type has been told.
  const { base } = item.values;
  if (count >= fewest || (base !== undefined && !isList(base) && typeof base !== 'string')) return;
  context.issues.error('DIB_BLOCKDEV_RAID_MEMBERS', base === undefined ? item.pointer : pointerOf(item, 'base'), {
    summary: `${title(item)} has ${count === 0 ? 'no members' : count === 1 ? 'one member' : `${count} members`}; level ${level} needs at least ${fewest}`,
    detail: 'Levels 0, 1 and 10 need 2 members, level 5 needs 3, level 6 needs 4.',
    help: `write \`raid_member: {raid: ${item.named ? item.name : 'md0'}}\` below each member, or \`base:\` with a list of devices`,
    part: base === undefined ? 'key' : 'value',
  });
}

function readChunk(context: ParseContext, item: Item, level: RaidLevel | undefined): number {
  if (item.values['chunk'] === undefined) return CHUNK;
  const bytes = readSize(context, item, 'chunk');
  if (bytes === undefined) return CHUNK;
  if (level === 1) {
    context.issues.warn('DIB_BLOCKDEV_CHUNK_IGNORED', pointerOf(item, 'chunk'), {
      summary: `\`chunk\` of ${title(item)} has no effect: level 1 has no stripes`,
      help: 'remove it',
      part: 'key',
    });
    return CHUNK;
  }
  if (bytes >= 4 * KIB && bytes <= 64 * KIB ** 2 && Number.isInteger(Math.log2(bytes))) return bytes / KIB;
  context.issues.error('DIB_BLOCKDEV_CHUNK', pointerOf(item, 'chunk'), {
    summary: `\`chunk\` of ${title(item)} must be a power of two from 4 KiB to 64 MiB, not \`${exactSize(bytes)}\``,
    help: 'write `chunk: 512KiB`, or leave it out',
  });
  return CHUNK;
}

function readMetadata(context: ParseContext, item: Item): Raid['metadata'] {
  // YAML reads 1.0 without quotes as the number 1.
  if (item.values['metadata'] === 1) return '1.0';
  return readChoice(context, item, 'metadata', ['1.2', '1.0'] as const, 'DIB_BLOCKDEV_RAID_METADATA') ?? '1.2';
}

/** As any UUID, or as mdadm writes it: four groups of eight digits with colons between them. */
function readArrayUuid(context: ParseContext, item: Item): string | undefined {
  const text = item.values['uuid'];
  if (typeof text !== 'string' || !/^[0-9a-f]{8}(?::[0-9a-f]{8}){3}$/i.test(text)) return readUuid(context, item, 'uuid');
  const digits = text.toLowerCase().replaceAll(':', '');
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
