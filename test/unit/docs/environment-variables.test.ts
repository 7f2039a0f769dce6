import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { OWN_VARIABLES } from '../../../src/plan/prepare.ts';

const TOP = join(import.meta.dirname, '../../..');
const PAGE = readFileSync(join(TOP, 'docs/environment-variables.md'), 'utf8');

/** Names in the first column of the table below a heading. */
function documented(heading: string): string[] {
  const [, section = ''] = PAGE.split(`## ${heading}\n`);
  const rows = (section.split('\n## ')[0] ?? '').split('\n').filter((line) => line.startsWith('| `'));
  return rows.flatMap((row) => [...(row.split('|')[1] ?? '').matchAll(/`([A-Za-z_]+)`/g)].map(([, name]) => name ?? ''));
}

/** Variables that the sources read straight from the shell, by name. */
function readFromShell(): Set<string> {
  const files = readdirSync(join(TOP, 'src'), { recursive: true, encoding: 'utf8' }).filter(
    (file) => file.endsWith('.ts') && !file.startsWith('generated'),
  );
  const texts = [...files.map((file) => join('src', file)), 'bin/dib.js'].map((file) => readFileSync(join(TOP, file), 'utf8'));
  return new Set(texts.flatMap((text) => [...text.matchAll(/process\.env(?:\.|\[')([A-Z_]+)/g)].map(([, name]) => name ?? '')));
}

test('what steers dib and never the image is documented, all of it', () => {
  expect(documented('What steers dib').filter((name) => name.startsWith('DIB_'))).toEqual([...OWN_VARIABLES].sort(inPage));
});

test('each variable that dib reads by itself is documented', () => {
  const onPage = [...documented('What steers dib'), ...documented('What becomes part of the image')];
  expect([...readFromShell()].filter((name) => !onPage.includes(name))).toEqual([]);
});

test('what a plan takes from the shell is documented', () => {
  expect(documented('What becomes part of the image')).toEqual(['ELEMENTS_PATH', 'ARCH', 'SOURCE_DATE_EPOCH']);
  const prepare = readFileSync(join(TOP, 'src/plan/prepare.ts'), 'utf8');
  const names = new Set([...prepare.matchAll(/environment\['([A-Z_]+)'\]/g)].map(([, name]) => name));
  expect(names).toEqual(new Set(['ELEMENTS_PATH', 'ARCH', 'SOURCE_DATE_EPOCH']));
});

function inPage(a: string, b: string): number {
  return PAGE.indexOf(`\`${a}\``) - PAGE.indexOf(`\`${b}\``);
}
