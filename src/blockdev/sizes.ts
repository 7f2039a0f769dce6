import { quoted } from '../diagnostics/printable.ts';

/** Why a size could not be read: a diagnostic without its place. */
export interface SizeProblem {
  readonly code: string;
  readonly summary: string;
  readonly detail?: string;
  readonly help: string;
}

export type SizeResult = { readonly bytes: number } | { readonly problem: SizeProblem };
export type RelativeSizeResult = { readonly percent: number } | SizeResult;

/** diskimage-builder's units, case-sensitive: a bare letter is decimal, as `GB`. */
const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  B: 1,
  K: 1000,
  KB: 1000,
  M: 1000 ** 2,
  MB: 1000 ** 2,
  G: 1000 ** 3,
  GB: 1000 ** 3,
  T: 1000 ** 4,
  TB: 1000 ** 4,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  TiB: 1024 ** 4,
};

const EXAMPLES =
  'write a number and a unit, such as `4GiB`, `512MiB` or `10GB` (KiB, MiB, GiB, TiB count by 1024; K, M, G, T and KB, MB, GB, TB by 1000)';

/**
 * Reads an absolute size in diskimage-builder's grammar: a decimal number, at most one space, a unit. A missing number is 1, a missing unit bytes;
 * fractions of a byte are cut off.
 */
export function parseSize(text: string): SizeResult {
  const match = /^([0-9.]*) ?([A-Za-z0-9_]*)$/.exec(text);
  if (text.trim() === '') return problem('DIB_BLOCKDEV_SIZE_SYNTAX', 'an empty text is not a size', EXAMPLES);
  if (!match) return problem('DIB_BLOCKDEV_SIZE_SYNTAX', `${quoted(text)} is not a size`, EXAMPLES);
  const [, digits = '', unit = ''] = match;
  if (digits !== '' && !/^([0-9]+\.?[0-9]*|\.[0-9]+)$/.test(digits)) {
    return problem('DIB_BLOCKDEV_SIZE_SYNTAX', `${quoted(digits)} is not a number`, EXAMPLES);
  }
  const factor = Object.hasOwn(UNITS, unit) ? UNITS[unit] : undefined;
  if (factor === undefined) return unknownUnit(unit);
  const bytes = Math.trunc((digits === '' ? 1 : Number(digits)) * factor);
  if (!Number.isSafeInteger(bytes))
    return problem('DIB_BLOCKDEV_SIZE_RANGE', `${quoted(text)} is more than dib can count`, 'give a size below 8192TiB');
  if (bytes === 0) return problem('DIB_BLOCKDEV_SIZE_RANGE', `${quoted(text)} is no space at all`, 'give a size above zero');
  return { bytes };
}

/** Reads the size of a partition: an absolute size, or a percentage of the space left, above 0 and up to 100. */
export function parseRelativeSize(text: string): RelativeSizeResult {
  if (!text.endsWith('%')) return parseSize(text);
  const number = text.slice(0, -1).trim();
  if (!/^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)$/.test(number)) {
    return problem(
      'DIB_BLOCKDEV_SIZE_SYNTAX',
      `${quoted(text)} is not a percentage`,
      'write a number before `%`, such as `100%`',
    );
  }
  const percent = Number(number);
  if (percent > 0 && percent <= 100) return { percent };
  return problem(
    'DIB_BLOCKDEV_SIZE_PERCENT',
    `${quoted(text)} is outside 0% to 100%`,
    'a percentage is of the space that is left after the partitions before it: write more than 0% and at most 100%',
  );
}

function unknownUnit(unit: string): SizeResult {
  const same = Object.keys(UNITS).find((known) => known.toLowerCase() === unit.toLowerCase());
  const binary = /^[KMGT]i$/i.exec(unit) ? `${unit.charAt(0).toUpperCase()}iB` : undefined;
  const meant = same ?? binary;
  return problem(
    'DIB_BLOCKDEV_SIZE_UNIT',
    `unknown unit ${quoted(unit)}`,
    meant ? `did you mean ${quoted(meant)}? Units are case-sensitive` : EXAMPLES,
  );
}

function problem(code: string, summary: string, help: string): { readonly problem: SizeProblem } {
  return { problem: { code, summary, help } };
}

const BINARY_UNITS = ['TiB', 'GiB', 'MiB', 'KiB'] as const;

/** Bytes in the largest binary unit that gives a number of at least 1, with at most two decimals: `4 GiB`, `1.5 GiB`, `37 bytes`. */
export function formatBytes(bytes: number): string {
  for (const [index, unit] of BINARY_UNITS.entries()) {
    const size = 1024 ** (4 - index);
    if (Math.abs(bytes) >= size) return `${trimmed(bytes / size)} ${unit}`;
  }
  return `${bytes} ${bytes === 1 ? 'byte' : 'bytes'}`;
}

/** Bytes as the grammar spells them, exact: `4GiB`, `1048577B`. */
export function exactSize(bytes: number): string {
  for (const [index, unit] of BINARY_UNITS.entries()) {
    const size = 1024 ** (4 - index);
    if (bytes >= size && bytes % size === 0) return `${bytes / size}${unit}`;
  }
  return `${bytes}B`;
}

/** MiB with three decimals where it is not whole, so that sums can be followed. */
export function mebibytes(bytes: number): string {
  const value = bytes / MIB;
  return Number.isInteger(value) ? String(value) : value.toFixed(3);
}

function trimmed(value: number): string {
  return String(Number(value.toFixed(2)));
}

/** The smallest multiple of `step` that is not below `value`. */
export function roundUp(value: number, step: number): number {
  return Math.ceil(value / step) * step;
}

/** The largest multiple of `step` that is not above `value`. */
export function roundDown(value: number, step: number): number {
  return Math.floor(value / step) * step;
}

export const KIB = 1024;
export const MIB = 1024 ** 2;
export const GIB = 1024 ** 3;
