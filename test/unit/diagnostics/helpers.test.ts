import { describe, expect, test } from 'vitest';
import { sortDiagnostics } from '../../../src/diagnostics/order.ts';
import { pointerKeys, pointerPath, pointerToken } from '../../../src/diagnostics/pointer.ts';
import { printable, quoted } from '../../../src/diagnostics/printable.ts';
import { SourceText } from '../../../src/diagnostics/source-text.ts';
import { didYouMean, listOf, suggestion } from '../../../src/diagnostics/suggest.ts';
import { colourLevel } from '../../../src/ui/colour.ts';

describe('did you mean', () => {
  const keys = ['release', 'arch', 'mirror', 'block_device', 'ext4', 'xfs', 'btrfs', 'vfat'];
  test.each([
    ['relase', 'release'],
    ['Release', 'release'],
    ['block-device', 'block_device'],
    ['blockdevice', 'block_device'],
    ['mirorr', 'mirror'],
    ['ext3', 'ext4'],
    ['xsf', 'xfs'],
    ['vfta', 'vfat'],
    ['zzzzzz', undefined],
    ['x', undefined],
    ['', undefined],
    ['release', undefined],
    ['r'.repeat(1000), undefined],
  ])('%s: %s', (word, expected) => {
    expect(didYouMean(word, keys)).toBe(expected);
  });

  test('as a sentence', () => {
    expect(suggestion('xsf', keys)).toBe('Did you mean `xfs`?');
    expect(suggestion('zzzz', ['a', 'b', 'c'])).toBe('Known are: `a`, `b` and `c`.');
    expect(suggestion('zzzz', [])).toBeUndefined();
    expect(listOf([])).toBe('');
    expect(listOf(['a', 'b'], 'or')).toBe('`a` or `b`');
  });
});

describe('source text', () => {
  const source = new SourceText('f', 'ab\r\nc\n\n');
  test('offsets, lines and columns', () => {
    expect(source.position(0)).toEqual({ line: 1, column: 1, offset: 0 });
    expect(source.position(3)).toEqual({ line: 1, column: 4, offset: 3 });
    expect(source.position(4)).toEqual({ line: 2, column: 1, offset: 4 });
    expect(source.position(6)).toEqual({ line: 3, column: 1, offset: 6 });
    expect(source.position(99)).toEqual({ line: 4, column: 1, offset: 7 });
    expect(source.position(-1).offset).toBe(0);
  });

  test('lines, without their ends', () => {
    expect([0, 1, 2, 3, 4, 5].map((number) => source.line(number))).toEqual(['', 'ab', 'c', '', '', '']);
  });

  test('the first line that says something', () => {
    expect(new SourceText('f', '# a\n\n---\nx: 1\n').firstLine()).toMatchObject({ start: { line: 4 }, end: { column: 5 } });
    expect(new SourceText('f', '').firstLine()).toMatchObject({ start: { offset: 0 }, end: { offset: 0 } });
  });
});

test('pointers', () => {
  expect(pointerToken('a/b~c')).toBe('a~1b~0c');
  expect(pointerKeys('/a~1b~0c/0')).toEqual(['a/b~c', '0']);
  expect(pointerKeys('')).toEqual([]);
  expect(pointerPath('/outputs/0/path')).toBe('outputs[0].path');
  expect(pointerPath('/0')).toBe('0');
});

test('text that is safe to print', () => {
  expect(printable('a\tb\nc\u001b\u0000\u009b\u2028\ud800\u202e')).toBe('a b\\nc\\x1b\\0\\x9b\\u2028\\ud800\\u202e');
  expect(printable('a\nb', 'lines')).toBe('a\nb');
  expect(printable('é日本👍')).toBe('é日本👍');
  expect(quoted('x'.repeat(100))).toBe(`\`${'x'.repeat(59)}…\``);
});

test('diagnostics go by file and position, each once', () => {
  const source = new SourceText('b', 'abc');
  const one = { code: 'DIB_B', severity: 'error', summary: 's', range: source.range(1, 2) } as const;
  const two = { code: 'DIB_A', severity: 'error', summary: 's', range: source.range(0, 1) } as const;
  const three = { code: 'DIB_C', severity: 'warning', summary: 's' } as const;
  expect(sortDiagnostics([one, two, one, three])).toEqual([three, two, one]);
});

describe('colour', () => {
  const terminal = { isTTY: true, getColorDepth: (): number => 24 };
  const pipe = {};
  test.each([
    ['a pipe', pipe, undefined, {}, 0],
    ['a terminal', terminal, 'auto', {}, 3],
    ['a terminal of 256 colours', { isTTY: true, getColorDepth: (): number => 8 }, 'auto', {}, 2],
    ['a dumb terminal', terminal, 'auto', { TERM: 'dumb' }, 0],
    ['a terminal in CI', terminal, 'auto', { CI: 'true' }, 1],
    ['a pipe in CI', pipe, 'auto', { CI: 'true' }, 0],
    ['NO_COLOR', terminal, 'auto', { NO_COLOR: '1' }, 0],
    ['an empty NO_COLOR says nothing', terminal, 'auto', { NO_COLOR: '' }, 3],
    ['NO_COLOR goes before FORCE_COLOR', terminal, 'auto', { NO_COLOR: '1', FORCE_COLOR: '3' }, 0],
    ['FORCE_COLOR', pipe, 'auto', { FORCE_COLOR: '1' }, 1],
    ['FORCE_COLOR without value', pipe, 'auto', { FORCE_COLOR: '' }, 1],
    ['FORCE_COLOR=3', pipe, 'auto', { FORCE_COLOR: '3' }, 3],
    ['FORCE_COLOR=0', terminal, 'auto', { FORCE_COLOR: '0' }, 0],
    ['--color=always', pipe, 'always', { NO_COLOR: '1' }, 1],
    ['--color=never', terminal, 'never', { FORCE_COLOR: '3' }, 0],
  ] as const)('%s', (_title, stream, choice, environment, level) => {
    expect(colourLevel(stream, choice, environment)).toBe(level);
  });
});
