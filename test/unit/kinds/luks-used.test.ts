import { describe, expect, it } from 'vitest';
import { freeBlocks } from '../../../src/kinds/ext-free.ts';
import type { ActionContext } from '../../../src/kinds/kind.ts';
import { usedRanges } from '../../../src/kinds/luks-used.ts';

const MIB = 1024 * 1024;
const PLAIN = '/work/crypt.luks-plain';

/** What dumpe2fs says, as far as it matters. */
function dump(free: number, groups: readonly string[], blockSize = 1024): string {
  const head = [`Free blocks:              ${free}`, 'First block:              1', `Block size:               ${blockSize}`];
  const lines = groups.flatMap((list, index) => [`Group ${index}: (Blocks 1-2)`, `  Free blocks: ${list}`, '  Free inodes: 7-9']);
  return `${[...head, ...lines].join('\n')}\n`;
}

describe('freeBlocks', () => {
  it('takes blocks one by one and in runs, and groups without any', () => {
    expect(freeBlocks(dump(14, ['11, 20-29', '', '8195-8197']))).toEqual([
      { offset: 11 * 1024, length: 1024 },
      { offset: 20 * 1024, length: 10 * 1024 },
      { offset: 8195 * 1024, length: 3 * 1024 },
    ]);
  });

  it('takes none where they are not all there, or counted otherwise', () => {
    expect(freeBlocks(dump(14, ['11, 20-29', '', '8195-819']))).toEqual([]);
    expect(freeBlocks(dump(14, ['11, 20-29']))).toEqual([]);
    expect(freeBlocks(dump(16, ['16-28'], 4096))).toEqual([]);
    expect(freeBlocks('')).toEqual([]);
  });
});

interface Made {
  readonly outputs: Readonly<Record<string, object>>;
  readonly dump?: string;
}

/** Gives the ranges, and the commands that were run. */
async function used(size: number, { outputs, dump: stdout = '' }: Made) {
  const commands: string[] = [];
  const context = {
    outputs: (address: string) => outputs[address],
    run: async ({ argv }: { argv: readonly string[] }) => {
      commands.push(argv.join(' '));
      return { exitCode: 0, stdout, stderr: '' };
    },
  } as unknown as ActionContext;
  const content = Object.keys(outputs).map((address) => ({ address }));
  return { ranges: await usedRanges(PLAIN, size, content, context), commands };
}

const extent = (offset: number, length: number, file = PLAIN) => ({ file, offset, length });

describe('of the content of a container is used', () => {
  it('what is not free of a file system in the middle of it, in whole pages', async () => {
    const mkfs = { type: 'ext4', extents: [extent(4 * MIB, 2 * MIB)] };
    const { ranges, commands } = await used(8 * MIB, { outputs: { 'mkfs.root': mkfs }, dump: dump(1017, ['7-1022', '1024']) });
    expect(commands).toEqual([`dumpe2fs ${PLAIN}?offset=${4 * MIB}`]);
    // Blocks 0 to 6, and 1023 with the page that it begins in the middle of; then all behind 1024.
    expect(ranges).toEqual([
      { offset: 4 * MIB, length: 8192 },
      { offset: 5 * MIB - 4096, length: MIB + 4096 },
    ]);
  });

  it('of a swap area its header, of a volume group what it writes, of any other file system all', async () => {
    const outputs = {
      'mkfs.swap': { type: 'swap', extents: [extent(4 * MIB, MIB), extent(9 * MIB, MIB)] },
      'vgs.data': { areas: [[extent(0, MIB)], [extent(0, MIB, '/work/other.raw')]] },
      'mkfs.esp': { type: 'vfat', extents: [extent(6 * MIB, MIB)] },
      'encrypt.inner': { container: [extent(7 * MIB, MIB), extent(0, MIB, '/work/other.raw')] },
    };
    const { ranges, commands } = await used(16 * MIB, { outputs });
    expect(commands).toEqual([]);
    expect(ranges).toEqual([
      { offset: 0, length: MIB },
      { offset: 4 * MIB, length: 65_536 },
      { offset: 6 * MIB, length: 2 * MIB },
    ]);
  });

  it('all of an ext file system that does not lie in one piece', async () => {
    const mkfs = { type: 'ext4', extents: [extent(MIB, MIB), extent(0, MIB, '/work/other.raw'), extent(3 * MIB, MIB)] };
    const { ranges, commands } = await used(8 * MIB, { outputs: { 'mkfs.root': mkfs } });
    expect(commands).toEqual([]);
    expect(ranges).toEqual([
      { offset: MIB, length: MIB },
      { offset: 3 * MIB, length: MIB },
    ]);
  });

  it('nothing where nobody writes, and nothing beyond the end', async () => {
    expect((await used(MIB, { outputs: {} })).ranges).toEqual([]);
    const mkfs = { type: 'vfat', extents: [extent(0, MIB - 512)] };
    expect((await used(MIB - 512, { outputs: { 'mkfs.fs': mkfs } })).ranges).toEqual([{ offset: 0, length: MIB - 512 }]);
  });
});
