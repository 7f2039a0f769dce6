import { readdir, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { LoopBacking } from '../host/block-devices.ts';
import type { OwnFiles } from '../host/standing.ts';
import type { Paths, RecordedResource } from '../kinds/kind.ts';
import { deviceNumberText } from '../kinds/loop.ts';

/** The files of an image that block devices may show: everything in its work directory, and disk files that were adopted from elsewhere. */
export async function ownFiles(resources: readonly RecordedResource[], paths: Pick<Paths, 'work'>): Promise<OwnFiles> {
  const recorded = resources.flatMap(({ kind, outputs }) => {
    const { file } = outputs;
    return kind === 'local_loop' && typeof file === 'string' ? [file] : [];
  });
  const files = await Promise.all([...new Set(recorded)].map(kernelPath));
  const work = await kernelPath(paths.work);
  return { files, directories: [work], numbers: await numbersOf([...files, ...(await listFiles(work))]) };
}

/** Paths of the regular files right in a directory: disk files have no directories of their own. */
async function listFiles(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isFile()).map(({ name }) => join(directory, name));
}

/** OwnFiles.numbers of those that are there. */
async function numbersOf(files: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const found = await Promise.all(
    files.map(async (file): Promise<[string, string][]> => {
      const numbers = await stat(file).catch(() => undefined);
      return numbers === undefined ? [] : [[`${deviceNumberText(numbers.dev)} ${numbers.ino}`, file]];
    }),
  );
  return new Map(found.flat());
}

/** Whether a loop device shows a file, or showed it: its path was taken by another file, or is that of another mount namespace. */
export async function showsFile({ file, numbers }: LoopBacking, wanted: string): Promise<boolean> {
  const path = await kernelPath(wanted);
  return file === path || (numbers !== undefined && (await numbersOf([path])).has(numbers));
}

/** A path as the kernel names it: without symbolic links, also when the file itself is gone. */
export async function kernelPath(path: string): Promise<string> {
  const whole = await realpath(path).catch(() => undefined);
  if (whole !== undefined) return whole;
  return join(await realpath(dirname(path)).catch(() => dirname(path)), basename(path));
}
