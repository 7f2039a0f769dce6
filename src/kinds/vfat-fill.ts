import type { Dirent, Stats } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fail } from '../diagnostics/errors.ts';
import type { Command } from '../exec/command.ts';
import { type Later, shown } from './disk-inputs.ts';
import type { ActionContext } from './kind.ts';

/** What to put into a vfat file system, in a fixed order; paths without a leading slash. */
export interface VfatContent {
  readonly directories: readonly string[];
  readonly files: readonly string[];
  /** Paths whose owner, mode or attributes cannot be kept. */
  readonly stripped: readonly string[];
}

/** Arguments per command: far below the kernel's limit even with long names. */
const BATCH = 200;
/** A file of vfat ends at 4 GiB - 1. */
const LARGEST_FILE = 2 ** 32 - 1;
/** FAT counts years from 1980. */
const FAT_EPOCH = 315_532_800;
const SHOWN_PROBLEMS = 10;

/** Looks at a tree; fails with everything in it that vfat cannot hold. */
export async function scanForVfat(directory: string, address: string): Promise<VfatContent> {
  const directories: string[] = [];
  const files: string[] = [];
  const stripped: string[] = [];
  const problems: string[] = [];
  const visit = async (relative: string): Promise<void> => {
    const names = new Map<string, string>();
    for (const entry of await sortedEntries(join(directory, relative))) {
      const path = relative === '' ? entry.name : `${relative}/${entry.name}`;
      const stats = await lstat(join(directory, path));
      const problem = problemOf(entry.name, stats) ?? clash(names, entry.name);
      names.set(entry.name.toLowerCase(), entry.name);
      if (problem !== undefined) {
        problems.push(`/${path}: ${problem}`);
        continue;
      }
      if (stats.uid !== 0 || stats.gid !== 0) stripped.push(path);
      if (stats.isDirectory()) {
        directories.push(path);
        await visit(path);
      } else files.push(path);
    }
  };
  await visit('');
  if (problems.length > 0) failContent(problems, address);
  return { directories, files, stripped };
}

async function sortedEntries(directory: string): Promise<Dirent[]> {
  const entries = await readdir(directory, { withFileTypes: true });
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function problemOf(name: string, stats: Stats): string | undefined {
  if (stats.isSymbolicLink()) return 'symbolic link';
  if (!stats.isFile() && !stats.isDirectory()) return 'neither a file nor a directory';
  if (/["*:<>?\\|\u0000-\u001f]/.test(name)) return 'a character that vfat names cannot have';
  if (/[ .]$/.test(name)) return 'a name that ends in a dot or a space';
  if (name.length > 255) return 'a name of more than 255 characters';
  if (stats.isFile() && stats.size > LARGEST_FILE) return 'larger than 4 GiB';
  return undefined;
}

function clash(names: ReadonlyMap<string, string>, name: string): string | undefined {
  const other = names.get(name.toLowerCase());
  return other === undefined ? undefined : `differs from ${other} only in case`;
}

function failContent(problems: readonly string[], address: string): never {
  const more = problems.length > SHOWN_PROBLEMS ? [`and ${problems.length - SHOWN_PROBLEMS} more`] : [];
  fail({
    code: 'DIB_MKFS_VFAT_CONTENT',
    summary: `A vfat file system cannot hold ${problems.length === 1 ? 'a file' : `${problems.length} files`} of the image`,
    detail: [...problems.slice(0, SHOWN_PROBLEMS), ...more].join('\n'),
    help: 'Choose another file system type for this mount point, or remove these files in a `finalise.d` hook.',
    address,
  });
}

/** The commands that fill a file system that was just made. `image` is what mtools take after -i: a device or `file@@offset`. */
export function fillCommands(image: string, source: string, content: VfatContent, epoch: Later): Command[] {
  const env = {
    // Names in UTF-8, times in UTC, settings of the user's ~/.mtoolsrc ignored, so that the bytes depend on the tree alone.
    LC_ALL: 'C.UTF-8',
    TZ: 'UTC',
    MTOOLSRC: '/dev/null',
    SOURCE_DATE_EPOCH: shown(epoch, 'epoch', (seconds) => Math.max(seconds, FAT_EPOCH)),
  };
  const made = batches(content.directories).map((some) => ({
    argv: ['mmd', '-i', image, ...some.map((path) => `::/${path}`)],
    env,
  }));
  const byParent = new Map<string, string[]>();
  for (const file of content.files) {
    const parent = file.slice(0, Math.max(0, file.lastIndexOf('/')));
    byParent.set(parent, [...(byParent.get(parent) ?? []), join(source, file)]);
  }
  const copied = [...byParent].flatMap(([parent, files]) =>
    batches(files).map((some) => ({ argv: ['mcopy', '-i', image, ...some, `::/${parent}`], env })),
  );
  return [...made, ...copied];
}

function batches<T>(items: readonly T[]): T[][] {
  const result: T[][] = [];
  for (let start = 0; start < items.length; start += BATCH) result.push(items.slice(start, start + BATCH));
  return result;
}

/** Tells what is lost: vfat keeps neither owners nor modes. */
export function reportStripped(context: ActionContext, stripped: readonly string[]): void {
  if (stripped.length === 0) return;
  const example = stripped[0] as string;
  const rest = stripped.length > 1 ? ` and ${stripped.length - 1} more` : '';
  context.progress(`vfat keeps no owners: /${example}${rest} will belong to root`);
}
