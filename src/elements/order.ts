/**
 * The order of `LC_ALL=C sort -n`: by the leading number (none counts as 0), ties by the bytes of the whole name.
 * It is the order of hooks and of environment.d files.
 */
export function compareHookNames(left: string, right: string): number {
  const difference = leadingNumber(left) - leadingNumber(right);
  return difference !== 0 ? difference : compareBytes(left, right);
}

/** Order of the UTF-8 bytes, as `LC_ALL=C sort` has it. */
export function compareBytes(left: string, right: string): number {
  return Buffer.compare(Buffer.from(left), Buffer.from(right));
}

function leadingNumber(name: string): number {
  const match = /^\s*(-?(?:\d+(?:\.\d*)?|\.\d+))/.exec(name);
  return match?.[1] === undefined ? 0 : Number(match[1]);
}
