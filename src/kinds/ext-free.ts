import type { Command } from '../exec/command.ts';

/** A run of bytes of a device. */
export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

/** Tells which blocks of an ext file system nothing has. `image`: a device or file; in the middle of one with `?offset=BYTES` at its end. */
export function freeBlocksCommand(image: string): Command {
  return { argv: ['dumpe2fs', image] };
}

/**
 * The free blocks in the output of dumpe2fs(8), as bytes from the start of the file system, in order. None where they do not add up to the number that
 * the superblock has: it is not all of the output, or blocks are counted in clusters.
 */
export function freeBlocks(dump: string): readonly ByteRange[] {
  const blockSize = Number(/^Block size: +(\d+)$/m.exec(dump)?.[1]);
  const expected = Number(/^Free blocks: +(\d+)$/m.exec(dump)?.[1]);
  const ranges = [...dump.matchAll(/^ {2}Free blocks: (.*)$/gm)].flatMap(([, list = '']) =>
    [...list.matchAll(/(\d+)(?:-(\d+))?/g)].map(([, first, last = first]) => ({
      offset: Number(first) * blockSize,
      length: (Number(last) - Number(first) + 1) * blockSize,
    })),
  );
  const found = ranges.reduce((sum, { length }) => sum + length, 0);
  return found === expected * blockSize ? ranges : [];
}
