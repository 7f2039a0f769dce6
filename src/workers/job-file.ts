import { existsSync } from 'node:fs';
import { unlink } from 'node:fs/promises';
import { join } from 'node:path';

/** Where the job of a worker is written while it runs. It stays when the worker or the front dies: a sign that something may be left. */
export function jobPath(stateDirectory: string): string {
  return join(stateDirectory, 'job.json');
}

/** Whether there is a job. For the one who holds the lock: a run was killed. */
export function hasJob(stateDirectory: string): boolean {
  return existsSync(jobPath(stateDirectory));
}

/** Removes the job of a run that was killed. */
export async function removeJob(stateDirectory: string): Promise<void> {
  for (const path of [jobPath(stateDirectory), `${jobPath(stateDirectory)}.tmp`]) await unlink(path).catch(() => {});
}
