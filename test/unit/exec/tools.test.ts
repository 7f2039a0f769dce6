import { expect, it } from 'vitest';
import { quoteCommand } from '../../../src/exec/quote.ts';
import { packageOf } from '../../../src/exec/tools.ts';

it('knows the package of a program and of those beside it', () => {
  expect(['mcopy', 'mmd', 'umount', 'mkfs.ext2', 'nothing'].map(packageOf)).toEqual([
    'mtools',
    'mtools',
    'mount',
    'e2fsprogs',
    undefined,
  ]);
});

it('quotes for a POSIX shell', () => {
  expect(quoteCommand({ argv: ['a', 'b c', "it's", '', '$x'], cwd: '/my dir', env: { A: '1 2' } })).toBe(
    `cd '/my dir' && env A='1 2' a 'b c' 'it'\\''s' '' '$x'`,
  );
});
