import { createHash } from 'node:crypto';
import { createReadStream, lstatSync, mkdirSync, readdirSync, renameSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DibError, fail } from '../diagnostics/errors.ts';
import { quoted } from '../diagnostics/printable.ts';
import { listOf } from '../diagnostics/suggest.ts';
import { publicLocation } from '../elements/source-location.ts';
import { placeOf, type SourceRepository } from '../elements/source-repositories.ts';
import type { Command } from '../exec/command.ts';
import { copyInside } from '../rootfs/copy-inside.ts';
import type { Fetch } from './source.ts';
import type { SourceInputs } from './source-graph.ts';

/** curl(1): attempts and seconds between them go by what is worth trying again (timeouts, 408, 429, 5xx). */
const CURL = ['curl', '--fail', '--location', '--silent', '--show-error', '--retry', '4', '--retry-delay', '5'];
const CURL_LIMITS = ['--connect-timeout', '30', '--proto', '=http,https,ftp,ftps', '--globoff'];

/** The commands of a download, as the plan shows them. */
export function downloadCommands({ type, location }: SourceInputs): readonly Command[] {
  return [
    ...(location.startsWith('/') ? [] : [{ argv: [...CURL, ...CURL_LIMITS, '--output', '<download>', '--', location] }]),
    ...(type === 'tar' ? [unpackCommand('<download>', '<tree>')] : []),
  ];
}

/** tar(1) finds out the compression by itself, and keeps members inside of the directory. */
function unpackCommand(archive: string, directory: string): Command {
  return { argv: ['tar', '--extract', '--file', archive, '--directory', directory, '--no-same-owner'] };
}

/** Downloads a file or an archive and puts what is wanted of it at `content`. Gives the SHA-256 of the download. */
export async function fetchArchive(fetch: Fetch): Promise<string> {
  const { source, revision, tree, scratch, context } = fetch;
  const download = join(scratch, 'download');
  if (source.location.startsWith('/')) await copyFile(source.location, download);
  else {
    context.progress(`downloading ${publicLocation(source.location)}`);
    // The location comes by standard input: it may hold a password.
    const url = source.location.replaceAll('\\', '\\\\').replaceAll('"', '\\"');
    await context.run({ argv: [...CURL, ...CURL_LIMITS, '--output', download, '--config', '-'], input: `url = "${url}"\n` });
  }
  const digest = await fileDigest(download);
  // Nothing of what is not wanted is unpacked.
  if (revision !== undefined && digest !== revision) return digest;
  if (source.type === 'file') renameSync(download, join(tree, 'content'));
  else await unpack(download, fetch);
  return digest;
}

async function fileDigest(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

async function unpack(archive: string, { source, tree, scratch, context }: Fetch): Promise<void> {
  const unpacked = join(scratch, 'unpacked');
  const content = join(tree, 'content');
  mkdirSync(unpacked, { mode: 0o755 });
  try {
    await context.run(unpackCommand(archive, unpacked));
  } catch (error) {
    const cause = error instanceof DibError ? error.diagnostics[0] : undefined;
    if (cause?.code !== 'DIB_EXEC_FAILED') throw error;
    fail({
      code: 'DIB_SOURCE_UNPACK',
      summary: `The source ${quoted(source.name)} is no archive that tar can read: ${cause.summary}`,
      detail: cause.detail,
      help: 'Correct its location, or its type.',
      ...placeOf(source),
    });
  }
  const chosen = chooseDirectories(unpacked, source.ref);
  if (chosen.length === 0) nothingChosen(source, unpacked);
  mkdirSync(content, { mode: 0o755 });
  // What several directories have in common is taken from the first, as rsync does.
  for (const directory of chosen.toReversed()) copyInside(directory, content, '/');
}

/** The directories of an archive that a ref names: `.`, a path, or a path with `*` and `?` (glob(7)). No link is followed. */
export function chooseDirectories(root: string, ref: string): string[] {
  let found = [root];
  for (const part of ref.split('/').filter((each) => each !== '' && each !== '.')) {
    if (part === '..') return [];
    const pattern = new RegExp(
      `^${part
        .replace(/[.+^${}()|[\]\\]/g, '\\$&')
        .replaceAll('*', '.*')
        .replaceAll('?', '.')}$`,
    );
    const hidden = part.startsWith('.');
    found = found.flatMap((directory) =>
      readdirSync(directory)
        .filter((name) => pattern.test(name) && (hidden || !name.startsWith('.')))
        .sort()
        .map((name) => join(directory, name))
        .filter((path) => lstatSync(path).isDirectory()),
    );
  }
  return found;
}

function nothingChosen(source: SourceRepository, unpacked: string): never {
  const names = readdirSync(unpacked).sort().slice(0, 10);
  return fail({
    code: 'DIB_SOURCE_REF',
    summary: `The archive of source ${quoted(source.name)} has no directory ${quoted(source.ref)}`,
    detail: names.length === 0 ? 'It is empty.' : `At its top are ${listOf(names)}.`,
    help: 'The ref of an archive is `.` for all of it, `*` for what is in its directories, or a directory.',
    ...placeOf(source),
  });
}
