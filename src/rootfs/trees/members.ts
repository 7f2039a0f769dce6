import { createHash } from 'node:crypto';
import { createReadStream, lstatSync, readlinkSync } from 'node:fs';
import { basename, dirname, join, normalize } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Header } from 'tar-stream';
import { DibError, fail } from '../../diagnostics/errors.ts';
import { quoted, quotedPath } from '../../diagnostics/printable.ts';

/** Symbolic links that are followed at most, as in the kernel (path_resolution(7)). */
const MAX_LINKS = 40;

/** What a tar archive means for a tree that it is unpacked over. */
export interface ArchiveMembers {
  /** SHA-256 of the whole file. */
  readonly sha256: string;
  /** Names, as they stand in the archive, that are not unpacked: device nodes and whiteouts. */
  readonly skipped: readonly string[];
  /** How many of them are device nodes. */
  readonly devices: number;
  /** Paths of the tree below that go before it is unpacked: removed by a whiteout, or of another type there. */
  readonly removed: readonly string[];
  /** Directories of the tree below whose content goes: opaque whiteouts. */
  readonly emptied: readonly string[];
  /** Newest modification time, in seconds since 1970. */
  readonly newest: number;
}

interface Node {
  readonly type: 'directory' | 'symlink' | 'other';
  readonly target?: string | undefined;
}

/**
 * Reads an uncompressed tar archive before tar(1) unpacks it over `tree`: tar would follow symbolic links that lie in the tree already, so a member that
 * a link or `..` would put outside is refused (DIB_TREE_ESCAPE). `layer`: names of whiteouts (OCI image-spec, layer.md) count.
 */
export async function readMembers(file: string, tree: string, layer: boolean): Promise<ArchiveMembers> {
  // Not imported above: every plan reads this file, few read archives.
  const { extract } = await import('tar-stream');
  const reader = new MemberReader(tree, layer);
  const hash = createHash('sha256');
  const input = createReadStream(file, { highWaterMark: 1 << 20 });
  input.on('data', (chunk) => hash.update(chunk));
  const unpack = extract();
  unpack.on('entry', (header, stream, next) => {
    try {
      reader.add(header);
    } catch (error) {
      unpack.destroy(error as Error);
      return;
    }
    stream.on('end', () => next());
    stream.resume();
  });
  try {
    await pipeline(input, unpack);
  } catch (error) {
    if (error instanceof DibError) throw error;
    fail({
      code: 'DIB_TREE_NOT_TAR',
      summary: `${quotedPath(basename(file))} is not a tar archive that can be read: ${(error as Error).message}`,
      help: 'Give an archive in the POSIX (pax), ustar or GNU format, plain or compressed with gzip, xz, zstd or bzip2.',
    });
  }
  return { ...reader.result(), sha256: hash.digest('hex') };
}

class MemberReader {
  readonly #tree: string;
  readonly #layer: boolean;
  /** Members of this archive, by the path where they come to lie. */
  readonly #nodes = new Map<string, Node>();
  readonly #skipped: string[] = [];
  readonly #removed: string[] = [];
  readonly #emptied: string[] = [];
  #devices = 0;
  #newest = 0;

  constructor(tree: string, layer: boolean) {
    this.#tree = tree;
    this.#layer = layer;
  }

  result(): Omit<ArchiveMembers, 'sha256'> {
    return {
      skipped: this.#skipped,
      devices: this.#devices,
      removed: this.#removed,
      emptied: this.#emptied,
      newest: this.#newest,
    };
  }

  add(header: Header): void {
    const { name, type } = header;
    const path = this.#place(name, name);
    if (path === '') return;
    const last = basename(path);
    if (this.#layer && last.startsWith('.wh.')) {
      this.#whiteout(name, path, last);
      return;
    }
    if (type === 'character-device' || type === 'block-device') {
      this.#skip(name);
      this.#devices += 1;
      return;
    }
    if (type === 'link') this.#place(header.linkname ?? '', name);
    this.#newest = Math.max(this.#newest, Math.floor((header.mtime?.getTime() ?? 0) / 1000));
    const node: Node = {
      type: type === 'directory' ? 'directory' : type === 'symlink' ? 'symlink' : 'other',
      target: header.linkname ?? undefined,
    };
    this.#replace(path, node);
    this.#nodes.set(path, node);
  }

  /** What lies below in its place and is of another type goes first: tar does not put a file in the place of a directory that is not empty. */
  #replace(path: string, node: Node): void {
    if (this.#nodes.has(path)) return;
    const below = this.#below(path);
    if (below !== undefined && (below.type === 'directory') !== (node.type === 'directory')) this.#removed.push(path);
  }

  #whiteout(name: string, path: string, last: string): void {
    this.#skip(name);
    if (last === '.wh..wh..opq') this.#emptied.push(dirname(path));
    // Other names that begin so are aufs's own and mean nothing to a tree.
    else if (!last.startsWith('.wh..wh.')) this.#removed.push(join(dirname(path), last.slice('.wh.'.length)));
  }

  #skip(name: string): void {
    if (/[\n\r]/.test(name)) refuse(name, 'its name has a line break in it');
    this.#skipped.push(name.replace(/\/+$/, ''));
  }

  /** Where tar puts a member, links on the way followed as tar follows them; never outside the tree. The last name is not followed. */
  #place(text: string, member: string): string {
    const parts = text.split('/').filter((part) => part !== '' && part !== '.');
    if (parts.includes('..')) refuse(member, `${quoted(text)} has ${quoted('..')} in it`);
    if (text.includes('\0')) refuse(member, 'its name has a null byte in it');
    const last = parts.pop();
    if (last === undefined) return '';
    let found = '';
    for (let links = 0; parts.length > 0; ) {
      const path = join(found, parts.shift() ?? '');
      const node = this.#nodes.get(path) ?? this.#below(path);
      if (node?.type !== 'symlink') {
        found = path;
        continue;
      }
      const target = node.target ?? '';
      const real = normalize(join(dirname(path), target));
      links += 1;
      if (target.startsWith('/') || real === '..' || real.startsWith('../') || links > MAX_LINKS)
        refuse(member, `it lies below the symbolic link ${quotedPath(path)}, which leads to ${quotedPath(target)}`);
      parts.unshift(...real.split('/').filter((part) => part !== '.' && part !== ''));
      found = '';
    }
    return join(found, last);
  }

  #below(path: string): Node | undefined {
    const full = join(this.#tree, path);
    const stat = lstatSync(full, { throwIfNoEntry: false });
    if (stat === undefined) return undefined;
    if (stat.isSymbolicLink()) return { type: 'symlink', target: readlinkSync(full) };
    return { type: stat.isDirectory() ? 'directory' : 'other' };
  }
}

function refuse(member: string, why: string): never {
  fail({
    code: 'DIB_TREE_ESCAPE',
    summary: `The archive's member ${quotedPath(member)} could be written outside of the tree: ${why}`,
    detail: 'No distribution makes such archives; it may have been made to overwrite files of the builder.',
    help: 'Do not use this archive unless you know how this came about; then pack it anew with the paths as they really are.',
  });
}
