import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fail } from '../diagnostics/errors.ts';
import { quotedPath } from '../diagnostics/printable.ts';
import type { Command, Runner } from '../exec/command.ts';

/** Bytes to write at a place in a file. */
export interface Piece {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

const CHUNK = 1024 * 1024;
const ZEROES = Buffer.alloc(CHUNK);

/** What stat(2) says, or undefined if nothing stands there. */
export async function statOrUndefined(path: string) {
  try {
    return await stat(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}

/** Opens a disk file for writing, with an answer for the user if somebody took it away. */
export async function openDisk(file: string): Promise<FileHandle> {
  try {
    return await open(file, 'r+');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    fail({
      code: 'DIB_DISK_FILE_MISSING',
      summary: `The disk file ${quotedPath(file)} is gone`,
      detail: 'It was made by an earlier action and removed by something else while it was needed.',
      help: 'Run `dib apply` again: the plan will make it anew.',
    });
  }
}

/** Writes pieces into an existing file and waits until they are on the disk. */
export async function writePieces(file: string, pieces: readonly Piece[]): Promise<void> {
  const handle = await openDisk(file);
  try {
    for (const piece of pieces) await writeFully(handle, piece.bytes, piece.offset);
    await handle.datasync();
  } finally {
    await handle.close();
  }
}

/** Writes all of the bytes: write(2) writes fewer where a disk gets full, and fails only when it is called again. */
export async function writeFully(handle: Pick<FileHandle, 'write'>, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await handle.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
  }
}

/** Reads exactly `length` bytes at `offset`; fewer where the file ends. */
export async function readPiece(file: string, offset: number, length: number): Promise<Buffer> {
  const handle = await open(file, 'r');
  try {
    const buffer = Buffer.alloc(length);
    const { bytesRead } = await handle.read(buffer, 0, length, offset);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

/** Waits until a file, or the names in a directory, are on the disk. */
export async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes a rename or unlink of `path` durable. */
export async function syncParent(path: string): Promise<void> {
  await syncPath(dirname(path));
}

/** The command that turns an extent of a file into a hole. */
export function punchCommand(file: string, offset: number | string, length: number | string): Command {
  return { argv: ['fallocate', '--punch-hole', '--offset', String(offset), '--length', String(length), file] };
}

/**
 * Makes an extent of a disk file, or of a disk of this machine, read as zeroes, so that nothing of an earlier try shows through. Punches a hole where
 * that can be done, lets the kernel write zeroes to a disk that cannot forget (fallocate(2), FALLOC_FL_ZERO_RANGE), and writes them elsewhere.
 */
export async function clearExtent(runner: Runner, file: string, offset: number, length: number): Promise<void> {
  if (length <= 0) return;
  const punch = punchCommand(file, offset, length);
  if ((await runner.run({ ...punch, okExitCodes: [0, 1] })).exitCode === 0) return;
  if (await isMachineDisk(file)) {
    const zero = { argv: punch.argv.map((argument) => (argument === '--punch-hole' ? '--zero-range' : argument)) };
    if ((await runner.run({ ...zero, okExitCodes: [0, 1] })).exitCode === 0) return;
  }
  const handle = await openDisk(file);
  try {
    const current = Buffer.alloc(CHUNK);
    for (let done = 0; done < length; done += CHUNK) {
      const size = Math.min(CHUNK, length - done);
      const { bytesRead } = await handle.read(current, 0, size, offset + done);
      if (!isZero(current.subarray(0, bytesRead))) await writeFully(handle, ZEROES.subarray(0, size), offset + done);
    }
  } finally {
    await handle.close();
  }
}

/** Whether a path leads to a disk of this machine rather than to a disk file. */
export async function isMachineDisk(path: string): Promise<boolean> {
  return (await statOrUndefined(path))?.isBlockDevice() === true;
}

/**
 * Clears an extent before something is made in it that needs no zeroes. Of a disk of this machine only the first and last MiB, so that nothing there is
 * recognised any more: all of it would take hours.
 */
export async function clearTraces(runner: Runner, file: string, offset: number, length: number): Promise<void> {
  if (length <= 2 * CHUNK || !(await isMachineDisk(file))) return await clearExtent(runner, file, offset, length);
  await clearExtent(runner, file, offset, CHUNK);
  await clearExtent(runner, file, offset + length - CHUNK, CHUNK);
}

/**
 * Clears what a record says was written. A file that is gone is passed over, and so is a disk of this machine: it stays as it is, and the path may lead to
 * another one by now.
 */
export async function clearRecorded(runner: Runner, file: string, offset: number, length: number): Promise<void> {
  if ((await statOrUndefined(file))?.isFile() === true) await clearExtent(runner, file, offset, length);
}

function isZero(bytes: Uint8Array): boolean {
  return Buffer.compare(bytes, ZEROES.subarray(0, bytes.length)) === 0;
}

/** Lower-case hexadecimal SHA-256 of a file's bytes. */
export async function sha256File(path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: CHUNK, signal })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
