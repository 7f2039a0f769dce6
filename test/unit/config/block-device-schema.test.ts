import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { GRAMMAR, type NodeKind, PLUGINS } from '../../../src/blockdev/grammar.ts';

interface Definition {
  readonly additionalProperties: boolean;
  readonly properties: Readonly<Record<string, unknown>>;
}
const schema = JSON.parse(readFileSync(new URL('../../../schemas/image.schema.json', import.meta.url), 'utf8')) as {
  readonly definitions: Readonly<Record<string, Definition>>;
};

test.each(Object.keys(GRAMMAR) as NodeKind[])('editors are told the keys of %s that its parser knows', (kind) => {
  const children = PLUGINS.filter((plugin) => GRAMMAR[plugin].parents.includes(kind));
  // A table stands on its disk, in whose place partitions are written.
  const nested = kind === 'partition' ? children.filter((child) => child !== 'partitioning') : children;
  expect(Object.keys(schema.definitions[kind]?.properties ?? {}).sort()).toEqual([...GRAMMAR[kind].keys, ...nested].sort());
  expect(schema.definitions[kind]?.additionalProperties).toBe(false);
});

test('editors are told all plugins', () => {
  expect(Object.keys(schema.definitions['block_device_item']?.properties ?? {})).toEqual([...PLUGINS]);
});
