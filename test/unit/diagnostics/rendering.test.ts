import { Chalk } from 'chalk';
import { describe, expect, test } from 'vitest';
import { parseImage } from '../../../src/config/load.ts';
import type { Diagnostic } from '../../../src/diagnostics/diagnostic.ts';
import { sourceFiles } from '../../../src/diagnostics/source-files.ts';
import { SourceText } from '../../../src/diagnostics/source-text.ts';
import { jsonReport } from '../../../src/report/json.ts';
import { renderDiagnostics } from '../../../src/ui/diagnostics.ts';

const FILE = '/work/image.yaml';

function check(text: string) {
  const sources = sourceFiles([new SourceText(FILE, text)]);
  return { diagnostics: parseImage(text, FILE, 'amd64').diagnostics, sources, directory: '/work' };
}

function rendered(text: string, width?: number): string {
  const { diagnostics, ...options } = check(text);
  return renderDiagnostics(diagnostics, { ...options, width, colour: new Chalk({ level: 0 }) });
}

describe('for people', () => {
  test('summary, place, two lines of context on each side, carets, detail, help', () => {
    const text =
      'apiVersion: dib/v1\nname: web\ndistro:\n  name: debian\n  relase: bookworm\npackages: []\nelements: []\noutputs: [raw]\n';
    expect(rendered(text)).toBe(`error[DIB_CONFIG_UNKNOWN_KEY]: \`relase\` is not a key of \`distro\`
  --> image.yaml:5:3
 3 | distro:
 4 |   name: debian
 5 |   relase: bookworm
   |   ^^^^^^
 6 | packages: []
 7 | elements: []
  Unknown keys are refused, because a mistyped one would be ignored in silence.
  help: Did you mean \`release\`?
`);
  });

  test('several, with a second place', () => {
    expect(
      rendered('apiVersion: dib/v1\nname: a\nname: yes\nx: 1\n'),
    ).toBe(`error[DIB_YAML_DUPLICATE_KEY]: The key \`name\` is there twice
  --> image.yaml:3:1
 1 | apiVersion: dib/v1
 2 | name: a
 3 | name: yes
   | ^^^^
 4 | x: 1
  It was first given in line 2; only one of them can hold.
  note: first given here
  --> image.yaml:2:1
 1 | apiVersion: dib/v1
 2 | name: a
   | ^^^^
 3 | name: yes
 4 | x: 1
  help: Remove one, or merge their values.

error[DIB_CONFIG_UNKNOWN_KEY]: \`x\` is not a key of the image
  --> image.yaml:4:1
 2 | name: a
 3 | name: yes
 4 | x: 1
   | ^
  Unknown keys are refused, because a mistyped one would be ignored in silence.
  help: Known keys: \`distro\`, \`elements\`, \`elements_path\`, \`skip_base\`, \`native_elements\`, \`packages\`, \`environment\`, \`block_device\` and \`outputs\`.
`);
  });

  test('control characters and characters that reorder text never reach the terminal', () => {
    const text = rendered('apiVersion: dib/v1\nname: web\n"\\e[31m": \u001b[2J\u202e\n');
    expect(text).toContain('`\\x1b[31m` is not a key of the image');
    expect(text).toContain('3 | "\\e[31m": \\x1b[2J\\u202e');
    expect(text).not.toContain('\u001b');
  });

  test('wide characters and tabs keep the carets below their text', () => {
    expect(rendered('apiVersion: dib/v1\nname: web\ndistro: { "日本": \t1, name: debian, release: bookworm, x: 1 }\n')).toContain(
      `3 | distro: { "日本":  1, name: debian, release: bookworm, x: 1 }
   |           ^^^^^^`,
    );
  });

  test('long lines are cut around the place', () => {
    const text = rendered(
      `apiVersion: dib/v1\nname: web\npackages: [${'aaaa, '.repeat(50)}-x, bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb]\n`,
      60,
    );
    const lines = text.slice(text.indexOf('`-x` is not')).split('\n');
    const at = lines.findIndex((line) => line.startsWith(' 3'));
    expect(lines[at]).toBe(' 3 | …, aaaa, aaaa, aaaa, -x, bbbbbbbbbbbbbbbbbbbbbbbbbbbbb…');
    expect(lines[at + 1]?.indexOf('^')).toBe(lines[at]?.indexOf('-x'));
    expect(lines[at]?.length).toBeLessThanOrEqual(60);
  });

  test('a place of many lines is shown by its first six', () => {
    const text = rendered(
      `apiVersion: dib/v1\nname: web\nelements:\n  a: 1\n${Array.from({ length: 9 }, (_, at) => `  b${at}: 1\n`).join('')}`,
    );
    expect(text).toContain('... and 4 more lines');
  });

  test('colour marks severity, place and help, and only when asked for', () => {
    const { diagnostics, ...options } = check('apiVersion: dib/v1\nname: web\nx: 1\n');
    const text = renderDiagnostics(diagnostics, { ...options, colour: new Chalk({ level: 1 }) });
    expect(text).toContain('\u001b[31m\u001b[1merror[DIB_CONFIG_UNKNOWN_KEY]\u001b[22m\u001b[39m');
    expect(text).toContain('\u001b[31m^\u001b[39m');
  });

  test('without a place, or without the file, there is no frame', () => {
    const bare: Diagnostic = { code: 'DIB_X', severity: 'warning', summary: 'so it is', address: 'mkfs.root' };
    expect(renderDiagnostics([bare])).toBe('warning[DIB_X]: mkfs.root: so it is\n');
    const range = new SourceText('/nowhere/x.yaml', 'abc').range(1, 2);
    expect(renderDiagnostics([{ ...bare, range }], { directory: '/work' })).toBe(
      'warning[DIB_X]: mkfs.root: so it is\n  --> /nowhere/x.yaml:1:2\n',
    );
    expect(renderDiagnostics([])).toBe('');
  });
});

