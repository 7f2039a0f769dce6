import { existsSync } from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { acquireFileLock } from '../exec/file-lock.ts';
import { isDiskFull } from '../util/disk-full.ts';

/** A directory for the temporary files of one run. */
export interface Scratch {
  /** Removes it. */
  close(): Promise<void>;
}

/** Milliseconds that another run may take to look at a scratch directory. */
const COLLECTING = 30_000;

/** Makes a run's scratch directory. It is held by a lock beside it, so that others can tell when its run is dead. */
export async function openScratch(directory: string): Promise<Scratch> {
  await mkdir(dirname(directory), { recursive: true });
  // Another run that collects may hold a lock file that it has just found, for a moment, and then remove it.
  const lock = await acquireFileLock(lockOf(directory), { timeout: COLLECTING });
  if (lock === undefined) throw new Error(`${directory} belongs to another run`);
  await mkdir(directory, { recursive: true }).catch((error: unknown) => {
    // Those who need it say so; a destroy, which would free the disk, does not.
    if (!isDiskFull(error)) throw error;
  });
  return {
    async close() {
      await rm(directory, { recursive: true, force: true });
      await rm(lockOf(directory), { force: true });
      await lock.release();
    },
  };
}

/**
 * Removes the scratch directories of dead runs. Those of living ones are left alone: removing a mount point takes the mount away
 * in every other mount namespace.
 */
export async function collectScratch(parent: string): Promise<void> {
  for (const name of await readdir(parent).catch(() => [])) {
    if (!name.endsWith('.lock')) continue;
    const path = join(parent, name);
    const lock = existsSync(path) ? await acquireFileLock(path) : undefined;
    if (lock === undefined) continue;
    await rm(path.slice(0, -'.lock'.length), { recursive: true, force: true, maxRetries: 3 });
    await rm(path, { force: true });
    await lock.release();
  }
}

function lockOf(directory: string): string {
  return `${directory}.lock`;
}
