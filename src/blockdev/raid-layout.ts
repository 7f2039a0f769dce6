import type { Raid, RaidLevel } from './devices.ts';
import { KIB, MIB, roundDown, roundUp } from './sizes.ts';

/** Where the data of an array lies on its members, and how much it gives. */
export interface RaidGeometry {
  /** Bytes before the data of each member: `mdadm --create --data-offset`. */
  readonly dataOffset: number;
  /** Bytes that the array uses of each member: `mdadm --create --size`. Absent for level 0, which takes all of each. */
  readonly component?: number | undefined;
  /** Bytes of the device that the array gives; zero or less if the members are too small. */
  readonly size: number;
}

/** Kept free for the superblock, its bitmap and its list of bad blocks, which take up to 136 KiB. */
const METADATA = MIB;
/** Parts of a member without chunks (level 1) are used in this step, as mdadm rounds. */
const STEP = 64 * KIB;
/** Room in front of the data lets mdadm reshape an array without a backup file; it takes this part of a member, at most 128 MiB. */
const HEADROOM_SHARE = 1024;
const LARGEST_HEADROOM = 128 * MIB;

/** Fewest members of an array that can do its work whole (md(4)). */
export const FEWEST_MEMBERS: Readonly<Record<RaidLevel, number>> = { 0: 2, 1: 2, 5: 3, 6: 4, 10: 2 };

/**
 * The geometry of an array on members of these sizes (bytes). mdadm would choose a data offset by the size of each member; dib gives it,
 * so that the plan knows what fits. Metadata 1.2 stands before the data, 1.0 behind it.
 */
export function raidGeometry(raid: Pick<Raid, 'level' | 'chunk' | 'metadata'>, members: readonly number[]): RaidGeometry {
  const dataOffset = raid.metadata === '1.0' ? 0 : METADATA + headroom(Math.min(...members));
  const reserved = raid.metadata === '1.0' ? METADATA : dataOffset;
  const chunk = raid.chunk * KIB;
  const step = raid.level === 1 ? STEP : chunk;
  const usable = members.map((bytes) => roundDown(Math.max(0, bytes - reserved), step));
  if (raid.level === 0) {
    const striped = raid.metadata === '1.0' ? members.map((bytes) => roundDown(beforeSuperblock(bytes), step)) : usable;
    return { dataOffset, size: striped.reduce((sum, bytes) => sum + bytes, 0) };
  }
  const component = Math.min(...usable);
  return { dataOffset, component, size: arraySize(raid.level, component, members.length, chunk) };
}

function headroom(member: number): number {
  return Math.min(LARGEST_HEADROOM, roundDown(member / HEADROOM_SHARE, MIB));
}

/** Bytes of a striped member before what mdadm puts to its end for metadata 1.0: a list of bad blocks and the superblock. mdadm takes no `--size` for it. */
function beforeSuperblock(member: number): number {
  return Math.max(0, roundDown(member - 8 * KIB, 4 * KIB) - 4 * KIB);
}

function arraySize(level: Exclude<RaidLevel, 0>, component: number, members: number, chunk: number): number {
  switch (level) {
    case 1:
      return component;
    case 5:
      return component * (members - 1);
    case 6:
      return component * (members - 2);
    case 10:
      // Two copies of each chunk side by side: layout n2.
      return roundDown((component * members) / 2, chunk);
  }
}

/** Bytes that a member needs so that the array gives `size`. */
export function raidMemberNeed(raid: Pick<Raid, 'level' | 'chunk' | 'metadata' | 'base'>, size: number): number {
  const members = raid.base.length;
  let member = roundUp(size / members, MIB) + METADATA;
  while (raidGeometry(raid, Array<number>(members).fill(member)).size < size) member += MIB;
  return member;
}
