import {
  chmodSync,
  constants,
  copyFileSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { directoryInside } from './inside.ts';

/**
 * Makes a directory of a tree and those above it, owned by this process, mode 0755. Links are followed as inside the tree.
 * Gives its real path, or undefined where something that is no directory is in the way.
 */
export function makeDirectoryInside(root: string, path: string): string | undefined {
  const found = directoryInside(root, path);
  if (found !== undefined) return found;
  const clean = path.replace(/\/+$/, '');
  if (clean === '') return undefined;
  const parent = makeDirectoryInside(root, dirname(clean) === '.' ? '/' : dirname(clean));
  if (parent === undefined) return undefined;
  const full = join(parent, basename(clean));
  if (lstatSync(full, { throwIfNoEntry: false }) !== undefined) return undefined;
  mkdirSync(full, { mode: 0o755 });
  return full;
}

/**
 * Copies what is in a directory into one of a tree, over what is there, with modes and times; owner is this process. A directory of the tree that is a
 * link stays one, and is followed as inside the tree; every other link in the way is replaced. Throws for a file in place of a directory.
 */
export function copyInside(source: string, root: string, path: string): void {
  const target = makeDirectoryInside(root, path);
  if (target === undefined) throw new NotADirectory(path);
  for (const name of readdirSync(source)) {
    const from = join(source, name);
    const stat = lstatSync(from);
    const below = join(path, name);
    if (stat.isDirectory()) {
      copyInside(from, root, below);
      const made = directoryInside(root, below);
      if (made !== undefined && dirname(made) === target && basename(made) === name) chmodSync(made, stat.mode & 0o7777);
    } else copyEntry(from, root, below);
  }
}

/** Copies a file or a link to a place of a tree; what is there is replaced, unless it is a directory. Its directory must be there. */
export function copyEntry(from: string, root: string, path: string): void {
  const parent = directoryInside(root, dirname(path));
  if (parent === undefined) throw new NotADirectory(dirname(path));
  const to = join(parent, basename(path));
  const stat = lstatSync(from);
  if (!stat.isFile() && !stat.isSymbolicLink()) return;
  const there = lstatSync(to, { throwIfNoEntry: false });
  if (there?.isDirectory() === true) throw new NotADirectory(path);
  if (there !== undefined) rmSync(to);
  if (stat.isSymbolicLink()) symlinkSync(readlinkSync(from), to);
  else {
    copyFileSync(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    chmodSync(to, stat.mode & 0o7777);
  }
  lutimesSync(to, stat.atime, stat.mtime);
}

/** A path of a tree where a directory and something else meet. */
export class NotADirectory extends Error {
  readonly path: string;

  constructor(path: string) {
    super(`${path} is a directory in one place and none in the other`);
    this.path = path;
  }
}
