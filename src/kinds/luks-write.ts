import { open } from 'node:fs/promises';
import { LUKS_HEADER_BYTES } from './cryptsetup-commands.ts';
import type { Piece } from './disk-file.ts';
import type { FileExtent, LuksHeader } from './disk-inputs.ts';
import type { ByteRange } from './ext-free.ts';
import { clearExtents, writeToExtents } from './extents.ts';
import type { ActionContext } from './kind.ts';
import { type SectorCipher, sectorCipher } from './sector-cipher.ts';

/** A container and its content in clear. */
export interface PlainContent {
  readonly header: LuksHeader;
  /** Path of a file that begins with the header as it will be in the container. */
  readonly headerFile: string;
  /** Where the container lies. */
  readonly container: readonly FileExtent[];
  /** Path of the file of the content. */
  readonly plain: string;
  /** What of it is encrypted. The rest of the container is left as a hole. */
  readonly used: readonly ByteRange[];
}

/** Bytes that are encrypted in one go: what calculates them, and what comes of it, stays in the processor's cache. */
const CHUNK = 256 * 1024;

/** Makes a container with its content. The header comes last, so that there is no container as long as its content is not whole. */
export async function writeContainer(content: PlainContent, volumeKey: Uint8Array, context: ActionContext): Promise<void> {
  const { header, headerFile, container, plain, used } = content;
  const cipher = sectorCipher(header.cipher, volumeKey, header.sectorSize);
  await clearExtents(context, container);
  await writeToExtents(container, encrypted(plain, used, cipher, context.signal));
  await writeToExtents(container, piecesOf(headerFile, [{ offset: 0, length: LUKS_HEADER_BYTES }]));
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
