import { lstatSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Links that are followed at most, as in the kernel (path_resolution(7)). */
const MAX_LINKS = 40;

/**
 * Where a path of a tree really lies on the builder, with symbolic links followed as inside the tree: `/etc` and `..` never lead out of it.
 * Undefined where nothing is there. Hooks leave what links they like, so nothing in a tree may be opened on the builder without this.
 */
export function resolveInside(root: string, path: string): string | undefined {
  const parts = path.split('/');
  let found: string[] = [];
  let links = 0;
  for (let part = parts.shift(); part !== undefined; part = parts.shift()) {
    if (part === '' || part === '.') continue;
    if (part === '..') {
      found = found.slice(0, -1);
      continue;
    }
    const full = join(root, ...found, part);
    const stat = lstatSync(full, { throwIfNoEntry: false });
    if (stat === undefined) return undefined;
    if (!stat.isSymbolicLink()) {
      if (parts.some((rest) => rest !== '' && rest !== '.') && !stat.isDirectory()) return undefined;
      found.push(part);
      continue;
    }
    links += 1;
    if (links > MAX_LINKS) return undefined;
    const target = readlinkSync(full);
    if (target.startsWith('/')) found = [];
    parts.unshift(...target.split('/'));
  }
  return join(root, ...found);
}

/** A directory of a tree, links followed as inside it; undefined where it is something else or absent. */
export function directoryInside(root: string, path: string): string | undefined {
  const full = resolveInside(root, path);
  return full !== undefined && lstatSync(full).isDirectory() ? full : undefined;
}

/** Writes a file of a tree if its directory is there. A link in its place is replaced, not followed. */
export function writeInside(root: string, directory: string, name: string, text: string, mode = 0o644): void {
  const parent = directoryInside(root, directory);
  if (parent === undefined) return;
  const path = join(parent, name);
  if (lstatSync(path, { throwIfNoEntry: false })?.isFile() === false) rmSync(path, { recursive: true });
  writeFileSync(path, text, { mode });
}
