import { type Dirent, lstatSync, readdirSync } from 'node:fs';
import type { MountUsage } from './tree.ts';

/** Bytes of a block of the file systems that trees are written to. */
const BLOCK = 4096;
/** Longest target of a symbolic link that ext2-4 keep in the inode. */
const FAST_SYMLINK = 59;

/**
 * What each mounted file system's part of a tree takes, by mount point: sizes rounded up to blocks, hard links once.
 * It goes by the sizes of files, not by what the cache's file system happens to allocate, so that it is the same everywhere.
 */
export function measureTree(root: string, mountPoints: readonly string[]): Record<string, MountUsage> {
  const usage = new Map(mountPoints.map((point) => [point, { bytes: 0, inodes: 0 }]));
  const counted = new Set<string>();
  const add = (path: string, point: string) => {
    const stat = lstatSync(`${root}${path}`);
    if (stat.nlink > 1 && !stat.isDirectory()) {
      const identity = `${stat.dev}:${stat.ino}`;
      if (counted.has(identity)) return;
      counted.add(identity);
    }
    const total = usage.get(point);
    if (total === undefined) return;
    const stored = stat.isFile() || stat.isDirectory() || (stat.isSymbolicLink() && stat.size > FAST_SYMLINK);
    total.inodes += 1;
    if (stored) total.bytes += Math.ceil(stat.size / BLOCK) * BLOCK;
  };
  const stack: [string, string][] = [['', '/']];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const [directory, point] = next;
    add(directory === '' ? '/' : directory, point);
    for (const entry of readdirSync(`${root}${directory}/`, { withFileTypes: true }) as Dirent[]) {
      const path = `${directory}/${entry.name}`;
      if (entry.isDirectory()) stack.push([path, usage.has(path) ? path : point]);
      else add(path, point);
    }
  }
  return Object.fromEntries(usage);
}
