import { expect, test } from 'vitest';
import { MD_SUPERBLOCK_BYTES, readMdSuperblock } from '../../../src/blockdev/md-superblock.ts';

/** The second member of three of a RAID 5 with a bitmap, as mdadm 4.2 makes it; `place`: what stands in the list of places. */
function superblock(place = 1): Buffer {
  const block = Buffer.alloc(MD_SUPERBLOCK_BYTES);
  block.writeUInt32LE(0xa92b4efc, 0);
  block.writeUInt32LE(1, 4);
  block.writeUInt32LE(1, 8);
  block.write('f64922a6017f617e53d54b5cbb27d594', 16, 'hex');
  block.writeInt32LE(5, 72);
  block.writeInt32LE(2, 76);
  block.writeBigUInt64LE(94_208n, 80);
  block.writeUInt32LE(1024, 88);
  block.writeUInt32LE(3, 92);
  block.writeBigUInt64LE(4096n, 128);
  block.writeBigUInt64LE(94_209n, 136);
  block.writeUInt32LE(7, 160);
  block.writeBigUInt64LE(18n, 200);
  block.writeUInt16LE(place, 256 + 2 * 7);
  return block;
}

test('says what the array is, and which place the member has', () => {
  expect(readMdSuperblock(superblock())).toEqual({
    uuid: 'f64922a6017f617e53d54b5cbb27d594',
    features: 1,
    level: 5,
    layout: 2,
    componentSize: 94_208,
    chunk: 1024,
    members: 3,
    dataOffset: 4096,
    dataSize: 94_209,
    place: 1,
    events: 18n,
  });
});

test.each([
  ['a spare', 0xffff],
  ['one that failed', 0xfffe],
  ['a journal', 0xfffd],
])('%s has no place', (_what, place) => {
  expect(readMdSuperblock(superblock(place))?.place).toBeUndefined();
});

test('a place beyond what was read is none', () => {
  const block = superblock();
  block.writeUInt32LE(384, 160);
  expect(readMdSuperblock(block)?.place).toBeUndefined();
});

test('other bytes are no superblock', () => {
  expect(readMdSuperblock(Buffer.alloc(MD_SUPERBLOCK_BYTES))).toBeUndefined();
  expect(readMdSuperblock(superblock().subarray(0, 200))).toBeUndefined();
});
