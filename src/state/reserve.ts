import { randomBytes } from 'node:crypto';
import { rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDiskFull } from '../util/disk-full.ts';

/** Bytes: several times what the files of a run take. */
const SIZE = 1024 * 1024;

const reservePath = (directory: string) => join(directory, 'reserve');

/** The state before the latest run. */
export function backupPath(directory: string): string {
  return join(directory, 'state.json.backup');
}

/**
 * Takes some room of the disk of a state directory, while there is any, for the run that destroys what fills it: that run has to write too. The bytes are
 * random, because a file system may make nothing of zeroes.
 */
export async function keepReserve(directory: string): Promise<void> {
  const path = reservePath(directory);
  if ((await stat(path).catch(() => undefined))?.size === SIZE) return;
  try {
    await writeFile(path, randomBytes(SIZE), { mode: 0o600 });
  } catch (error) {
    await rm(path, { force: true });
    if (!isDiskFull(error)) throw error;
  }
}

/** Gives the room back. */
export async function giveReserve(directory: string): Promise<void> {
  await rm(reservePath(directory), { force: true });
}

/**
 * Does `write`, which makes something in a state directory. A destroy on a full disk does it again with the room that was kept, and without the copy of
 * the state before; other operations would only use that up.
 */
export async function withReserve<T>(directory: string, operation: string | undefined, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    if (operation !== 'destroy' || !isDiskFull(error)) throw error;
  }
  await giveReserve(directory);
  await rm(backupPath(directory), { force: true });
  return await write();
}
