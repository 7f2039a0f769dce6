import { expect, test } from 'vitest';
import { cacheLimit } from '../../../src/rootfs/cache-limit.ts';

const GIB = 1024 ** 3;

test.each([
  [undefined, 20 * GIB],
  ['', 20 * GIB],
  ['5', 5 * GIB],
  ['0.5', GIB / 2],
  ['5GiB', 5 * GIB],
  ['500MB', 500_000_000],
  ['0', 20 * GIB],
  ['much', 20 * GIB],
])('DIB_CACHE_MAX_SIZE=%s', (text, bytes) => {
  expect(cacheLimit(text === undefined ? {} : { DIB_CACHE_MAX_SIZE: text })).toBe(bytes);
});
