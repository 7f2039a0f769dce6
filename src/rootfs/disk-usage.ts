import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Bytes on disk and number of entries below a directory, itself included; hard links count once, other file systems not at all. */
export function diskUsage(directory: string): { bytes: number; inodes: number } {
  const seen = new Set<number>();
  const device = lstatSync(directory).dev;
  let bytes = 0;
  const stack = [directory];
  for (let path = stack.pop(); path !== undefined; path = stack.pop()) {
    const stat = lstatSync(path);
    if (stat.dev !== device || seen.has(stat.ino)) continue;
    seen.add(stat.ino);
    bytes += stat.blocks * 512;
    if (stat.isDirectory()) for (const name of readdirSync(path)) stack.push(join(path, name));
  }
  return { bytes, inodes: seen.size };
}
