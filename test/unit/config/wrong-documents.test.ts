import { describe, expect, test } from 'vitest';
import { parseImage } from '../../../src/config/load.ts';
import { hasErrors } from '../../../src/diagnostics/diagnostic.ts';
import { HEAD, WRONG_DOCUMENTS } from './wrong-documents.ts';

function problems(text: string) {
  return parseImage(text, '/work/image.yaml', 'amd64').diagnostics;
}

describe('wrong documents', () => {
  test.each(WRONG_DOCUMENTS)('$title', ({ text, expected }) => {
    const { diagnostics, value } = parseImage(text, '/work/image.yaml', 'amd64');
    expect(diagnostics.map(({ code, range, summary }) => [code, `${range?.start.line}:${range?.start.column}`, summary])).toEqual(
      expected,
    );
    expect(value === undefined).toBe(hasErrors(diagnostics));
  });

  test('each is a different mistake', () => {
    const titles = WRONG_DOCUMENTS.map((document) => document.title);
    expect(new Set(titles).size).toBe(titles.length);
    expect(titles.length).toBeGreaterThan(100);
  });
});

describe('what helps', () => {
  test.each([
    ['element: [vm]', 'Did you mean `elements`?'],
    ['elements: []\nelemets: [vm]', '`elements` is there already: merge the two.'],
    [
      'zzz: 1',
      'Known keys: `distro`, `elements`, `elements_path`, `skip_base`, `native_elements`, `packages`, `environment`, `block_device` and `outputs`.',
    ],
    ['imagename: x', 'Write `name`.'],
    ['block-device: []', 'Did you mean `block_device`?'],
    ['<<: { packages: [] }', 'YAML merge keys are not supported: write the values out.'],
    ['elements: vm', 'Write a list: [vm].'],
    ['packages: [0644]', "Put it in quotes: '0644'."],
    ['outputs: [qcow]', 'Did you mean `qcow2`? Known values: `raw`, `qcow2` and `tar`.'],
    ['outputs: [vmdk]', 'Known values: `raw`, `qcow2` and `tar`.'],
    ['distro: { name: debain, release: bookworm }', 'Did you mean `debian`?'],
    ["distro: { name: debian, release: '12' }", 'Did you mean `bookworm`?'],
    ['distro: { name: debian, release: bookworm, arch: aarch64 }', 'Did you mean `arm64`?'],
    ['distro: { name: debian }', 'Add it, for example `release: bookworm`.'],
    ['environment:\n  - A=1', 'Write `key: value` lines, without `- `.'],
    ['environment:\n  A:', "Give it a value, write '' for an empty text, or remove it."],
    ['packages: [&tools curl, *toils]', 'Did you mean `*tools`?'],
    ['elements: [vm openssh-server]', 'Write them as items of the list: [vm, openssh-server].'],
    ['elements: [../common/motd]', 'Add `../common` to `elements_path`, and name the element `motd` here.'],
    ['elements: [elements/motd]', 'Write `./elements/motd` if it is a path.'],
    ['packages: [on]', "Put it in quotes: 'on'."],
    ['distro: "debian', 'Add the `"`.'],
  ])('%s', (text, help) => {
    expect(problems(`${HEAD}${text}\n`).map((problem) => problem.help)).toContain(help);
  });

  test('an octal number is told what YAML makes of it, from its source', () => {
    const [problem] = problems('apiVersion: dib/v1\nname: 0700\n');
    expect(problem?.detail).toBe('YAML 1.1 reads 0700 as octal, 448; YAML 1.2 as 700.');
  });

  test('a duplicate key points to the first one', () => {
    const [problem] = problems(`${HEAD}name: again\n`);
    expect(problem?.related?.map(({ message, range }) => [message, range.start.line])).toEqual([['first given here', 2]]);
  });

  test('at most a hundred problems, errors first, and how many are missing', () => {
    const text = `${HEAD}packages: [${'curl, '.repeat(150)}]\n${Array.from({ length: 120 }, (_, at) => `k${at}: 1\n`).join('')}`;
    const list = problems(text);
    expect(list).toHaveLength(100);
    expect(list.filter((problem) => problem.severity === 'warning')).toEqual([]);
    expect(list.at(-1)?.summary).toBe('170 more problems are not shown');
  });
});
