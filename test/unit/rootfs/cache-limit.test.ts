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
])('DIB_CACHE_MAX_SIZE=%s', (text, bytes) => {
  expect(cacheLimit(text === undefined ? {} : { DIB_CACHE_MAX_SIZE: text })).toBe(bytes);
});

test.each(['0', 'much', '-5', '5 apples', 'Infinity'])('DIB_CACHE_MAX_SIZE=%s is refused', (text) => {
  expect(() => cacheLimit({ DIB_CACHE_MAX_SIZE: text })).toThrow(
    `\`DIB_CACHE_MAX_SIZE\` is \`${text}\`, which is no size above zero`,
  );
});
