import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { dib } from '../support/dib.ts';

const TOP = fileURLToPath(new URL('../..', import.meta.url));
const EXAMPLES = readdirSync(join(TOP, 'examples'));

it.each(EXAMPLES)('examples/%s is valid, without a warning of its elements', (name) => {
  const answer = JSON.parse(dib(['validate', '--json', join(TOP, 'examples', name, 'image.yaml')])) as {
    diagnostics: { code: string }[];
  };
  expect(answer.diagnostics.filter(({ code }) => code.startsWith('DIB_ELEMENT'))).toEqual([]);
});

it('the README lists all examples', () => {
  const readme = readFileSync(join(TOP, 'README.md'), 'utf8');
  expect(EXAMPLES.filter((name) => !readme.includes(`(examples/${name})`))).toEqual([]);
});
