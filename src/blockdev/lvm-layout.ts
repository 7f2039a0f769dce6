import type { LogicalVolume, PlacedGroup, PlacedPhysicalVolume, PlacedVolume, VolumeGroup } from './devices.ts';
import { GIB, KIB, MIB, roundUp } from './sizes.ts';

/** Bytes before the first extent of a physical volume: label and metadata, as pvcreate aligns (pvcreate(8) --dataalignment). */
export const PV_START = MIB;
/** A chunk of a thin pool's data is described by 64 bytes of metadata (lvmthin(7)); smaller chunks there are not. */
const SMALLEST_CHUNK = 64 * KIB;
const METADATA_PER_CHUNK = 64;
/** Chunks grow until the metadata is no larger than this, as with lvcreate. */
const BEST_METADATA = 128 * MIB;
const SMALLEST_METADATA = 2 * MIB;
const LARGEST_METADATA = 16 * GIB;

/** Why a logical volume got no place. */
export interface VolumeProblem {
  readonly volume: LogicalVolume;
  /** `empty`: it comes to no extent at all; `overflow`: the group has not enough. */
  readonly what: 'empty' | 'overflow';
}

/** One line of the arithmetic of a group. */
export interface ExtentShare {
  readonly name: string;
  /** Size as written; empty for what nobody wrote. */
  readonly text: string;
  readonly extents: number;
}

/** A group with its volumes placed, as far as they fit. */
export interface Allocation {
  readonly placed: PlacedGroup;
  /** What each volume takes or asks for, the ones that do not fit included. */
  readonly shares: readonly ExtentShare[];
  readonly problems: readonly VolumeProblem[];
}

/** Number of extents in a physical volume of so many bytes; below zero for one that is smaller than its metadata. */
export function extentsOf(bytes: number, extentSize: number): number {
  return Math.floor((bytes - PV_START) / extentSize);
}

/** Size of a thin pool's chunks and of its metadata, in bytes, for so much data: lvmthin(7), with the metadata in whole extents. */
export function poolMetadata(dataBytes: number, extentSize: number): { readonly chunk: number; readonly bytes: number } {
  let chunk = SMALLEST_CHUNK;
  while ((dataBytes / chunk) * METADATA_PER_CHUNK > BEST_METADATA) chunk *= 2;
  const bytes = Math.ceil(dataBytes / chunk) * METADATA_PER_CHUNK;
  return { chunk, bytes: roundUp(Math.min(LARGEST_METADATA, Math.max(SMALLEST_METADATA, bytes)), extentSize) };
}

/**
 * Gives extents to the volumes of a group, in their order. A volume goes whole onto the first physical volume that has room for it, else over as many as it
 * needs, in their order. Sizes in bytes are cut to whole extents, percentages too (lvcreate(8)); a thin pool of a percentage of FREE or PVS leaves room for its
 * metadata twice, as lvcreate does: once for the spare.
 */
export function allocateGroup(
  group: VolumeGroup,
  pvSizes: readonly { readonly name: string; readonly size: number }[],
  volumes: readonly LogicalVolume[],
): Allocation {
  const pool = new ExtentPool(group, pvSizes);
  for (const volume of volumes) pool.add(volume);
  return pool.allocation();
}

class ExtentPool {
  readonly #group: VolumeGroup;
  readonly #pvs: readonly PlacedPhysicalVolume[];
  /** First free extent of each physical volume. */
  readonly #next: number[];
  readonly #total: number;
  #free: number;
  /** Extents of the spare that any thin pool can be repaired with: as large as the largest metadata. */
  #spare = 0;
  readonly #lvs: PlacedVolume[] = [];
  readonly #shares: ExtentShare[] = [];
  readonly #problems: VolumeProblem[] = [];

  constructor(group: VolumeGroup, pvSizes: readonly { readonly name: string; readonly size: number }[]) {
    this.#group = group;
    this.#pvs = pvSizes.map(({ name, size }) => ({
      name,
      size,
      start: PV_START,
      extents: Math.max(0, extentsOf(size, group.extentSize)),
    }));
    this.#next = this.#pvs.map(() => 0);
    this.#total = this.#pvs.reduce((sum, { extents }) => sum + extents, 0);
    this.#free = this.#total;
  }

  add(volume: LogicalVolume): void {
    const requested = this.#requested(volume);
    const metadata = volume.type === 'thin-pool' ? this.#metadata(requested) : undefined;
    const leaves = metadata !== undefined && 'percent' in volume.size && volume.size.of !== 'VG';
    const extents = requested - (leaves ? 2 * metadata.extents : 0);
    if (extents <= 0) {
      this.#problems.push({ volume, what: 'empty' });
      return;
    }
    const { extentSize } = this.#group;
    if (volume.type === 'thin') {
      this.#lvs.push({ name: volume.name, extents: 0, size: extents * extentSize, segments: [] });
      return;
    }
    const growth = metadata ? Math.max(0, metadata.spare - this.#spare) : 0;
    const needed = extents + (metadata?.extents ?? 0) + growth;
    this.#shares.push({ name: volume.name, text: volume.sizeText, extents });
    if (metadata) this.#shares.push({ name: `${volume.name}: metadata and spare`, text: '', extents: needed - extents });
    if (needed > this.#free) {
      this.#problems.push({ volume, what: 'overflow' });
      return;
    }
    this.#spare += growth;
    this.#lvs.push({
      name: volume.name,
      extents: needed,
      size: extents * extentSize,
      segments: this.#take(extents),
      ...(metadata ? { metadata } : {}),
    });
    if (metadata) this.#take(needed - extents);
  }

  allocation(): Allocation {
    const { name: group, extentSize } = this.#group;
    const placed = { group, extentSize, pvs: this.#pvs, lvs: this.#lvs, free: this.#free };
    return { placed, shares: this.#shares, problems: this.#problems };
  }

  #requested({ size }: LogicalVolume): number {
    if ('extents' in size) return size.extents;
    if ('bytes' in size) return Math.floor(size.bytes / this.#group.extentSize);
    return Math.floor(((size.of === 'FREE' ? this.#free : this.#total) * size.percent) / 100);
  }

  #metadata(extents: number): { extents: number; spare: number; chunk: number } {
    const { extentSize } = this.#group;
    const { bytes, chunk } = poolMetadata(Math.max(0, extents) * extentSize, extentSize);
    return { extents: bytes / extentSize, spare: bytes / extentSize, chunk };
  }

  #take(count: number): PlacedVolume['segments'] {
    this.#free -= count;
    const whole = this.#pvs.findIndex((pv, index) => pv.extents - (this.#next[index] ?? 0) >= count);
    if (whole !== -1) return [this.#cut(whole, count)];
    const segments: PlacedVolume['segments'][number][] = [];
    let left = count;
    for (const [index, pv] of this.#pvs.entries()) {
      const part = Math.min(left, pv.extents - (this.#next[index] ?? 0));
      if (part === 0) continue;
      segments.push(this.#cut(index, part));
      left -= part;
    }
    return segments;
  }

  #cut(index: number, count: number): PlacedVolume['segments'][number] {
    const start = this.#next[index] ?? 0;
    this.#next[index] = start + count;
    return { pv: this.#pvs[index]?.name ?? '', start, count };
  }
}
