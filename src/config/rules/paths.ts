import path from 'node:path';

/** What is wrong with a path that must stay below the directory of image.yaml; undefined: nothing. */
export type PathFault = 'control' | 'tilde' | 'escapes' | 'too-long';

/** Bytes of a file name that ext4, xfs and btrfs allow, less what temporary names and `.sha256` add. */
const LONGEST_NAME = 230;

/** Checks a path of the user's by its letters alone, without looking at the disk. Absolute paths do not escape. */
export function pathFault(text: string): PathFault | undefined {
  if (/[\u0000-\u001f\u007f]/u.test(text)) return 'control';
  if (text === '~' || text.startsWith('~/')) return 'tilde';
  if (text.split('/').some((name) => Buffer.byteLength(name) > LONGEST_NAME)) return 'too-long';
  if (!path.posix.isAbsolute(text) && /^\.\.(?:\/|$)/u.test(path.posix.normalize(text))) return 'escapes';
  return undefined;
}

/** The same file, however it is written. */
export function canonicalPath(directory: string, text: string): string {
  return path.posix.resolve(directory, text);
}
