import { GIB, parseSize } from '../blockdev/sizes.ts';

const DEFAULT = 20 * GIB;

/** Bytes that the cache may keep: DIB_CACHE_MAX_SIZE, a size such as `5GiB` or a number of GiB; by default 20. */
export function cacheLimit(environment: NodeJS.ProcessEnv = process.env): number {
  const chosen = environment['DIB_CACHE_MAX_SIZE'] ?? '';
  const number = Number(chosen);
  if (number > 0) return number * GIB;
  const size = parseSize(chosen);
  return 'bytes' in size && size.bytes > 0 ? size.bytes : DEFAULT;
}
