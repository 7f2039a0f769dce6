import { describe, expect, test } from 'vitest';
import { SourceText } from '../../../src/diagnostics/source-text.ts';
import { jsonReport } from '../../../src/report/json.ts';
import { renderDiagnostics } from '../../../src/ui/diagnostics.ts';
import { findings, parseText } from './support.ts';

const SECRET = 'correct horse 7';
const container = (keys: string): string =>
  `- local_loop:\n    name: d\n    size: 1GiB\n    luks:\n      name: crypt\n${keys}      mkfs: {type: ext4, mount: {mount_point: /}}\n`;

const TREES: readonly (readonly [name: string, text: string, expected: readonly string[]])[] = [
  ['key that is a text', container(`      key: "${SECRET}"\n`), ['6 DIB_BLOCKDEV_SECRET']],
  ['key over several lines', container(`      key: |\n        ${SECRET}\n        ${SECRET}\n`), ['6 DIB_BLOCKDEV_SECRET']],
  ['passphrase', container(`      passphrase: "${SECRET}"\n`), ['6 DIB_BLOCKDEV_SECRET']],
  ['password beside a key', container(`      key: prompt\n      Password: ${SECRET}\n`), ['7 DIB_BLOCKDEV_SECRET']],
  ['secret', container(`      luks_secret: {value: ${SECRET}}\n`), ['6 DIB_BLOCKDEV_SECRET']],
  ['key data', container(`      key: prompt\n      key_data: [${SECRET}]\n`), ['7 DIB_BLOCKDEV_SECRET']],
  ['passphrase as a source', container(`      key: {passphrase: ${SECRET}}\n`), ['6 DIB_BLOCKDEV_SECRET']],
  ['unknown source', container(`      key: {text: ${SECRET}}\n`), ['6 DIB_BLOCKDEV_KEY']],
  ['variable with the value in its place', container(`      key: {env: ${SECRET}}\n`), ['6 DIB_BLOCKDEV_KEY']],
  ['list', container(`      key: [${SECRET}]\n`), ['6 DIB_BLOCKDEV_KEY']],
  [
    'passphrase of a disk',
    container(`      key: prompt\n`).replace('    luks:', `    passphrase: ${SECRET}\n    luks:`),
    ['4 DIB_BLOCKDEV_SECRET'],
  ],
  [
    'luks that is the passphrase',
    `- local_loop: {name: d, size: 1GiB, mkfs: {mount: {mount_point: /}}}\n- luks: ${SECRET}\n`,
    ['2 DIB_BLOCKDEV_NOT_A_MAP'],
  ],
  [
    'other mistakes around it',
    container(`      kee: x\n      key: "${SECRET}"\n      cifer: y\n`),
    ['6 DIB_BLOCKDEV_UNKNOWN_KEY', '8 DIB_BLOCKDEV_UNKNOWN_KEY', '7 DIB_BLOCKDEV_SECRET'],
  ],
];

describe('a passphrase in the tree is refused, and shown nowhere', () => {
  test.each(TREES)('%s', (_name, text, expected) => {
    const checked = parseText(text);
    expect(checked.value).toBeUndefined();
    expect(findings(checked)).toEqual(expected);
    const source = new SourceText('tree.yaml', text);
    const options = { sources: () => source, directory: '/' };
    const shown = [
      renderDiagnostics(checked.diagnostics, options),
      JSON.stringify(jsonReport(checked.diagnostics, options)),
      JSON.stringify(checked.diagnostics),
    ];
    for (const each of shown) {
      expect(each).toContain('DIB_BLOCKDEV_');
      for (const word of ['correct', 'horse']) expect(each).not.toContain(word);
    }
  });

  test('the place is shown with what stands there written over', () => {
    const text = container(`      key: "${SECRET}"\n`);
    const shown = renderDiagnostics(parseText(text).diagnostics, { sources: () => new SourceText('tree.yaml', text) });
    expect(shown).toContain('tree.yaml:6:12');
    expect(shown).toContain('6 |       key: *****************');
    expect(shown).toContain('`key: {env: UNLOCK_KEY}`');
  });

  test('files of other diagnostics are shown as they are', () => {
    const text = '- loop: {name: correct}\n';
    expect(renderDiagnostics(parseText(text).diagnostics, { sources: () => new SourceText('tree.yaml', text) })).toContain(
      'correct',
    );
  });
});