describe('for programs', () => {
  test("terraform's fields, with code, pointer, help and related", () => {
    const { diagnostics, ...options } = check('# ü\napiVersion: dib/v1\nname: web\npackages: [é, é, -x]\nname: b\n');
    expect(JSON.parse(JSON.stringify(jsonReport(diagnostics, options)))).toEqual({
      format_version: '1.0',
      valid: false,
      error_count: 4,
      warning_count: 0,
      diagnostics: [
        ...[0, 1].map((at) => ({
          severity: 'error',
          code: 'DIB_CONFIG_BAD_VALUE',
          summary: `\`é\` is not a valid \`packages[${at}]\``,
          detail: '',
          help: 'A package name starts with a letter or digit and goes on with letters, digits and `+ . : _ ~ = / -`.',
          pointer: `/packages/${at}`,
          range: {
            filename: 'image.yaml',
            start: { line: 4, column: 12 + 3 * at, byte: 45 + 4 * at },
            end: { line: 4, column: 13 + 3 * at, byte: 47 + 4 * at },
          },
          snippet: {
            context: null,
            code: 'packages: [é, é, -x]',
            start_line: 4,
            highlight_start_offset: 11 + 3 * at,
            highlight_end_offset: 12 + 3 * at,
            values: [],
          },
        })),
        expect.objectContaining({ summary: '`-x` is not a valid `packages[2]`' }),
        {
          severity: 'error',
          code: 'DIB_YAML_DUPLICATE_KEY',
          summary: 'The key `name` is there twice',
          detail: 'It was first given in line 3; only one of them can hold.',
          help: 'Remove one, or merge their values.',
          range: { filename: 'image.yaml', start: { line: 5, column: 1, byte: 57 }, end: { line: 5, column: 5, byte: 61 } },
          snippet: {
            context: null,
            code: 'name: b',
            start_line: 5,
            highlight_start_offset: 0,
            highlight_end_offset: 4,
            values: [],
          },
          related: [
            {
              message: 'first given here',
              range: { filename: 'image.yaml', start: { line: 3, column: 1, byte: 24 }, end: { line: 3, column: 5, byte: 28 } },
            },
          ],
        },
      ],
    });
  });

  test('nothing wrong', () => {
    expect(jsonReport([])).toEqual({ format_version: '1.0', valid: true, error_count: 0, warning_count: 0, diagnostics: [] });
  });

  test('a place deep inside a long line is cut out', () => {
    const { diagnostics, ...options } = check(`apiVersion: dib/v1\nname: web\npackages: [${'aaaa, '.repeat(5000)}-x]\n`);
    const snippet = jsonReport(diagnostics, options).diagnostics.find((one) => one.summary.startsWith('`-x`'))?.snippet;
    expect(snippet?.code.length).toBeLessThanOrEqual(1000);
    expect(snippet?.code.slice(snippet.highlight_start_offset, snippet.highlight_end_offset)).toBe('-x');
  });
});
