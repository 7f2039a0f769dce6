import { createHash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  realpathSync,
  type Stats,
  statSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, join, resolve, sep } from 'node:path';
import type { SourceRange } from '../diagnostics/diagnostic.ts';
import { quoted, quotedPath } from '../diagnostics/printable.ts';
import { didYouMean } from '../diagnostics/suggest.ts';
import { jsonDigest } from '../util/hash.ts';
import { type Declaration, declaredAs } from './declarations.ts';
import { compareBytes } from './order.ts';
import { type Problems, systemMessage } from './problems.ts';

/** A file or directory of the builder that a variable of type `path` names. */
export interface InputFile {
  /** Absolute path on the builder, symbolic links resolved. */
  readonly path: string;
  /** SHA-256: of a file its bytes; of a directory the list of what is in it, with modes and digests. */
  readonly sha256: string;
}

/** What is below an input directory. */
export interface InputEntry {
  /** Path below the directory, with `/`. */
  readonly path: string;
  readonly type: 'directory' | 'file' | 'link';
  /** Permissions without those that a umask decides: nobody but the owner writes, no set-user-id and the like. Of a link 0. */
  readonly mode: number;
  /** Digest of a file's bytes, or the target of a link. */
  readonly content: string;
}

/** What `inputFiles` needs to know of an image. */
export interface InputRequest {
  /** Directory of image.yaml: relative paths start there, those with `~/` in the home directory. */
  readonly imageDirectory: string;
  /** Values of variables. */
  readonly environment: Readonly<Record<string, string>>;
  /** Place in image.yaml of a variable. */
  readonly locate?: ((name: string) => SourceRange | undefined) | undefined;
}

/** Variables that have been paths before elements could say so. The second of devuser may hold the keys themselves. */
const PATH_VARIABLES: readonly string[] = ['DIB_DEV_USER_AUTHORIZED_KEYS'];

/** Public keys in the variable itself: a type, a blank and more. */
const LITERAL_KEYS = /^(ssh-|ecdsa-|sk-)\S+\s+\S/;

/** Those among the variables that elements declare to be of type `path`, sorted. */
export function pathVariables(declarations: readonly Declaration[], names: readonly string[]): string[] {
  const isPath = (name: string): boolean => declaredAs(name, declarations).some(({ variable }) => variable.type === 'path');
  return [...new Set([...PATH_VARIABLES, ...names.filter(isPath)])].sort(compareBytes);
}

/** Finds the files and directories that variables name and digests what is in them. */
export function inputFiles(
  variables: readonly string[],
  request: InputRequest,
  problems: Problems,
): Readonly<Record<string, InputFile>> {
  const files: Record<string, InputFile> = {};
  for (const variable of variables) {
    const value = request.environment[variable];
    if (value === undefined || value === '' || LITERAL_KEYS.test(value)) continue;
    const named = resolve(request.imageDirectory, value.replace(/^~(?=\/)/, homedir()));
    const range = request.locate?.(variable);
    try {
      const path = realpathSync(named);
      if (statSync(path).isDirectory() && holdsImage(path, request.imageDirectory)) {
        problems.error({
          code: 'DIB_ELEMENT_INPUT_FILE',
          summary: `${quoted(variable)} names a directory that holds \`image.yaml\` itself: ${quotedPath(named)}`,
          detail: 'Whatever dib writes there would become part of the image, and each run would find it changed.',
          help: `Put what belongs into the image in a directory of its own, such as ${quotedPath(join(named, 'files'))}.`,
          range,
        });
      } else files[variable] = { path, sha256: inputDigest(path) };
    } catch (error) {
      problems.error({
        code: 'DIB_ELEMENT_INPUT_FILE',
        summary: `${quoted(variable)} names a file that cannot be read: ${quotedPath(named)}`,
        detail: systemMessage(error),
        help: `${nearName(named)}A relative path starts from the directory of \`image.yaml\`.`,
        range,
      });
    }
  }
  return files;
}

function holdsImage(directory: string, imageDirectory: string): boolean {
  const image = existsSync(imageDirectory) ? realpathSync(imageDirectory) : imageDirectory;
  return `${image}${sep}`.startsWith(directory === sep ? sep : `${directory}${sep}`);
}

function nearName(path: string): string {
  const directory = dirname(path);
  if (existsSync(path) || !existsSync(directory)) return '';
  const near = didYouMean(basename(path), readdirSync(directory).sort());
  return near === undefined ? '' : `Did you mean ${quotedPath(near)}? `;
}

function inputDigest(path: string): string {
  const status = statSync(path);
  if (!status.isDirectory()) return fileDigest(path, status);
  return jsonDigest(inputEntries(path).map((entry) => [entry.path, entry.type, entry.mode, entry.content]));
}

/**
 * All that is below an input directory, parents first, in the order of bytes. Symbolic links are kept as they are: what they say is a
 * path of the image. Throws for what is neither file, directory nor link, and for what cannot be read.
 */
export function inputEntries(directory: string): InputEntry[] {
  const entries: InputEntry[] = [];
  const walk = (below: string): void => {
    for (const name of readdirSync(join(directory, below)).sort(compareBytes)) {
      const path = below === '' ? name : `${below}/${name}`;
      const full = join(directory, path);
      const status = lstatSync(full);
      const mode = status.mode & 0o755;
      if (status.isSymbolicLink()) entries.push({ path, type: 'link', mode: 0, content: readlinkSync(full) });
      else if (status.isDirectory()) {
        entries.push({ path, type: 'directory', mode, content: '' });
        walk(path);
      } else entries.push({ path, type: 'file', mode, content: fileDigest(full, status) });
    }
  };
  walk('');
  return entries;
}

/** Bytes that are read at once. */
const CHUNK = 1 << 20;

function fileDigest(path: string, status: Stats): string {
  if (!status.isFile()) throw new Error(`${path} is neither a file nor a directory`);
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(Math.min(CHUNK, Math.max(1, status.size)));
  const file = openSync(path, 'r');
  try {
    for (let length = readSync(file, buffer); length > 0; length = readSync(file, buffer))
      hash.update(buffer.subarray(0, length));
  } finally {
    closeSync(file);
  }
  return hash.digest('hex');
}
