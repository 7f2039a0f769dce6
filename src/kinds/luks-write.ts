import { randomBytes } from 'node:crypto';
import { mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { keyPipeCommand, LUKS_HEADER_BYTES, luksFormatFileCommand } from './cryptsetup-commands.ts';
import type { Piece } from './disk-file.ts';
import type { FileExtent, LuksHeader } from './disk-inputs.ts';
import type { ByteRange } from './ext-free.ts';
import { clearExtents, writeToExtents } from './extents.ts';
import type { ActionContext } from './kind.ts';
import { NO_MEMORY, refuseMemory } from './luks-attached.ts';
import { type SectorCipher, sectorCipher } from './sector-cipher.ts';

/** A container and its content in clear. */
export interface PlainContent {
  readonly header: LuksHeader;
  /** Where the container lies. */
  readonly container: readonly FileExtent[];
  /** Path of the file of the content. */
  readonly plain: string;
  /** Bytes of the content. */
  readonly size: number;
  /** What of it is encrypted. The rest of the container is left as a hole. */
  readonly used: readonly ByteRange[];
}

/** Bytes that are encrypted in one go: what calculates them, and what comes of it, stays in the processor's cache. */
const CHUNK = 256 * 1024;

/**
 * Makes a container with its content. The header comes last, so that there is no container as long as its content is not whole. The content is encrypted while
 * cryptsetup derives the key of the header, which takes longer.
 */
export async function writeContainer(content: PlainContent, key: Uint8Array, context: ActionContext): Promise<void> {
  const { header, container, plain, used, size } = content;
  await mkdir(context.paths.scratch, { recursive: true });
  const file = join(context.paths.scratch, `${context.address}.header`);
  const volumeKey = randomBytes(header.keySize / 8);
  try {
    const cipher = sectorCipher(header.cipher, volumeKey, header.sectorSize);
    await clearExtents(context, container);
    await allDone([
      makeHeader({ header, file, size: LUKS_HEADER_BYTES + size }, volumeKey, key, context),
      writeToExtents(container, encrypted(plain, used, cipher, context.signal)),
    ]);
    await writeToExtents(container, piecesOf(file, [{ offset: 0, length: LUKS_HEADER_BYTES }]));
  } finally {
    volumeKey.fill(0);
    await rm(file, { force: true });
  }
}

/** Waits for all, also where one fails. */
async function allDone(promises: readonly Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(promises)).find(({ status }) => status === 'rejected');
  if (failed?.status === 'rejected') throw failed.reason;
}

interface HeaderFile {
  readonly header: LuksHeader;
  readonly file: string;
  /** Bytes of the whole container: cryptsetup warns of one without room. */
  readonly size: number;
}

/** An empty container in a sparse file. Its volume key is ours: cryptsetup reads it from a pipe, so that it never stands on a disk. */
async function makeHeader(
  { header, file, size }: HeaderFile,
  volumeKey: Uint8Array,
  key: Uint8Array,
  context: ActionContext,
): Promise<void> {
  const pipe = `${file}.volume-key`;
  const handle = await open(file, 'w', 0o600);
  await handle.truncate(size).finally(() => handle.close());
  try {
    await context.run(keyPipeCommand(pipe));
    // Open for both, it waits for nobody, and holds what was written until it is closed (fifo(7)).
    const writer = await open(pipe, 'r+');
    try {
      await writer.write(volumeKey);
      const command = { ...luksFormatFileCommand(header, file, pipe), input: key, okExitCodes: [0, NO_MEMORY] };
      refuseMemory(await context.run(command), { shared: true }, header, context);
    } finally {
      await writer.close();
    }
  } finally {
    await rm(pipe, { force: true });
  }
}

/** The content as it lies in the container, after the header. */
async function* encrypted(
  plain: string,
  used: readonly ByteRange[],
  cipher: SectorCipher,
  signal: AbortSignal,
): AsyncGenerator<Piece> {
  for await (const { offset, bytes } of piecesOf(plain, used)) {
    signal.throwIfAborted();
    yield { offset: LUKS_HEADER_BYTES + offset, bytes: cipher.encrypt(bytes, offset) };
  }
}

/** Parts of a file, in pieces. The bytes of one are only good until the next. */
async function* piecesOf(file: string, ranges: readonly ByteRange[]): AsyncGenerator<Piece> {
  const handle = await open(file, 'r');
  try {
    const buffer = Buffer.alloc(CHUNK);
    for (const { offset, length } of ranges) {
      for (let done = 0; done < length; ) {
        const { bytesRead } = await handle.read(buffer, 0, Math.min(CHUNK, length - done), offset + done);
        if (bytesRead === 0) throw new RangeError(`${file} ends at ${offset + done}`);
        yield { offset: offset + done, bytes: buffer.subarray(0, bytesRead) };
        done += bytesRead;
      }
    }
  } finally {
    await handle.close();
  }
}
