import { describe, expect, test } from 'vitest';
import { explainKeyChange } from '../../../src/plan/explain.ts';
import type { JsonObject } from '../../../src/util/json.ts';

const explain = (before: JsonObject, after: JsonObject) =>
  explainKeyChange({ kind: 'k', inputs: before, dependencies: {} }, { kind: 'k', inputs: after, dependencies: {} });
const hook = (name: string, sha: string) => ({ run: 'hook', phase: 'install.d', name, element: 'e', sha256: sha.repeat(64) });
const run = (offset: number, length: number) => ({ container: 'local_loop.disk', offset, length });
const install = (...packages: string[]) => ({ run: 'install', phase: 'install.d', packages });

describe('why a key changed', () => {
  test.each<[string, JsonObject, JsonObject, string]>([
    ['bytes, exactly', { size: 4 * 1024 ** 3 }, { size: 6 * 1024 ** 3 }, 'size 4GiB -> 6GiB'],
    ['text', { label: 'gpt' }, { label: 'mbr' }, 'label gpt -> mbr'],
    ['text with spaces, in quotes', { points: '/ /boot' }, { points: '/ /srv' }, 'points "/ /boot" -> "/ /srv"'],
    ['a new member', {}, { hostname: 'web' }, 'hostname (none) -> web'],
    ['lines of a text', { fstab: '# a\nx\n' }, { fstab: '# a\ny\n' }, 'fstab: +y -x'],
    ['a list', { opts: ['-O', 'a'] }, { opts: ['-O', 'b'] }, 'opts: +b -a'],
    ['order', { opts: ['a', 'b'] }, { opts: ['b', 'a'] }, 'opts: in another order'],
    ['a digest', { files: 'a'.repeat(64) }, { files: 'b'.repeat(64) }, 'files of its elements have other content'],
    ['a changed hook', { steps: [hook('50-a', 'a')] }, { steps: [hook('50-a', 'b')] }, 'install.d/50-a has other content'],
    ['a new hook', { steps: [hook('50-a', 'a')] }, { steps: [hook('50-a', 'a'), hook('60-b', 'b')] }, 'install.d/60-b was added'],
    ['a hook that is gone', { steps: [hook('50-a', 'a')] }, { steps: [] }, 'install.d/50-a was removed'],
    ['packages', { steps: [install('jq', 'vim')] }, { steps: [install('curl', 'jq')] }, 'packages of install.d: +curl -vim'],
    [
      'a partition, without its sectors',
      { layout: { partitions: [{ name: 'root', length: 1024 ** 3, sectors: 2097152 }] } },
      { layout: { partitions: [{ name: 'root', length: 2 * 1024 ** 3, sectors: 4194304 }] } },
      'root.length 1GiB -> 2GiB',
    ],
    [
      'a size, without the place that says the same',
      { length: 1024 ** 3, place: [run(0, 1024 ** 3)] },
      { length: 2 * 1024 ** 3, place: [run(0, 2 * 1024 ** 3)] },
      'length 1GiB -> 2GiB',
    ],
    [
      'another place, as runs of bytes',
      { place: [run(1024 ** 2, 1024 ** 3)] },
      { place: [run(2 * 1024 ** 2, 1024 ** 3)] },
      'place: +1GiB at 2MiB of local_loop.disk -1GiB at 1MiB of local_loop.disk',
    ],
  ])('%s', (_what, before, after, expected) => {
    expect(explain(before, after)).toBe(expected);
  });

  test('many members: the first three', () => {
    expect(explain({ a: 1, b: 1, c: 1, d: 1, e: 1 }, { a: 2, b: 2, c: 2, d: 2, e: 2 })).toBe(
      'a 1 -> 2, b 1 -> 2, c 1 -> 2 and 2 more',
    );
  });

  test('dependencies, when nothing else', () => {
    const from = (key: string) => ({ kind: 'k', inputs: {}, dependencies: { 'layer.a': key, 'layer.b': 'x' } });
    expect(explainKeyChange(from('1'), from('2'))).toBe('made from layer.a, which changes');
  });
});
