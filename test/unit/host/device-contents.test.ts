import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { describeContents } from '../../../src/blockdev/device-facts.ts';
import { gptBytes } from '../../../src/blockdev/gpt.ts';
import { mbrBytes } from '../../../src/blockdev/mbr.ts';
import { digestOfUse, parsePartx, parseWipefs, readContents } from '../../../src/host/device-contents.ts';

const MIB = 1024 ** 2;
const SIZE = 64 * MIB;
let directory: string;
let file: string;
let bytes: Buffer;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'dib-unit-contents-'));
  file = join(directory, 'disk');
  bytes = Buffer.alloc(SIZE);
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

async function contents() {
  writeFileSync(file, bytes);
  return await readContents(file, { size: SIZE, sectorSize: 512 }, 0);
}

const layout = (label: 'gpt' | 'mbr', diskId: string) => ({
  disk: 'd',
  size: SIZE,
  sectorSize: 512,
  label,
  diskId,
  partitions: [
    {
      name: 'a',
      number: 1,
      kind: label === 'gpt' ? ('gpt' as const) : ('primary' as const),
      startSector: 2048,
      sectors: 2048,
      offset: MIB,
      length: MIB,
      type: label === 'gpt' ? '0FC63DAF-8483-4772-8E79-3D69D8477DE4' : '83',
      uuid: '11111111-2222-4333-8444-555555555555',
      boot: false,
    },
  ],
});

/** The first page of a swap area, as mkswap(8) makes it. */
function putSwap(offset: number): void {
  bytes.writeUInt32LE(1, offset + 1024);
  bytes.writeUInt32LE(255, offset + 1028);
  Buffer.from('0123456789abcdef0123456789abcdef', 'hex').copy(bytes, offset + 1036);
  bytes.write('data', offset + 1052);
  bytes.write('SWAPSPACE2', offset + 4086);
}

test('nothing, and what is not known', async () => {
  expect(await contents()).toMatchObject({ known: true, blank: true, signatures: [], partitions: [] });
  bytes.write('x', SIZE - 10);
  const found = await contents();
  expect(found).toMatchObject({ blank: false, signatures: [] });
  expect(describeContents(found)).toBe('data of an unknown kind');
  expect(await readContents(join(directory, 'gone'), { size: SIZE, sectorSize: 512 }, 3)).toEqual({
    known: false,
    why: 'it cannot be read (ENOENT)',
    partitions: 3,
  });
});

test('a table with its identifier, and what is in its partitions', async () => {
  for (const { offset, bytes: piece } of gptBytes(layout('gpt', '3ca008e3-131a-55bd-b9ef-22a9d6f8fcc5')))
    bytes.set(piece, offset);
  putSwap(MIB);
  const found = await contents();
  expect(found).toMatchObject({
    blank: false,
    signatures: [{ type: 'gpt', id: '3ca008e3-131a-55bd-b9ef-22a9d6f8fcc5' }],
    partitions: [
      {
        number: 1,
        offset: MIB,
        length: MIB,
        signature: { type: 'swap', id: '01234567-89ab-cdef-0123-456789abcdef', label: 'data' },
      },
    ],
  });
  expect(describeContents(found)).toBe('gpt with 1 partition: swap "data"');
});

test('an MBR', async () => {
  for (const { offset, bytes: piece } of mbrBytes(layout('mbr', '0x0badcafe'))) bytes.set(piece, offset);
  const found = await contents();
  expect(found).toMatchObject({ signatures: [{ type: 'dos', id: '0x0badcafe' }], partitions: [{ number: 1 }] });
  expect(describeContents(found)).toBe('mbr with 1 partition: unknown');
});

test('the digest changes with whatever is written to the edges or recognised', async () => {
  const digest = async () => {
    const found = await contents();
    return found.known ? found.digest : '';
  };
  const before = await digest();
  bytes.writeUInt8(1, 600);
  const edge = await digest();
  bytes.writeUInt8(0, 600);
  expect(edge).not.toBe(before);
  expect(await digest()).toBe(before);
});

test('use shows in the starts of partitions, unless they are opaque', async () => {
  for (const { offset, bytes: piece } of gptBytes(layout('gpt', '3ca008e3-131a-55bd-b9ef-22a9d6f8fcc5')))
    bytes.set(piece, offset);
  putSwap(MIB);
  const used = async () => digestOfUse(file, SIZE, await contents());
  const before = await used();
  bytes.writeUInt8(1, MIB + 8192);
  expect(await used()).not.toBe(before);
  bytes.fill(0, MIB, MIB + 8192);
  bytes.write('LUKS\xba\xbe\x00\x02', MIB, 'latin1');
  bytes.write('01234567-89ab-cdef-0123-456789abcdef', MIB + 168);
  expect(await contents()).toMatchObject({ partitions: [{ signature: { type: 'crypto_LUKS' } }] });
  expect(await used()).toBeUndefined();
});

test('what the tools print', () => {
  expect(parseWipefs('')).toEqual([]);
  expect(parseWipefs('{"signatures": []}')).toEqual([]);
  const row = (type: string, uuid: string | null) => ({ device: 'sda', offset: '0x0', type, uuid, label: null });
  expect(
    parseWipefs(JSON.stringify({ signatures: [row('gpt', null), row('gpt', null), row('PMBR', null), row('xfs', 'u')] })),
  ).toEqual([{ type: 'gpt' }, { type: 'xfs', id: 'u' }]);
  expect(parsePartx('1 2048 102400\n 5 4096 8 \n')).toEqual([
    { number: 1, offset: MIB, length: 50 * MIB },
    { number: 5, offset: 2 * MIB, length: 4096 },
  ]);
  expect(parsePartx('partx: no table\n')).toEqual([]);
});
