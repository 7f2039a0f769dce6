import { describe, expect, test } from 'vitest';
import { parseCommandLine } from '../../../src/import/command-line.ts';

/** `-flag=value` of each option, and the elements. */
function read(line: string) {
  const { value, diagnostics } = parseCommandLine(line.split(' ').filter((word) => word !== ''));
  if (value === undefined) return diagnostics.map(({ summary, help }) => [summary, help].filter(Boolean).join(' / '));
  return {
    options: value.settings.map(({ flag, value: text }) => (text === '' ? flag : `${flag}=${text}`)),
    elements: value.elements,
  };
}

describe('arguments are read as getopt_long does', () => {
  test.each([
    ['-o web vm debian', ['-o=web'], ['vm', 'debian']],
    ['vm -o web debian', ['-o=web'], ['vm', 'debian']],
    ['-oweb vm', ['-o=web'], ['vm']],
    ['-xxut raw vm', ['-x', '-x', '-u', '-t=raw'], ['vm']],
    ['--image-size 3 vm', ['--image-size=3'], ['vm']],
    ['--image-size=3 vm', ['--image-size=3'], ['vm']],
    ['--image-s=3 vm', ['--image-size=3'], ['vm']],
    ['--no vm', ['--no-tmpfs'], ['vm']],
    ['-p a,b -p c vm', ['-p=a,b', '-p=c'], ['vm']],
    ['-t raw -t qcow2,tar vm', ['-t=qcow2,tar'], ['vm']],
    ['--mkfs-options=-O,^metadata_csum vm', ['--mkfs-options=-O,^metadata_csum'], ['vm']],
    ['-n -- vm -x', ['-n'], ['vm', '-x']],
    // getopt refuses these two, which the documentation has.
    ['--image-extra-size 5 --mkfs-journal-size 128 vm', ['--image-extra-size=5', '--mkfs-journal-size=128'], ['vm']],
  ])('%s', (line, options, elements) => {
    expect(read(line)).toEqual({ options, elements });
  });

  test.each([
    [
      '--image 3 vm',
      'The option `--image` may be `--image-size`, `--image-extra-size` or `--image-cache` / Write the whole name.',
    ],
    ['--imag-size 3 vm', 'disk-image-create has no option `--imag-size` / Did you mean `--image-size`?'],
    ['-z vm', 'disk-image-create has no option `-z`'],
    ['vm -o', 'The option `-o` lacks its value'],
    ['--offline=1 vm', 'The option `--offline` takes no value'],
    ['--help', '`--help` and `--version` build nothing: there is nothing to import'],
    ['-h', '`--help` and `--version` build nothing: there is nothing to import'],
  ])('%s is refused', (line, message) => {
    expect(read(line)).toEqual([message]);
  });

  test('a line without elements is refused, with an example', () => {
    const [message] = read('-o web') as string[];
    expect(message).toMatch(/^The command line names no elements .* after `--`/);
  });
});
