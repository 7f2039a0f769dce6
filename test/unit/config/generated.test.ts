import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';

const root = path.resolve(import.meta.dirname, '../../..');

interface Generator {
  schemaNames(): Promise<string[]>;
  typesOf(name: string): Promise<string>;
  validatorOf(name: string): Promise<string>;
  validatorName(name: string): string;
}
const generator = (await import(path.join(root, 'scripts/generate.mjs'))) as Generator;
const names = await generator.schemaNames();

describe.each(names)('schemas/%s.schema.json', (name) => {
  const schema = JSON.parse(readFileSync(path.join(root, `schemas/${name}.schema.json`), 'utf8'));

  test('the committed types are fresh: else run `npm run generate`', async () => {
    const committed = readFileSync(path.join(root, `src/generated/${name}-schema.ts`), 'utf8');
    expect(committed).toBe(await generator.typesOf(name));
  });

  test('it compiles in strict mode, to a module that needs nothing but small helpers', async () => {
    const code = await generator.validatorOf(name);
    const imports = [...code.matchAll(/^import (?!type).* from '(.*)';$/gmu)].map((match) => match[1]);
    for (const module of imports) expect(module).toMatch(/^ajv\/dist\/runtime\/\w+\.js$/u);
    expect(code).not.toMatch(/\brequire\(/u);
    expect(code).toContain(`export const ${generator.validatorName(name)}: SchemaValidator`);
  });

  test('it is draft-07 with an $id', () => {
    expect(schema.$schema).toBe('http://json-schema.org/draft-07/schema#');
    expect(schema.$id).toMatch(/^urn:dib:/u);
  });
});

test('everything in the image schema has a description', () => {
  const schema = JSON.parse(readFileSync(path.join(root, 'schemas/image.schema.json'), 'utf8'));
  const without: string[] = [];
  const visit = (value: unknown, pointer: string): void => {
    if (typeof value !== 'object' || value === null) return;
    const node = value as Record<string, unknown>;
    for (const group of ['properties', 'definitions']) {
      for (const [name, member] of Object.entries((node[group] ?? {}) as Record<string, Record<string, unknown>>)) {
        if (member['description'] === undefined && member['$ref'] === undefined) without.push(`${pointer}/${group}/${name}`);
        visit(member, `${pointer}/${group}/${name}`);
      }
    }
    visit(node['items'], `${pointer}/items`);
  };
  visit(schema, '');
  expect(schema.description).toBeDefined();
  expect(without).toEqual([]);
});
