import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { compareHookNames } from '../../../src/elements/order.ts';

it('sorts by number, then by bytes', () => {
  const names = ['100-z', '10-a', '20_y', '2-b', '02-c', 'aa', '9-x', '-1'];
  expect(names.sort(compareHookNames)).toEqual(['-1', 'aa', '02-c', '2-b', '9-x', '10-a', '20_y', '100-z']);
});

it('agrees with sort -n', () => {
  const name = fc.stringMatching(/^[0-9A-Za-z_-]{1,12}$/);
  fc.assert(
    fc.property(fc.uniqueArray(name, { maxLength: 40 }), (names) => {
      const sorted = execFileSync('sort', ['-n'], {
        input: names.map((item) => `${item}\n`).join(''),
        env: { LC_ALL: 'C', PATH: process.env['PATH'] },
      });
      expect([...names].sort(compareHookNames)).toEqual(
        sorted
          .toString()
          .split('\n')
          .filter((line) => line !== ''),
      );
    }),
    { numRuns: 60 },
  );
});
