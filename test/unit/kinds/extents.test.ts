import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DibError } from '../../../src/diagnostics/errors.ts';
import { createRunner } from '../../../src/exec/run.ts';
import { writeFully } from '../../../src/kinds/disk-file.ts';
import type { FileExtent } from '../../../src/kinds/disk-inputs.ts';
import {
  clearExtents,
  clearRecordedExtents,
  copyIntoExtents,
  extentsOf,
  extentsOfPlace,
  readFromExtents,
  slice,
  writeToExtents,
} from '../../../src/kinds/extents.ts';

const MIB = 1024 ** 2;
const runner = createRunner();

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'dib-extents-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** A file of `size` bytes of a fill, or a hole. */
function disk(name: string, size: number, fill?: string): string {
  const file = join(directory, name);
  writeFileSync(file, fill === undefined ? '' : fill.repeat(size));
  if (fill === undefined) truncateSync(file, size);
  return file;
}

const extent = (file: string, offset: number, length: number): FileExtent => ({ file, offset, length });

describe('slice', () => {
  const device = [extent('a', 100, 10), extent('b', 0, 5), extent('a', 500, 20)];

  it.each<[string, number, number, FileExtent[]]>([
    ['all of it', 0, 35, device],
    ['inside one extent', 2, 3, [extent('a', 102, 3)]],
    ['up to the end of an extent', 4, 6, [extent('a', 104, 6)]],
    ['from the start of an extent', 10, 5, [extent('b', 0, 5)]],
    ['across all', 9, 7, [extent('a', 109, 1), extent('b', 0, 5), extent('a', 500, 1)]],
    ['nothing', 7, 0, []],
    ['over the end: what there is', 30, 100, [extent('a', 515, 5)]],
    ['beyond the end', 35, 1, []],
  ])('%s', (_what, offset, length, expected) => {
    expect(slice(device, offset, length)).toEqual(expected);
  });
});

describe('extentsOf', () => {
  it('knows disks, pieces of disks and devices of several pieces', () => {
    expect(extentsOf({ file: '/d', size: 9, sectorSize: 512 })).toEqual([extent('/d', 0, 9)]);
    expect(extentsOf({ file: '/d', offset: 3, length: 4, sectorSize: 512 })).toEqual([extent('/d', 3, 4)]);
    expect(extentsOf({ size: 7, extents: [extent('/a', 1, 3), extent('/b', 2, 4)] })).toEqual([
      extent('/a', 1, 3),
      extent('/b', 2, 4),
    ]);
  });

  it('knows nothing of a device that only the kernel can map', () => {
    expect(extentsOf({ size: 9, sectorSize: 512 })).toBeUndefined();
    expect(extentsOf({ file: '/d' })).toBeUndefined();
  });
});

describe('extentsOfPlace', () => {
  it('translates runs of containers into runs of files, in order', () => {
    const outputs: Record<string, object> = {
      'local_loop.a': { file: '/a', size: 100 },
      'luks.c': { size: 50, extents: [extent('/plain', 0, 50)] },
    };
    const place = [
      { container: 'luks.c', offset: 10, length: 40 },
      { container: 'local_loop.a', offset: 90, length: 10 },
    ];
    expect(extentsOfPlace(place, (address) => outputs[address] as never)).toEqual([
      extent('/plain', 10, 40),
      extent('/a', 90, 10),
    ]);
  });

  it('refuses a container that is no file', () => {
    expect(() => extentsOfPlace([{ container: 'raid.r', offset: 0, length: 1 }], () => ({ size: 5 }))).toThrow(
      'raid.r is no file',
    );
  });
});

describe('writing', () => {
  it('goes across extents and files, and leaves what is beside them', async () => {
    const [a, b] = [disk('a', 20, '.'), disk('b', 10, '.')];
    await writeToExtents([extent(a, 2, 4), extent(b, 8, 2), extent(a, 10, 5)], [{ offset: 3, bytes: Buffer.from('12345') }]);
    expect(readFileSync(a, 'latin1')).toBe('.....1....45........');
    expect(readFileSync(b, 'latin1')).toBe('........23');
  });

  it('refuses what is beyond the end of the device', async () => {
    const a = disk('a', 20, '.');
    const write = writeToExtents([extent(a, 2, 4)], [{ offset: 2, bytes: Buffer.from('123') }]);
    await expect(write).rejects.toThrow(new RangeError('3 bytes at 2 are beyond the end of the device'));
  });

  it('has an answer where the file is gone', async () => {
    const gone = writeToExtents([extent(join(directory, 'gone'), 0, 4)], [{ offset: 0, bytes: Buffer.from('1') }]);
    await expect(gone).rejects.toThrow(DibError);
    await expect(gone).rejects.toThrow(`The disk file \`${join(directory, 'gone')}\` is gone`);
  });

  it('goes on after a write that wrote less than it was given', async () => {
    const written: [number, string][] = [];
    const handle = {
      write: async (bytes: Uint8Array, from: number, length: number, position: number) => {
        const some = Math.min(length, 3);
        written.push([position, Buffer.from(bytes.subarray(from, from + some)).toString()]);
        return { bytesWritten: some, buffer: bytes };
      },
    };
    await writeFully(handle as never, Buffer.from('abcdefgh'), 100);
    expect(written).toEqual([
      [100, 'abc'],
      [103, 'def'],
      [106, 'gh'],
    ]);
  });
});

