import { formatBytes } from '../blockdev/sizes.ts';
import type { PlannedDisk } from '../plan/plan.ts';

const UNKNOWN_SIZE = '(known after apply)';
/** Free space below this is left out of the drawing: it is the table and alignment. */
const SMALLEST_GAP = 2 * 1024 ** 2;

interface Cell {
  readonly lines: readonly [string, string];
  /** Bytes; undefined while unknown. */
  readonly length?: number | undefined;
}

/**
 * Draws a disk, volume group or thin pool to scale in `width` columns: a line about it, a bar with one box for each partition or volume, and
 * below it the exact places. Boxes too narrow for their scale are widened to show their name. Plain text.
 */
export function drawDisk(disk: PlannedDisk, width = 80): string {
  const size = disk.size === undefined ? UNKNOWN_SIZE : formatBytes(disk.size);
  const sectors = disk.sectorSize === undefined ? '' : `, ${disk.sectorSize}-byte sectors`;
  const title = `${disk.address}: ${size}, ${disk.label}${sectors}`;
  // A terminal without a size says 0.
  return [title, ...about(disk), ...bar(cellsOf(disk), width > 0 ? width : 80), ...legend(disk)].join('\n');
}

/** Of an existing disk: who it is, what it holds, and what becomes of that. */
function about({ device }: PlannedDisk): string[] {
  if (device === undefined) return [];
  const { path, node, model, serial, holds, ours, lost } = device;
  if (!device.present) return [`  ${path}: not on this machine now`];
  const who = [node === path ? undefined : node, model, serial && `serial ${serial}`].filter((part) => part !== undefined);
  const fate = lost ? ', which WILL BE LOST' : ours ? ', made by dib' : '';
  return [`  ${path}${who.length === 0 ? '' : ` (${who.join(', ')})`}`, `  holds now: ${holds}${fate}`];
}

/** All disks, with an empty line between them. */
export function drawDisks(disks: readonly PlannedDisk[], width = 80): string {
  return disks.map((disk) => drawDisk(disk, width)).join('\n\n');
}

function cellsOf(disk: PlannedDisk): Cell[] {
  const cells: Cell[] = [];
  let end = 0;
  const gap = (until: number): void => {
    if (until - end >= SMALLEST_GAP) cells.push({ lines: ['free', formatBytes(until - end)], length: until - end });
  };
  for (const { name, start, length } of disk.segments) {
    if (start !== undefined) gap(start);
    cells.push({ lines: [name, length === undefined ? '?' : formatBytes(length)], length });
    if (start !== undefined && length !== undefined) end = start + length;
  }
  // Volumes have a length, but no start.
  const known = disk.segments.every(({ length }) => length !== undefined);
  const placed = disk.segments.some(({ start }) => start !== undefined);
  if (!placed) end = disk.segments.reduce((sum, { length = 0 }) => sum + length, 0);
  if (disk.size !== undefined && known) gap(disk.size);
  return cells;
}

function bar(cells: readonly Cell[], width: number): string[] {
  if (cells.length === 0) return [];
  const widths = shareColumns(cells, Math.max(width - cells.length - 1, cells.length));
  const rule = (left: string, middle: string, right: string): string =>
    left + widths.map((columns) => '─'.repeat(columns)).join(middle) + right;
  const row = (line: 0 | 1): string =>
    `│${cells.map((cell, index) => clip(cell.lines[line], widths[index] as number)).join('│')}│`;
  return [rule('┌', '┬', '┐'), row(0), row(1), rule('└', '┴', '┘')];
}

/** Columns for each cell: in proportion to its bytes, but enough for its name, up to 12, as long as there is room. */
function shareColumns(cells: readonly Cell[], total: number): number[] {
  const most = Math.max(1, Math.floor(total / cells.length));
  const least = cells.map(({ lines }) => Math.min(Math.max(...lines.map((line) => line.length)), 12, most));
  // Without all lengths there is no scale: then all are alike.
  const known = cells.every(({ length }) => length !== undefined);
  const sum = known ? cells.reduce((bytes, { length }) => bytes + (length ?? 0), 0) : 0;
  const widths = [...least];
  let spare = total - least.reduce((columns, each) => columns + each, 0);
  while (spare > 0) {
    // The cell that is furthest below its scale grows; of equals the first.
    const wish = cells.map(
      ({ length }, index) => (sum === 0 ? total / cells.length : ((length ?? 0) / sum) * total) - (widths[index] as number),
    );
    const neediest = wish.indexOf(Math.max(...wish));
    widths[neediest] = (widths[neediest] as number) + 1;
    spare -= 1;
  }
  return widths;
}

function clip(text: string, columns: number): string {
  if (text.length <= columns) return text.padEnd(columns);
  return columns <= 1 ? '…'.slice(0, columns) : `${text.slice(0, columns - 1)}…`;
}

function legend(disk: PlannedDisk): string[] {
  const rows = disk.segments.map(({ name, start, length, what }) => [
    name,
    length === undefined ? UNKNOWN_SIZE : formatBytes(length),
    start === undefined ? '' : `at ${formatBytes(start)}`,
    what,
  ]);
  const widths = [0, 1, 2, 3].map((column) => Math.max(...rows.map((row) => (row[column] as string).length)));
  const line = (row: readonly string[]): string =>
    row.flatMap((text, column) => (widths[column] === 0 ? [] : [text.padEnd(widths[column] as number)])).join('  ');
  return rows.map((row) => `  ${line(row)}`.trimEnd());
}
