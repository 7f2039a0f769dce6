/** DIB_CRASH=full: all examples, killed everywhere. */
export const FULL = process.env['DIB_CRASH'] === 'full';
/** Besides: DIB_CRASH=stacks: all examples, killed at a sample of places. */
export const ALL_STACKS = FULL || process.env['DIB_CRASH'] === 'stacks';

/** Every n-th of some places, the last among them; with DIB_CRASH=full all of them. */
export function everyNth<T>(places: readonly T[], n: number): T[] {
  return FULL ? [...places] : places.filter((_, index) => (places.length - 1 - index) % n === 0);
}