describe('copyIntoExtents', () => {
  /** 1 MiB of a, 4 MiB of nothing, some b. */
  function source(): string {
    const file = disk('source', MIB, 'a');
    truncateSync(file, 5 * MIB);
    writeFileSync(file, 'b'.repeat(1000), { flag: 'a' });
    return file;
  }

  it('copies everything but runs of zeroes', async () => {
    const [from, a, b] = [source(), disk('a', 4 * MIB), disk('b', 4 * MIB)];
    const device = [extent(a, MIB, 3 * MIB), extent(b, 512, 3 * MIB)];
    await copyIntoExtents(from, device);
    expect((await readFromExtents(device, 0, 5 * MIB + 1000)).equals(readFileSync(from))).toBe(true);
    expect(statSync(a).blocks * 512).toBeLessThan(MIB + 64 * 1024);
    expect(statSync(b).blocks * 512).toBeLessThan(64 * 1024);
  });

  it('stops at a limit', async () => {
    const [from, a] = [source(), disk('a', MIB)];
    await copyIntoExtents(from, [extent(a, 0, MIB)], 1000);
    expect(readFileSync(a).subarray(0, 1001).toString('latin1')).toBe(`${'a'.repeat(1000)}\0`);
  });

  it('refuses a device that is too small for what is written, not for zeroes after it', async () => {
    const [from, small, exact] = [source(), disk('small', MIB - 1), disk('exact', MIB)];
    await expect(copyIntoExtents(from, [extent(small, 0, MIB - 1)])).rejects.toThrow(`${from} is larger than the device`);
    truncateSync(from, 5 * MIB);
    await copyIntoExtents(from, [extent(exact, 0, MIB)]);
    expect(readFileSync(exact).equals(Buffer.alloc(MIB, 'a'))).toBe(true);
  });
});

describe('clearing', () => {
  it('makes extents read as zeroes and nothing else, and passes over files that are gone', async () => {
    const a = disk('a', 20, '.');
    const extents = [extent(a, 3, 2), extent(join(directory, 'gone'), 0, 5), extent(a, 18, 2)];
    await clearExtents(runner, extents);
    expect(readFileSync(a, 'latin1')).toBe('...\0\0.............\0\0');
    await clearRecordedExtents(runner, [extent(a, 0, 1), ...extents]);
    expect(readFileSync(a, 'latin1')).toBe('\0..\0\0.............\0\0');
  });
});

it('does what a flat buffer does', async () => {
  const pieces = fc.array(fc.record({ at: fc.nat({ max: 2000 }), text: fc.uint8Array({ minLength: 1, maxLength: 400 }) }), {
    minLength: 1,
    maxLength: 6,
  });
  const layouts = fc.array(
    fc.record({ file: fc.constantFrom('a', 'b', 'c'), gap: fc.nat({ max: 50 }), length: fc.integer({ min: 1, max: 300 }) }),
    { minLength: 1, maxLength: 10 },
  );
  await fc.assert(
    fc.asyncProperty(layouts, pieces, fc.nat({ max: 2500 }), fc.nat({ max: 500 }), async (layout, writes, from, length) => {
      const files = Object.fromEntries(['a', 'b', 'c'].map((name) => [name, disk(name, 4000, '.')]));
      const next: Record<string, number> = { a: 0, b: 0, c: 0 };
      const extents = layout.map(({ file, gap, length: size }) => {
        const offset = (next[file] as number) + gap;
        next[file] = offset + size;
        return extent(files[file] as string, offset, size);
      });
      const total = extents.reduce((sum, each) => sum + each.length, 0);
      const flat = Buffer.alloc(total, '.');
      for (const { at, text } of writes) {
        const write = writeToExtents(extents, [{ offset: at, bytes: text }]);
        if (at + text.length > total) await expect(write).rejects.toThrow(RangeError);
        else await write;
        flat.set(text.subarray(0, Math.max(0, total - at)), Math.min(at, total));
      }
      expect((await readFromExtents(extents, 0, total)).equals(flat)).toBe(true);
      expect((await readFromExtents(extents, from, length)).equals(flat.subarray(from, from + length))).toBe(true);
      // No byte beside the extents was touched.
      const inside = extents.reduce((sum, each) => sum + each.length, 0);
      const dots = (bytes: Uint8Array) => bytes.reduce((count, byte) => count + (byte === 46 ? 1 : 0), 0);
      const all = Object.values(files).reduce((sum, file) => sum + dots(readFileSync(file)), 0);
      expect(all).toBe(3 * 4000 - inside + dots(flat));
    }),
    { numRuns: 60 },
  );
});
