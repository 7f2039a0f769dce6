import { createHash } from 'node:crypto';
import { linkSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { ELEMENT_DOWNLOADS } from './hook-environment.ts';
import { directoryInside, resolveInside } from './inside.ts';

/** Directory of the cache that holds downloaded packages, by distribution. */
const PACKAGES = 'packages';

/** The packages of one distribution that any build has downloaded. */
export function packagePool(cache: string, distribution: string): string {
  return join(cache, PACKAGES, distribution);
}

/**
 * Lays a view of a pool into an empty directory: hard links, so that it stays as it is whatever other builds add to or prune from the pool.
 * The sandbox has it as the lower directory of an overlay, since apt checks only the size of an archive that is there already: what a build
 * writes or removes must not reach other builds.
 */
export function viewPool(pool: string, view: string): void {
  mkdirSync(view, { recursive: true, mode: 0o755 });
  mkdirSync(pool, { recursive: true, mode: 0o755 });
  for (const name of archivesIn(pool)) {
    try {
      linkSync(join(pool, name), join(view, name));
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      // Pruned meanwhile, or linked as often as the file system can: then it is downloaded.
      if (code !== 'ENOENT' && code !== 'EMLINK') throw error;
    }
  }
}

/**
 * Puts what apt has downloaded into a pool, for other builds. Only what the package lists of the tree name by its digest: an archive that a hook
 * made by itself is none of theirs.
 */
export function collectPackages(downloads: string, root: string, pool: string): void {
  const fresh = archivesIn(downloads).filter((name) => !sameSize(join(downloads, name), join(pool, name)));
  if (fresh.length === 0) return;
  const known = digestsOfLists(root);
  for (const name of fresh) {
    const path = join(downloads, name);
    if (!known.has(createHash('sha256').update(readFileSync(path)).digest('hex'))) continue;
    const temporary = join(pool, `.${name}.${process.pid}.${Date.now()}`);
    linkSync(path, temporary);
    // apt gives a file the time that the mirror says; ours is that of its last use.
    const now = new Date();
    utimesSync(temporary, now, now);
    renameSync(temporary, join(pool, name));
  }
}

/** Marks the packages that are installed in a tree as used now. */
export function touchInstalled(root: string, pool: string): void {
  const status = resolveInside(root, 'var/lib/dpkg/status');
  if (status === undefined) return;
  const now = new Date();
  const present = new Set(archivesIn(pool));
  for (const stanza of readFileSync(status, 'utf8').split('\n\n')) {
    const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(stanza)?.[1] ?? '';
    const name = `${field('Package')}_${field('Version').replaceAll(':', '%3a')}_${field('Architecture')}.deb`;
    if (present.has(name)) ifThere(() => utimesSync(join(pool, name), now, now));
  }
}

/** Archives of packages in a directory; none where there is no directory. Files only: another build may link and remove at any time. */
function archivesIn(directory: string): string[] {
  try {
    const entries = readdirSync(directory, { withFileTypes: true });
    return entries.filter((entry) => entry.isFile() && /^[^.].*\.deb$/.test(entry.name)).map(({ name }) => name);
  } catch {
    return [];
  }
}

function sameSize(one: string, other: string): boolean {
  const [a, b] = [one, other].map((path) => statSync(path, { throwIfNoEntry: false })?.size);
  return a !== undefined && a === b;
}

/** Digests of all packages that the lists name, which apt has checked against the archive's signature (deb822, field SHA256). */
function digestsOfLists(root: string): Set<string> {
  const lists = directoryInside(root, 'var/lib/apt/lists');
  const digests = new Set<string>();
  for (const name of lists === undefined ? [] : readdirSync(lists)) {
    const path = resolveInside(root, `var/lib/apt/lists/${name}`);
    if (path === undefined || !name.endsWith('_Packages')) continue;
    for (const match of readFileSync(path, 'latin1').matchAll(/^SHA256: ([0-9a-f]{64})$/gm)) digests.add(match[1] as string);
  }
  return digests;
}

/** Downloads in a cache that are no layers: packages, and what hooks keep in DIB_IMAGE_CACHE. */
export interface CachedDownload {
  readonly path: string;
  readonly size: number;
  /** Milliseconds since 1970. */
  readonly lastUsed: number;
}

/** All downloads of a cache, the one that was used longest ago first. */
export function listDownloads(cache: string): CachedDownload[] {
  const found: CachedDownload[] = [];
  const walk = (directory: string): void => {
    for (const entry of entriesOf(directory)) {
      const path = join(directory, entry.name);
      if (entry.isDirectory()) walk(path);
      else if (entry.isFile()) {
        const stat = statSync(path, { throwIfNoEntry: false });
        if (stat !== undefined) found.push({ path, size: stat.blocks * 512, lastUsed: stat.mtimeMs });
      }
    }
  };
  for (const name of [PACKAGES, ELEMENT_DOWNLOADS]) walk(join(cache, name));
  return found.sort((a, b) => a.lastUsed - b.lastUsed || (a.path < b.path ? -1 : 1));
}

function entriesOf(directory: string) {
  try {
    return readdirSync(directory, { withFileTypes: true });
  } catch {
    return [];
  }
}

/** Removes a download; a build that has it linked keeps it. */
export function removeDownload({ path }: CachedDownload): void {
  rmSync(path, { force: true });
}

function ifThere(act: () => void): void {
  try {
    act();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
