import { isUtf8 } from 'node:buffer';
import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Checked, Diagnostic } from '../diagnostics/diagnostic.ts';
import { printable, quoted } from '../diagnostics/printable.ts';
import { SourceText } from '../diagnostics/source-text.ts';
import { YAML_LIMITS } from './yaml/limits.ts';

type Problem = Pick<Diagnostic, 'code' | 'summary' | 'detail' | 'help' | 'range'>;

function failed(problem: Problem): Checked<SourceText> {
  return { diagnostics: [{ severity: 'error', ...problem }] };
}

/** Reads a configuration file. What can go wrong comes back as a diagnostic. `file`: as the user wrote it, or absolute. */
export async function readSource(file: string): Promise<Checked<SourceText>> {
  if (file.includes('\0') || file === '') {
    return failed({ code: 'DIB_CONFIG_NOT_FOUND', summary: `${quoted(file, 200)} is not the name of a file` });
  }
  try {
    const status = await stat(file);
    if (status.isDirectory()) return failed(await directoryProblem(file));
    if (!status.isFile()) {
      return failed({
        code: 'DIB_CONFIG_NOT_A_FILE',
        summary: `${quoted(file, 200)} is not a regular file`,
        help: 'Give the path of an image.yaml.',
      });
    }
    if (status.size > YAML_LIMITS.bytes) return failed(tooLarge(file, status.size));
    const bytes = await readFile(file);
    // It may have grown since.
    if (bytes.length > YAML_LIMITS.bytes) return failed(tooLarge(file, bytes.length));
    return decodeSource(bytes, path.resolve(file));
  } catch (error) {
    return failed(await unreadable(file, error as NodeJS.ErrnoException));
  }
}

/** Bytes as text; UTF-8 or nothing. */
export function decodeSource(bytes: Uint8Array, file: string): Checked<SourceText> {
  if (isUtf8(bytes)) {
    return { value: new SourceText(file, new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)), diagnostics: [] };
  }
  // What is read up to the first wrong byte is right; so that its place has a line and a column.
  const before = validPrefix(bytes);
  const lossy = new SourceText(file, new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes));
  const utf16 = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
  return failed({
    code: 'DIB_CONFIG_NOT_UTF8',
    summary: utf16 ? 'The file is UTF-16, not UTF-8' : `Byte ${before.bytes} of the file is not UTF-8`,
    help: utf16 ? 'Convert it with `iconv -f UTF-16 -t UTF-8`.' : 'Save the file as UTF-8.',
    range: lossy.range(before.characters, before.characters + 1),
  });
}

/** The longest valid beginning, found by halving: whether a beginning is valid so far grows in one direction. */
function validPrefix(bytes: Uint8Array): { readonly bytes: number; readonly characters: number } {
  let low = 0;
  let high = bytes.length;
  let text = '';
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    const decoded = decodeSoFar(bytes.subarray(0, middle));
    if (decoded === undefined) high = middle - 1;
    else {
      low = middle;
      text = decoded;
    }
  }
  // A sequence that is cut by what follows it is wrong from its first byte on.
  return { bytes: Buffer.byteLength(text), characters: text.length };
}

function decodeSoFar(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes, { stream: true });
  } catch {
    return undefined;
  }
}

function tooLarge(file: string, size: number): Problem {
  return {
    code: 'DIB_CONFIG_TOO_LARGE',
    summary: `${quoted(file, 200)} has ${size} bytes; at most ${YAML_LIMITS.bytes} are read`,
    help: 'Check that it is an image.yaml, and not, for example, the image.',
  };
}

async function directoryProblem(file: string): Promise<Problem> {
  const names = await readdir(file).catch((): string[] => []);
  const inside = path.join(file, 'image.yaml');
  return {
    code: 'DIB_CONFIG_IS_DIRECTORY',
    summary: `${quoted(file, 200)} is a directory`,
    help: names.includes('image.yaml') ? `Write ${quoted(inside, 200)}.` : 'Give the path of an image.yaml.',
  };
}

async function unreadable(file: string, error: NodeJS.ErrnoException): Promise<Problem> {
  switch (error.code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return {
        code: 'DIB_CONFIG_NOT_FOUND',
        summary: `There is no file ${quoted(file, 200)}`,
        help: await neighbour(file),
      };
    case 'EACCES':
    case 'EPERM':
      return {
        code: 'DIB_CONFIG_UNREADABLE',
        summary: `${quoted(file, 200)} may not be read by this user`,
        help: `Allow it with ${quoted(`chmod u+r ${file}`, 200)}.`,
      };
    default:
      return {
        code: 'DIB_CONFIG_UNREADABLE',
        summary: `${quoted(file, 200)} cannot be read: ${printable(error.code ?? error.message)}`,
      };
  }
}

async function neighbour(file: string): Promise<string> {
  const { didYouMean } = await import('../diagnostics/suggest.ts');
  const names = (await readdir(path.dirname(file)).catch((): string[] => [])).filter((name) => /\.ya?ml$/u.test(name)).sort();
  const near = didYouMean(path.basename(file), names) ?? (names.length === 1 ? names[0] : undefined);
  if (near !== undefined) return `Did you mean ${quoted(path.join(path.dirname(file), near), 200)}?`;
  return 'Give the path of an image.yaml, or change to its directory.';
}
