import type { FilesystemType } from '../blockdev/devices.ts';
import type { ContainerContent, FileExtent } from './disk-inputs.ts';
import type { EncryptOutputs } from './encrypt.ts';
import { type ByteRange, freeBlocks, freeBlocksCommand } from './ext-free.ts';
import { slice } from './extents.ts';
import type { ActionContext } from './kind.ts';
import type { MkfsOutputs } from './mkfs.ts';
import { isExt, SWAP_HEADER_BYTES } from './mkfs-commands.ts';
import type { VgsOutputs } from './vgs.ts';

/** A multiple of all encryption sectors, and what files are stored in. */
const UNIT = 4096;

/**
 * What of a container's content must be encrypted: all that somebody wrote or reads as zeroes because nobody did. What is left out nobody looks at before
 * he writes it: free blocks of ext, a swap area, extents of a volume group that no volume has, a volume with nothing on it.
 * @param plain the file of the content.
 * @param size its bytes.
 * @returns whole units, in order, none touching another.
 */
export async function usedRanges(
  plain: string,
  size: number,
  content: readonly ContainerContent[],
  context: ActionContext,
): Promise<readonly ByteRange[]> {
  const extents: FileExtent[] = [];
  for (const each of content) extents.push(...(await usedExtents(each, context)));
  const inside = extents.filter(({ file }) => file === plain);
  return joined(inside, size);
}

async function usedExtents({ address }: ContainerContent, context: ActionContext): Promise<readonly FileExtent[]> {
  const outputs = context.outputs(address);
  switch (address.slice(0, address.indexOf('.'))) {
    case 'mkfs':
      return await usedByFilesystem(outputs as MkfsOutputs, context);
    case 'vgs':
      return (outputs as VgsOutputs).areas.flat();
    case 'encrypt':
      return (outputs as EncryptOutputs).container;
    default:
      throw new Error(`nobody knows what ${address} writes`);
  }
}

async function usedByFilesystem({ type, extents = [] }: MkfsOutputs, context: ActionContext): Promise<readonly FileExtent[]> {
  if (type === 'swap') return slice(extents, 0, SWAP_HEADER_BYTES);
  const [only, more] = extents;
  if (!isExt(type as FilesystemType) || only === undefined || more !== undefined) return extents;
  const { stdout } = await context.run(freeBlocksCommand(`${only.file}?offset=${only.offset}`));
  return withoutRanges(extents, freeBlocks(stdout));
}

/** The parts of a device that are in none of some ranges, which are in order. */
function withoutRanges(extents: readonly FileExtent[], ranges: readonly ByteRange[]): readonly FileExtent[] {
  const left: FileExtent[] = [];
  let position = 0;
  for (const { offset, length } of [...ranges, { offset: Number.POSITIVE_INFINITY, length: 0 }]) {
    left.push(...slice(extents, position, offset - position));
    position = offset + length;
  }
  return left;
}

function joined(ranges: readonly ByteRange[], size: number): readonly ByteRange[] {
  const found: { offset: number; length: number }[] = [];
  for (const { offset, length } of [...ranges].sort((a, b) => a.offset - b.offset)) {
    const start = Math.floor(offset / UNIT) * UNIT;
    const end = Math.min(Math.ceil((offset + length) / UNIT) * UNIT, size);
    const last = found.at(-1);
    if (last === undefined || last.offset + last.length < start) found.push({ offset: start, length: end - start });
    else last.length = Math.max(last.length, end - last.offset);
  }
  return found;
}
