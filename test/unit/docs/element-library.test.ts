import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { LINT_RULES } from '../../../src/elements/lint/registry.ts';

const TOP = join(import.meta.dirname, '../../..');
const { elementLibrary } = (await import(join(TOP, 'scripts/element-pages.mjs'))) as {
  elementLibrary(directory: string): string;
};

describe('docs/element-library.md', () => {
  test('is fresh: else run `npm run generate`', () => {
    expect(readFileSync(join(TOP, 'docs/element-library.md'), 'utf8')).toBe(elementLibrary(join(TOP, 'elements')));
  });

  test('says all of an element.yaml', () => {
    const directory = mkdtempSync(join(tmpdir(), 'dib-library-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    mkdirSync(join(directory, 'web'));
    writeFileSync(join(directory, 'web/element-deps'), 'vm\n');
    writeFileSync(join(directory, 'web/element-provides'), 'http-server\n');
    writeFileSync(
      join(directory, 'web/element.yaml'),
      `summary: A web server
description: |
  Serves pages.
distros: [debian, ubuntu]
network: [install.d]
variables:
  DIB_B: {type: string, default: 'a|b', enum: ['a|b', c], description: 'B, of
      two lines.'}
  DIB_A: {type: integer, required: true, secret: true, deprecated: Use DIB_B., description: A.}
`,
    );
    expect(elementLibrary(directory).split('\n').slice(7)).toEqual([
      '| element | what it does |',
      '|---|---|',
      '| [web](#web) | A web server |',
      '',
      '## web',
      '',
      'A web server. For Debian and Ubuntu. Provides `http-server`. Needs `vm`. Uses the network in `install.d`. More in its [README](../elements/web/README.md).',
      '',
      'Serves pages.',
      '',
      '| variable | type | default | meaning |',
      '|---|---|---|---|',
      '| `DIB_A` | integer |  | **Required.** A. Never shown or stored. Deprecated: Use DIB_B. |',
      '| `DIB_B` | string: `a\\|b`, `c` | `a\\|b` | B, of two lines. |',
      '',
    ]);
  });
});

/** docs/elements.md with its table of lint's rules made afresh. */
function withLintRules(page: string): string {
  const [begin, end] = ['<!-- lint rules -->', '<!-- /lint rules -->'];
  const rows = LINT_RULES.map(({ name, about }) => `| \`${name}\` | ${about.replaceAll('|', '\\|')} |\n`);
  const table = `${begin}\n\n| rule | asks for |\n|---|---|\n${rows.join('')}\n${end}`;
  return page.slice(0, page.indexOf(begin)) + table + page.slice(page.indexOf(end) + end.length);
}

describe('docs/elements.md', () => {
  test('has every rule of lint: else run this test with `-u`', async () => {
    const file = join(TOP, 'docs/elements.md');
    await expect(withLintRules(readFileSync(file, 'utf8'))).toMatchFileSnapshot(file);
  });
});
