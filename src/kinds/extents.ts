import { type FileHandle, open } from 'node:fs/promises';
import type { Runner } from '../exec/command.ts';
import {
  clearExtent,
  clearRecorded,
  openDisk,
  type Piece,
  readPiece,
  statOrUndefined,
  syncPath,
  writeFully,
} from './disk-file.ts';
import type { FileExtent, Place } from './disk-inputs.ts';
import type { Outputs } from './kind.ts';

const CHUNK = 1024 * 1024;
const ZEROES = Buffer.alloc(CHUNK);

/** Where the bytes of a device lie, from its outputs: a whole disk, a piece of one, or several pieces. Undefined where only the kernel knows. */
export function extentsOf(outputs: Outputs): readonly FileExtent[] | undefined {
  const { file, offset, length, size, extents } = outputs;
  if (Array.isArray(extents)) return extents as unknown as readonly FileExtent[];
  if (typeof file !== 'string') return undefined;
  if (typeof offset === 'number' && typeof length === 'number') return [{ file, offset, length }];
  return typeof size === 'number' ? [{ file, offset: 0, length: size }] : undefined;
}

/** A place of the graph as pieces of files, once its containers are made. `outputsOf`: those of a container by its address. */
export function extentsOfPlace(place: Place, outputsOf: (address: string) => Outputs): readonly FileExtent[] {
  return place.flatMap(({ container, offset, length }) => {
    const whole = extentsOf(outputsOf(container));
    if (whole === undefined) throw new Error(`${container} is no file`);
    return slice(whole, offset, length);
  });
}

/** The part of a sequence of extents that begins at `offset` and is at most `length` bytes long. */
export function slice(extents: readonly FileExtent[], offset: number, length: number): FileExtent[] {
  const found: FileExtent[] = [];
  let position = 0;
  for (const extent of extents) {
    const from = Math.max(offset, position);
    const to = Math.min(offset + length, position + extent.length);
    if (from < to) found.push({ file: extent.file, offset: extent.offset + from - position, length: to - from });
    position += extent.length;
  }
  return found;
}

/** Makes extents read as zeroes. Files that are gone are passed over. */
export async function clearExtents(runner: Runner, extents: readonly FileExtent[]): Promise<void> {
  for (const { file, offset, length } of extents) {
    if ((await statOrUndefined(file)) !== undefined) await clearExtent(runner, file, offset, length);
  }
}

/** What a record says was written: see clearRecorded. */
export async function clearRecordedExtents(runner: Runner, extents: readonly FileExtent[]): Promise<void> {
  for (const { file, offset, length } of extents) await clearRecorded(runner, file, offset, length);
}

/** Writes pieces at offsets that count from the start of the first extent, one by one, and waits until they are on the disk. */
export async function writeToExtents(
  extents: readonly FileExtent[],
  pieces: Iterable<Piece> | AsyncIterable<Piece>,
): Promise<void> {
  await withFiles(extents, async (handleOf) => {
    for await (const { offset, bytes } of pieces) {
      const done = await writeAt(extents, offset, bytes, handleOf);
      if (done < bytes.length) throw new RangeError(`${bytes.length} bytes at ${offset} are beyond the end of the device`);
    }
  });
}

/** Reads `length` bytes at `offset` of a device; fewer where it, or a file, ends. */
export async function readFromExtents(extents: readonly FileExtent[], offset: number, length: number): Promise<Buffer> {
  const parts = slice(extents, offset, length);
  return Buffer.concat(await Promise.all(parts.map((part) => readPiece(part.file, part.offset, part.length))));
}

/**
 * Copies a file to the start of a device, up to `limit` bytes. Runs of zeroes are left out, so the device must read as zeroes before.
 */
export async function copyIntoExtents(
  source: string,
  extents: readonly FileExtent[],
  limit = Number.POSITIVE_INFINITY,
): Promise<void> {
  const from = await open(source, 'r');
  try {
    const end = Math.min((await from.stat()).size, limit);
    await withFiles(extents, async (handleOf) => {
      const buffer = Buffer.alloc(CHUNK);
      for (let position = 0, bytesRead = 1; position < end && bytesRead > 0; position += bytesRead) {
        ({ bytesRead } = await from.read(buffer, 0, Math.min(CHUNK, end - position), position));
        const bytes = buffer.subarray(0, bytesRead);
        if (Buffer.compare(bytes, ZEROES.subarray(0, bytesRead)) === 0) continue;
        const done = await writeAt(extents, position, bytes, handleOf);
        if (done < bytesRead) throw new RangeError(`${source} is larger than the device`);
      }
    });
  } finally {
    await from.close();
  }
}

/** Gives how many bytes had room. */
async function writeAt(
  extents: readonly FileExtent[],
  offset: number,
  bytes: Uint8Array,
  handleOf: (file: string) => Promise<FileHandle>,
): Promise<number> {
  let done = 0;
  for (const part of slice(extents, offset, bytes.length)) {
    await writeFully(await handleOf(part.file), bytes.subarray(done, done + part.length), part.offset);
    done += part.length;
  }
  return done;
}

/** Opens each file once, and closes all after they are on the disk. */
async function withFiles(
  extents: readonly FileExtent[],
  use: (handleOf: (file: string) => Promise<FileHandle>) => Promise<void>,
): Promise<void> {
  const handles = new Map<string, FileHandle>();
  const handleOf = async (file: string) => {
    const handle = handles.get(file) ?? (await openDisk(file));
    handles.set(file, handle);
    return handle;
  };
  try {
    await use(handleOf);
  } finally {
    for (const handle of handles.values()) await handle.close();
  }
  for (const file of new Set(extents.map((extent) => extent.file))) if (handles.has(file)) await syncPath(file);
}
