import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { KeySource, Luks } from '../blockdev/devices.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { quoted, quotedPath } from '../diagnostics/printable.ts';
import { secretFingerprint } from './secrets.ts';

/** A container as far as its key is concerned. */
export type KeyOwner = Pick<Luks, 'name' | 'key'>;

/** A key that was looked for. */
export interface FoundKey {
  /** Absent: it is not there, as the one error among the diagnostics says; or the user has to be asked. */
  readonly bytes?: Uint8Array | undefined;
  readonly diagnostics: readonly Diagnostic[];
}

/** Fingerprints of keys, by name of the container. */
export type KeyFingerprints = Readonly<Record<string, string>>;

/** What cryptsetup(8) reads of a key file at most: the maximum that it is built with. */
const LONGEST_KEY = 8 * 1024 * 1024;
/** Longer keys are files of random bytes, which nobody types. */
const LONGEST_TYPED = 512;
/** Any passphrase opens a container that was made with one that was typed. */
const PROMPT = 'prompt';

/** Looks for the key of a container where image.yaml says. One that is asked for on the terminal is not looked for. */
export async function findKey(
  { name, key }: KeyOwner,
  imageDirectory: string,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<FoundKey> {
  const address = `luks.${name}`;
  switch (key.from) {
    case 'prompt':
      return { diagnostics: [] };
    case 'env':
      return fromVariable(key.name, address, environment[key.name]);
    case 'file':
      return await fromFile(resolve(imageDirectory, key.path), address);
  }
}

/**
 * Fingerprints of all keys that are at hand; of the others what an earlier run found. What is wrong with a key comes as warnings: only making or opening
 * its container needs it.
 */
export async function keyFingerprints(
  owners: readonly KeyOwner[],
  imageDirectory: string,
  earlier: KeyFingerprints,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<{ readonly fingerprints: KeyFingerprints; readonly warnings: readonly Diagnostic[] }> {
  const fingerprints: Record<string, string> = {};
  const warnings: Diagnostic[] = [];
  for (const owner of owners) {
    const { bytes, diagnostics } = await findKey(owner, imageDirectory, environment);
    warnings.push(...asWarnings(diagnostics));
    const fingerprint = bytes === undefined ? earlierFingerprint(owner, earlier) : keyFingerprint(owner, bytes);
    if (fingerprint !== undefined) fingerprints[owner.name] = fingerprint;
  }
  return { fingerprints, warnings };
}

/** What is wrong with the keys of containers, for those who do not need them yet. */
export async function keyWarnings(owners: readonly KeyOwner[], imageDirectory: string): Promise<readonly Diagnostic[]> {
  const found = await Promise.all(owners.map((owner) => findKey(owner, imageDirectory)));
  return found.flatMap(({ diagnostics }) => asWarnings(diagnostics));
}

function asWarnings(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  return diagnostics.map((diagnostic) => ({ ...diagnostic, severity: 'warning' }));
}

/** Stands for a key in plans and the state: another key has another one. What is asked for has the same for all keys. */
export function keyFingerprint({ name, key }: KeyOwner, bytes: Uint8Array): string {
  return key.from === 'prompt' ? PROMPT : secretFingerprint(`luks.${name}`, Buffer.from(bytes).toString('latin1'));
}

function earlierFingerprint({ name, key }: KeyOwner, earlier: KeyFingerprints): string | undefined {
  if (key.from === 'prompt') return PROMPT;
  return earlier[name] === PROMPT ? undefined : earlier[name];
}

function fromVariable(variable: string, address: string, value: string | undefined): FoundKey {
  const source: KeySource = { from: 'env', name: variable };
  if (value !== undefined) return checked(Buffer.from(value), source, `The environment variable ${quoted(variable)}`, address);
  return missing(address, {
    code: 'DIB_LUKS_KEY_UNSET',
    summary: `The environment variable ${quoted(variable)} with the key of ${quoted(address)} is not set`,
    help: `Set it for dib alone, such as \`${variable}=... dib apply\`; with sudo, \`sudo --preserve-env=${variable} dib apply\`.`,
  });
}

async function fromFile(path: string, address: string): Promise<FoundKey> {
  const shown = quotedPath(path);
  try {
    // Without O_NONBLOCK a named pipe would be waited for.
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stats = await handle.stat();
      if (!stats.isFile()) return missing(address, notAFile(shown, address));
      const bytes = Buffer.alloc(Math.min(stats.size, LONGEST_KEY + 1));
      const { bytesRead } = await handle.read(bytes, 0, bytes.length, 0);
      const source: KeySource = { from: 'file', path };
      const found = checked(bytes.subarray(0, bytesRead), source, `The key file ${shown}`, address);
      return (stats.mode & 0o077) === 0 ? found : { ...found, diagnostics: [...found.diagnostics, readable(path, address)] };
    } finally {
      await handle.close();
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    const gone = code === 'ENOENT' || code === 'ENOTDIR';
    return missing(address, {
      code: 'DIB_LUKS_KEY_MISSING',
      summary: gone
        ? `The key file ${shown} of ${quoted(address)} does not exist`
        : `The key file ${shown} of ${quoted(address)} cannot be read: ${code}`,
      help: gone
        ? `Make one, such as \`(umask 077; openssl rand -base64 24 | tr -d '\\n' >${path})\`, and keep it out of version control.`
        : 'Run dib as a user who may read it.',
    });
  }
}

function notAFile(shown: string, address: string): Omit<Diagnostic, 'severity' | 'address'> {
  return {
    code: 'DIB_LUKS_KEY_MISSING',
    summary: `The key file ${shown} of ${quoted(address)} is not a file`,
    help: 'Give the path of a file with the key.',
  };
}

function readable(path: string, address: string): Diagnostic {
  return {
    code: 'DIB_LUKS_KEY_READABLE',
    severity: 'warning',
    summary: `The key file ${quotedPath(path)} of ${quoted(address)} can be read by other users of this machine`,
    detail: 'Whoever has the key can open the image.',
    help: `Run \`chmod 600 ${path}\`.`,
    address,
  };
}

/** A key that is there, with what may be wrong about it. */
function checked(bytes: Buffer, source: KeySource, what: string, address: string): FoundKey {
  if (bytes.length === 0) {
    return missing(address, {
      code: 'DIB_LUKS_KEY_EMPTY',
      summary: `${what} with the key of ${quoted(address)} is empty`,
      detail: 'An empty key would protect nothing.',
      help: 'Put the key there.',
    });
  }
  if (bytes.length > LONGEST_KEY) {
    return missing(address, {
      code: 'DIB_LUKS_KEY_TOO_LONG',
      summary: `${what} with the key of ${quoted(address)} is longer than 8 MiB`,
      detail: 'cryptsetup reads no longer keys.',
      help: 'Give a shorter key: 64 random bytes are enough.',
    });
  }
  const line = source.from === 'file' && bytes.length <= LONGEST_TYPED && /^[^\n]+\n$/.test(bytes.toString('latin1'));
  return { bytes, diagnostics: line ? [endsWithNewline(what, address)] : [] };
}

function endsWithNewline(what: string, address: string): Diagnostic {
  return {
    code: 'DIB_LUKS_KEY_NEWLINE',
    severity: 'warning',
    summary: `${what} of ${quoted(address)} ends with a line feed, which is part of the key`,
    detail: 'Typed on the console of the image, where the line feed only ends the input, the passphrase will not open it.',
    help: "Write the file without it, such as with `printf %s 'passphrase'`, unless the image is opened with the file.",
    address,
  };
}

function missing(address: string, diagnostic: Omit<Diagnostic, 'severity' | 'address'>): FoundKey {
  return { diagnostics: [{ severity: 'error', ...diagnostic, address }] };
}
