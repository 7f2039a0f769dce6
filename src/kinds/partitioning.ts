import type { DiskLayout, PlacedPartition } from '../blockdev/devices.ts';
import { gptBytes } from '../blockdev/gpt.ts';
import { mbrBytes } from '../blockdev/mbr.ts';
import type { JsonObject } from '../util/json.ts';
import {
  clearExtent,
  clearRecorded,
  clearTraces,
  isMachineDisk,
  type Piece,
  readPiece,
  statOrUndefined,
  writePieces,
} from './disk-file.ts';
import { known, type LocalLoopOutputs, type PartitioningInputs } from './disk-inputs.ts';
import { type Kind, type Presence, type RecordedResource, UNKNOWN } from './kind.ts';
import { asFarAsReadable } from './probing.ts';

/** Boot code of the master boot record: the first 440 bytes of the disk belong to the boot loader. */
export const BOOT_CODE_BYTES = 440;

interface PartitioningOutputs extends JsonObject {
  readonly file: string;
  /** What destroy clears: `[offset, length]` of all that belongs to the table. */
  readonly extents: readonly (readonly [number, number])[];
}

/** The bytes of the partition table, without the boot code area. */
export function tablePieces(layout: DiskLayout): readonly Piece[] {
  const pieces = layout.label === 'gpt' ? gptBytes(layout) : mbrBytes(layout);
  return pieces.map(({ offset, bytes }) => {
    const skip = Math.max(0, BOOT_CODE_BYTES - offset);
    return { offset: offset + skip, bytes: bytes.subarray(skip) };
  });
}

/**
 * The extents that belong to no partition: table, gaps, backup table. Of an MBR disk not the gap before the first
 * partition, where the boot loader may stand.
 */
export function gaps(layout: DiskLayout): [offset: number, length: number][] {
  const partitions = [...layout.partitions].sort((a: PlacedPartition, b) => a.offset - b.offset);
  const found: [number, number][] = [];
  let position = layout.label === 'gpt' ? BOOT_CODE_BYTES : firstUse(layout);
  for (const { offset, length } of partitions) {
    if (offset > position) found.push([position, offset - position]);
    position = Math.max(position, offset + length);
  }
  if (layout.size > position) found.push([position, layout.size - position]);
  return found;
}

/** Byte of the first partition or of the extended partition, whichever comes first. */
function firstUse(layout: DiskLayout): number {
  const extended = layout.extended === undefined ? [] : [layout.extended.startSector * layout.sectorSize];
  return Math.min(layout.size, ...extended, ...layout.partitions.map((each) => each.offset));
}

/** The table must be there byte for byte: whatever else is written over it is another table. */
async function probeTable({ inputs, outputs }: RecordedResource): Promise<Presence> {
  const { file } = outputs as PartitioningOutputs;
  const { layout } = inputs as PartitioningInputs;
  if ((await statOrUndefined(file)) === undefined) return { state: 'absent' };
  if ((await readPiece(file, 510, 2)).toString('hex') !== '55aa')
    return { state: 'drifted', reason: `${file} has no partition table any more` };
  if (layout === UNKNOWN) return { state: 'present' };
  for (const { offset, bytes } of tablePieces(layout as DiskLayout)) {
    const found = await readPiece(file, offset, bytes.length);
    if (Buffer.compare(found, bytes) !== 0) return { state: 'drifted', reason: `the partition table of ${file} was changed` };
  }
  return { state: 'present' };
}

/** Writes the partition table into the disk file. */
export const partitioning: Kind = {
  kind: 'partitioning',
  pool: 'io',
  requires: () => [{ need: 'tool', name: 'fallocate', package: 'util-linux', why: 'clears parts of the disk file' }],
  // The bytes are written by dib itself; there is no command to show.
  commands: () => [],
  needsDetached: () => true,

  probe: (recorded) => asFarAsReadable(() => probeTable(recorded)),

  async create(inputs, context): Promise<PartitioningOutputs> {
    const { disk, layout: maybe } = inputs as PartitioningInputs;
    const layout = known<DiskLayout & JsonObject>(maybe, `layout of ${disk}`);
    const { file } = context.outputs(disk) as LocalLoopOutputs;
    for (const [offset, length] of gaps(layout)) await clearTraces(context, file, offset, length);
    // Of an earlier table on a disk of this machine, which destroy leaves: the boot loader is made anew after this.
    if (await isMachineDisk(file)) await clearExtent(context, file, 0, firstUse(layout));
    const pieces = tablePieces(layout);
    await writePieces(file, pieces);
    return { file, extents: pieces.map(({ offset, bytes }) => [offset, bytes.length] as const) };
  },

  async destroy(recorded, context) {
    const { file, extents } = recorded.outputs as Partial<PartitioningOutputs>;
    if (file === undefined || extents === undefined) return;
    for (const [offset, length] of extents) await clearRecorded(context, file, offset, length);
  },
};
