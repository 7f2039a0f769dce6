import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import * as grammar from '../../../src/blockdev/grammar.ts';
import { parseBlockDevices } from '../../../src/blockdev/parse.ts';
import { parseYaml } from '../../../src/config/yaml/parse.ts';
import { SourceText } from '../../../src/diagnostics/source-text.ts';
import { validateImage } from '../../../src/generated/validate-image.ts';
import type { Json } from '../../../src/util/json.ts';

const TOP = join(import.meta.dirname, '../../..');
const read = (file: string): string => readFileSync(join(TOP, file), 'utf8');

interface Pages {
  withBlockDevices(schema: unknown, table: typeof grammar): unknown;
  formatJson(value: unknown): string;
  withGrammar(page: string, table: typeof grammar): string;
}
const pages = (await import(join(TOP, 'scripts/block-device-pages.mjs'))) as Pages;

describe('what follows from the grammar is fresh: else run `npm run generate`', () => {
  test('the schema', () => {
    const text = read('schemas/image.schema.json');
    expect(text).toBe(`${pages.formatJson(pages.withBlockDevices(JSON.parse(text), grammar))}\n`);
  });

  test('the tables of the page', () => {
    const text = read('docs/block-devices.md');
    expect(text).toBe(pages.withGrammar(text, grammar));
  });

  test('a table without a place on the page is noticed', () => {
    expect(() => pages.withGrammar(read('docs/block-devices.md').replaceAll('keys of luks', 'keys'), grammar)).toThrow(
      'has no place for "keys of luks"',
    );
  });
});

describe('the examples of the page', () => {
  const examples = [...read('docs/block-devices.md').matchAll(/^```yaml\n(.*?)^```/gms)].map(([, text]) => text as string);

  test('are there', () => {
    expect(examples.length).toBeGreaterThanOrEqual(8);
  });

  test.each(examples)('%s', (text) => {
    const { value } = parseYaml(new SourceText('example.yaml', text));
    const { block_device: list } = value as { readonly block_device: readonly Json[] };
    const { diagnostics } = parseBlockDevices(list, { imageName: 'example', locate: () => undefined });
    expect(diagnostics).toEqual([]);
    validateImage({ apiVersion: 'dib/v1', name: 'example', distro: { name: 'debian', release: 'bookworm' }, block_device: list });
    expect(validateImage.errors ?? []).toEqual([]);
  });
});

test('every child of a node may stand on it, and every node that is written somewhere has a parent there', () => {
  for (const kind of grammar.NODE_KINDS) {
    for (const child of grammar.childrenOf(kind)) expect(grammar.GRAMMAR[child].parents).toContain(kind);
    const { written, keys } = grammar.GRAMMAR[kind];
    if (typeof written !== 'string') expect(Object.keys(grammar.GRAMMAR[written.in].keys)).toContain(written.list);
    // A name as well as a list of names says what a node is called: only members of an array have none.
    if (kind !== 'raid_member') expect(Object.keys(keys)).toContain('name');
  }
});
