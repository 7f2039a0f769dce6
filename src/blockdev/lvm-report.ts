import { quoted } from '../diagnostics/printable.ts';
import type { LogicalVolume, PlacedVolume, VolumeGroup } from './devices.ts';
import { type Issues, member } from './issues.ts';
import type { Allocation } from './lvm-layout.ts';
import { exactSize, formatBytes, mebibytes } from './sizes.ts';

/** Tells which volumes of a group come to nothing, and whether they fit, with the whole sum. */
export function reportVolumes(group: VolumeGroup, allocation: Allocation, issues: Issues): void {
  for (const { volume, what } of allocation.problems) {
    if (what === 'empty') reportEmpty(group, volume, allocation, issues);
  }
  const first = allocation.problems.find(({ what }) => what === 'overflow')?.volume;
  if (first === undefined) return;
  const { needed, there } = sums(allocation);
  const size = group.extentSize;
  issues.error('DIB_BLOCKDEV_LV_OVERFLOW', sizePointer(first), {
    summary: `the logical volumes do not fit into volume group ${quoted(group.name)}: ${needed} extents of ${formatBytes(size)} needed, ${there} there`,
    detail: arithmetic(group, allocation),
    help: `make the devices of the group larger by ${formatBytes((needed - there) * size)} or the volumes smaller, or use \`extents: 100%FREE\` for the last one`,
    related: groupPlace(group),
    address: `lvs.${first.name}`,
  });
}

function reportEmpty(group: VolumeGroup, volume: LogicalVolume, allocation: Allocation, issues: Issues): void {
  const size = group.extentSize;
  const relative = 'percent' in volume.size;
  const detail = arithmetic(group, allocation);
  issues.error(relative ? 'DIB_BLOCKDEV_NOTHING_LEFT' : 'DIB_BLOCKDEV_LV_TOO_SMALL', sizePointer(volume), {
    summary: relative
      ? `nothing is left for logical volume ${quoted(volume.name)} (${quoted(volume.sizeText)}): it would be smaller than one extent`
      : `logical volume ${quoted(volume.name)} (${quoted(volume.sizeText)}) is smaller than one extent of volume group ${quoted(group.name)}, ${formatBytes(size)}`,
    detail: relative ? detail : 'A logical volume has whole extents; what is above them is cut off.',
    help: relative
      ? 'make the devices of the group larger, or the volumes before it smaller'
      : `give it at least ${exactSize(size)}`,
    related: groupPlace(group),
    address: `lvs.${volume.name}`,
  });
}

function groupPlace(group: VolumeGroup) {
  return [{ message: `the volume group ${quoted(group.name)}`, pointer: group.pointer, part: 'key' as const }];
}

function sizePointer({ pointer, size }: LogicalVolume): string {
  return member(pointer, 'bytes' in size ? 'size' : 'extents');
}

function sums({ shares, placed }: Allocation): { needed: number; there: number } {
  const needed = shares.reduce((sum, { extents }) => sum + extents, 0);
  return { needed, there: placed.pvs.reduce((sum, { extents }) => sum + extents, 0) };
}

/** The sum as a table: what each volume takes, what each physical volume gives. */
function arithmetic(group: VolumeGroup, allocation: Allocation): string {
  const { needed, there } = sums(allocation);
  const { pvs } = allocation.placed;
  const rows: (readonly [string, number])[] = [
    ...allocation.shares.map(({ name, text, extents }) => [text === '' ? name : `${name} (${text})`, extents] as const),
    ['needed', needed],
    ...(pvs.length > 1 ? pvs.map(({ name, extents }) => [`physical volume ${name}`, extents] as const) : []),
    [`volume group ${group.name}`, there],
    [needed > there ? 'too much' : 'left', Math.abs(there - needed)],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  const columns = [
    rows.map(([, extents]) => String(extents)),
    rows.map(([, extents]) => mebibytes(extents * group.extentSize)),
  ].map((texts) => texts.map((text) => text.padStart(Math.max(...texts.map(({ length }) => length)))));
  return rows
    .map(([name], index) => `${name.padEnd(width)}  ${columns[0]?.[index]} extents  ${columns[1]?.[index]} MiB`)
    .join('\n');
}

/** A pool that promises more than it has is allowed: that is what thin pools are for, but it fills up without notice. */
export function warnOvercommit(volumes: readonly LogicalVolume[], placed: readonly PlacedVolume[], issues: Issues): void {
  const sizeOf = (name: string): number => placed.find((lv) => lv.name === name)?.size ?? 0;
  for (const pool of volumes.filter(({ type }) => type === 'thin-pool')) {
    const thin = volumes.filter((volume) => volume.type === 'thin' && volume.pool === pool.name);
    const promised = thin.reduce((sum, { name }) => sum + sizeOf(name), 0);
    const there = sizeOf(pool.name);
    if (there === 0 || promised <= there) continue;
    issues.warn('DIB_BLOCKDEV_THIN_OVERCOMMIT', pool.pointer, {
      summary: `the volumes of thin pool ${quoted(pool.name)} promise ${formatBytes(promised)}, the pool has ${formatBytes(there)}`,
      detail: 'When the pool is full, what is written to its volumes is lost.',
      help: `make the pool at least ${exactSize(promised)} large, or see to it that it grows in time (dmeventd)`,
      part: 'key',
      address: `lvs.${pool.name}`,
    });
  }
}
