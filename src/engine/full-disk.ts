import { statfs } from 'node:fs/promises';
import { DibError } from '../diagnostics/errors.ts';
import { quotedPath } from '../diagnostics/printable.ts';

/** Bytes below which a file system is full: what is left serves no disk image. */
const LEAST = 1024 * 1024;
/** What a command, or the kernel that it runs in, dies of when the disk under it is full. */
const CODES: ReadonlySet<string> = new Set(['DIB_EXEC_FAILED', 'DIB_VM_DIED']);

/**
 * Runs commands of an action. One that fails while a file system of the run has no room left is said to have failed of that: what stands on a disk file
 * shows nothing but errors of input and output then. Asked at once, before anything is cleaned up.
 */
export async function withFullDiskExplained<T>(directories: readonly string[], running: Promise<T>): Promise<T> {
  try {
    return await running;
  } catch (error) {
    if (!(error instanceof DibError) || !error.diagnostics.some(({ code }) => CODES.has(code))) throw error;
    const directory = await firstFull(directories);
    throw directory === undefined ? error : fullDisk(directory, error);
  }
}

/** The first directory whose file system is full. Some network file systems do not know their size: statfs(2) gives 0 blocks. */
async function firstFull(directories: readonly string[]): Promise<string | undefined> {
  for (const directory of directories) {
    const found = await statfs(directory).catch(() => undefined);
    if (found !== undefined && found.blocks > 0 && found.bavail * found.bsize < LEAST) return directory;
  }
  return undefined;
}

function fullDisk(directory: string, { diagnostics, exitCode }: DibError): DibError {
  const said = diagnostics.map(({ summary, detail }) => [`${summary}.`, detail].filter(Boolean).join(' '));
  return new DibError(
    {
      code: 'DIB_DISK_FULL',
      severity: 'error',
      summary: `No space is left on this machine, on the file system of ${quotedPath(directory)}`,
      detail: said.join('\n'),
      help: 'Make room, or keep state and work files elsewhere with `--state-dir`, the cache with `DIB_IMAGE_CACHE`; then run the same command again: it goes on from the last recorded step.',
      address: diagnostics[0]?.address,
    },
    exitCode,
  );
}
