import { describe, expect, it } from 'vitest';
import type { MdSuperblock } from '../../../src/blockdev/md-superblock.ts';
import { isWhole, memberSettings, shapeSettings } from '../../../src/kinds/raid-for-reading.ts';

const MEMBER: MdSuperblock = {
  uuid: 'f64922a6017f617e53d54b5cbb27d594',
  features: 1,
  level: 10,
  layout: 0x201,
  componentSize: 94_208,
  chunk: 1024,
  members: 2,
  dataOffset: 4096,
  dataSize: 94_209,
  place: 1,
  events: 18n,
};

describe('an array that is started without its metadata', () => {
  it('is told its shape, in the units of each file', () => {
    expect(shapeSettings(MEMBER)).toEqual([
      ['raid_disks', '2'],
      ['metadata_version', 'none'],
      ['level', 'raid10'],
      ['layout', '513'],
      ['chunk_size', '524288'],
      ['component_size', '47104'],
      ['resync_start', 'none'],
    ]);
  });

  it('is told where the data of a member lies: sectors before it, KiB of it', () => {
    expect(memberSettings(MEMBER, { name: 'dm-3', number: '253:3' })).toEqual([
      ['new_dev', '253:3'],
      ['dev-dm-3/offset', '4096'],
      ['dev-dm-3/size', '47104'],
      ['dev-dm-3/slot', '1'],
    ]);
  });
});

describe('an array is whole', () => {
  const first = { ...MEMBER, place: 0 };

  it('when each member has its place and knows the last change', () => {
    expect(isWhole([first, MEMBER])).toBe(true);
  });

  it.each<[string, readonly MdSuperblock[]]>([
    ['one is missing', [first]],
    ['two have changed places', [MEMBER, first]],
    ['one failed', [first, { ...MEMBER, place: undefined }]],
    ['one is older than the others', [first, { ...MEMBER, events: 17n }]],
    ['one knows of a third', [first, { ...MEMBER, members: 3 }]],
  ])('not when %s', (_what, superblocks) => {
    expect(isWhole(superblocks)).toBe(false);
  });
});
