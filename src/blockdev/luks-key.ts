import type { KeySource } from './devices.ts';
import { missingKey, type ParseContext, pointerOf } from './fields.ts';
import type { NodeKind } from './grammar.ts';
import { type Issues, member } from './issues.ts';
import { type Item, isObject, title } from './item.ts';

const WRITE =
  'write `key: {file: unlock.key}` (a file beside image.yaml), `key: {env: UNLOCK_KEY}` (an environment variable) or `key: prompt`';
const SECRET = /pass(?:phrase|word|wd|code)?$|secret|^pin$|^key_?(?:data|text|string|material)$/i;
const FILE = /^(?:key|pass(?:phrase|word))[_-]?(?:file|path)$/i;
const ENV = /^(?:key|pass(?:phrase|word))[_-]?env(?:ironment)?$/i;

/** Whether what stands under an unknown key is likely to be a passphrase, or says where one is. */
export function isSecretKey(kind: NodeKind, key: string): boolean {
  return SECRET.test(key) || (kind === 'luks' && (FILE.test(key) || ENV.test(key)));
}

/** Tells an unknown key of which isSecretKey is true. Its value is shown nowhere. */
export function reportSecret(issues: Issues, item: Item, key: string): void {
  const pointer = pointerOf(item, key);
  if (FILE.test(key) || ENV.test(key)) {
    issues.error('DIB_BLOCKDEV_UNKNOWN_KEY', pointer, {
      summary: `unknown key \`${key}\` in ${title(item)}`,
      help: FILE.test(key) ? 'write `key: {file: unlock.key}`' : 'write `key: {env: UNLOCK_KEY}`',
      part: 'key',
    });
    return;
  }
  secret(issues, pointer, item, `\`${key}\``);
}

function secret(issues: Issues, pointer: string, item: Item, what: string): void {
  issues.error('DIB_BLOCKDEV_SECRET', pointer, {
    summary: `${what} of ${title(item)} holds a key or passphrase`,
    detail: 'Whoever reads image.yaml, its history or a log could open the image. The value is not shown here.',
    help: item.kind === 'luks' ? WRITE : 'remove it; encrypted containers are made by `luks`',
    sensitive: true,
  });
}

/** Where the key of a container comes from; a stand-in after an error. No diagnostic shows what stands there. */
export function readKey(context: ParseContext, item: Item): KeySource {
  const { issues } = context;
  const value = item.values['key'];
  const pointer = pointerOf(item, 'key');
  const none: KeySource = { from: 'prompt' };
  if (value === 'prompt') return none;
  if (value === undefined) {
    // A key that was given in another way has been told as such.
    if (!Object.keys(item.values).some((key) => isSecretKey('luks', key))) missingKey(context, item, 'key', WRITE);
    return none;
  }
  if (value === null || typeof value === 'boolean' || Array.isArray(value)) {
    issues.error(value === null ? 'DIB_BLOCKDEV_MISSING_VALUE' : 'DIB_BLOCKDEV_KEY', pointer, {
      summary:
        value === null
          ? `\`key\` of ${title(item)} has no value`
          : `\`key\` of ${title(item)} does not say where the key comes from`,
      help: WRITE,
      part: value === null ? 'key' : 'value',
      sensitive: value !== null,
    });
    return none;
  }
  if (!isObject(value)) {
    secret(issues, pointer, item, '`key`');
    return none;
  }
  return readSource(issues, item, pointer, value) ?? none;
}

function readSource(
  issues: Issues,
  item: Item,
  pointer: string,
  value: Readonly<Record<string, unknown>>,
): KeySource | undefined {
  const keys = Object.keys(value);
  const unknown = keys.find((key) => key !== 'file' && key !== 'env');
  if (unknown !== undefined) {
    if (SECRET.test(unknown)) secret(issues, pointer, item, '`key`');
    else {
      issues.error('DIB_BLOCKDEV_KEY', pointer, {
        summary: `\`key\` of ${title(item)} has a source that dib does not know`,
        help: WRITE,
        sensitive: true,
      });
    }
    return undefined;
  }
  if (keys.length !== 1) {
    issues.error('DIB_BLOCKDEV_KEY_SOURCES', pointer, {
      summary: `\`key\` of ${title(item)} has ${keys.length === 0 ? 'no source' : 'two sources: `file` and `env`'}`,
      help: WRITE,
      part: 'key',
    });
    return undefined;
  }
  const source = keys[0] as 'file' | 'env';
  const text = value[source];
  if (source === 'file' && typeof text === 'string' && text !== '' && !/[\x00-\x1f\x7f]/.test(text))
    return { from: 'file', path: text };
  if (source === 'env' && typeof text === 'string' && text.startsWith('DIB_')) {
    issues.error('DIB_BLOCKDEV_KEY_VARIABLE', member(pointer, source), {
      summary: `\`key\` of ${title(item)}: variables that begin with \`DIB_\` cannot hold keys`,
      detail: "They are diskimage-builder's: part of the configuration, shown in plans and given to hooks.",
      help: 'use another name, such as `key: {env: UNLOCK_KEY}`',
    });
    return undefined;
  }
  if (source === 'env' && typeof text === 'string' && /^[A-Za-z_][A-Za-z0-9_]*$/.test(text)) return { from: 'env', name: text };
  issues.error('DIB_BLOCKDEV_KEY', member(pointer, source), {
    summary: `\`key\` of ${title(item)}: \`${source}\` must be ${source === 'file' ? 'the path of a file' : 'the name of an environment variable'}`,
    detail: 'What stands there is not shown, in case it is the key itself.',
    help:
      source === 'file' ? 'write `key: {file: unlock.key}`' : 'write letters, digits and `_`, such as `key: {env: UNLOCK_KEY}`',
    sensitive: true,
  });
  return undefined;
}
