import { realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { OwnFiles } from '../host/standing.ts';
import type { Paths, RecordedResource } from '../kinds/kind.ts';

/** The files of an image that block devices may show: everything in its work directory, and disk files that were adopted from elsewhere. */
export async function ownFiles(resources: readonly RecordedResource[], paths: Pick<Paths, 'work'>): Promise<OwnFiles> {
  const recorded = resources.flatMap(({ kind, outputs }) => {
    const { file } = outputs;
    return kind === 'local_loop' && typeof file === 'string' ? [file] : [];
  });
  return {
    files: await Promise.all([...new Set(recorded)].map(kernelPath)),
    directories: [await kernelPath(paths.work)],
  };
}

/** A path as the kernel names it: without symbolic links, also when the file itself is gone. */
export async function kernelPath(path: string): Promise<string> {
  const whole = await realpath(path).catch(() => undefined);
  if (whole !== undefined) return whole;
  return join(await realpath(dirname(path)).catch(() => dirname(path)), basename(path));
}
