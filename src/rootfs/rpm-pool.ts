import { type Dirent, linkSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, utimesSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { SharedPackages } from '../distros/distro.ts';

/**
 * A directory where a package manager sees the RPM packages that any build has downloaded, and puts new ones: an overlay that libexec/dib-packages
 * mounts, `view` below, `downloads` above. Nothing in a pool is trusted: dnf and zypper compare each package with the digest that the repository's
 * index has for it, and check its signature (dnf) or the index's (zypper), whether they have downloaded it or found it.
 */
export interface RpmView {
  /** Absolute path of the directory with all of it. */
  readonly directory: string;
  /** Where new packages come to lie. */
  readonly downloads: string;
}

/** Lays a view of a pool into an empty directory: hard links, so that it stays as it is whatever other builds add to or prune from the pool. */
export function viewRpms(pool: string, directory: string): RpmView {
  const view = join(directory, 'view');
  for (const path of [view, pool]) mkdirSync(path, { recursive: true, mode: 0o755 });
  for (const path of rpmsIn(pool)) link(join(pool, path), join(view, path));
  return { directory, downloads: join(directory, 'downloads') };
}

/** The view for programs of the builder. */
export function sharedRpms({ directory }: RpmView, libexec: string): SharedPackages {
  const lend = (argv: readonly string[]) => [
    ...['unshare', '--mount', '--propagation', 'slave', '--', join(libexec, 'dib-packages'), directory],
    ...[join(directory, 'packages'), '--', ...argv],
  ];
  return { directory: join(directory, 'packages'), lend };
}

/** Puts what was downloaded into a pool, for other builds. */
export function collectRpms({ downloads }: RpmView, pool: string): void {
  for (const path of rpmsIn(downloads)) {
    const target = join(pool, path);
    // rename(2) would do nothing, and leave the temporary name.
    if (sameFile(join(downloads, path), target)) continue;
    const temporary = join(dirname(target), `.${basename(path)}.${process.pid}.${Date.now()}`);
    if (!link(join(downloads, path), temporary)) continue;
    // A package manager gives a file the time that the mirror says; ours is that of its last use.
    touch(temporary);
    renameSync(temporary, target);
  }
}

function sameFile(one: string, other: string): boolean {
  const [a, b] = [one, other].map((path) => statSync(path, { throwIfNoEntry: false })?.ino);
  return a !== undefined && a === b;
}

/** Marks packages as used now; `names`: of the files of all that are installed in a tree. */
export function touchRpms(names: ReadonlySet<string>, pool: string): void {
  for (const path of rpmsIn(pool)) if (names.has(basename(path))) touch(join(pool, path));
}

/** Files of packages below a directory, relative to it: zypper keeps them by repository and by their path in it. */
function rpmsIn(directory: string, below = ''): string[] {
  let entries: Dirent[];
  try {
    entries = readdirSync(join(directory, below), { withFileTypes: true });
  } catch {
    return [];
  }
  return entries.flatMap((entry) => {
    const path = join(below, entry.name);
    if (entry.isDirectory()) return rpmsIn(directory, path);
    // Files only: an overlay marks by a device what was removed.
    return entry.isFile() && /^[^.].*\.rpm$/.test(entry.name) ? [path] : [];
  });
}

/** False: it is gone meanwhile, linked as often as the file system can, or somebody else's (/proc/sys/fs/protected_hardlinks). Then it is downloaded again. */
function link(from: string, to: string): boolean {
  mkdirSync(dirname(to), { recursive: true, mode: 0o755 });
  try {
    rmSync(to, { force: true });
    linkSync(from, to);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'EMLINK' && code !== 'EPERM') throw error;
    return false;
  }
}

function touch(path: string): void {
  const now = new Date();
  try {
    utimesSync(path, now, now);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
