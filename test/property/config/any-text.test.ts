import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Document } from 'yaml';
import { parseImage } from '../../../src/config/load.ts';
import { decodeSource } from '../../../src/config/read.ts';
import type { Diagnostic, SourceRange } from '../../../src/diagnostics/diagnostic.ts';
import { sourceFiles } from '../../../src/diagnostics/source-files.ts';
import { SourceText } from '../../../src/diagnostics/source-text.ts';
import { jsonReport } from '../../../src/report/json.ts';
import { columns, renderDiagnostics } from '../../../src/ui/diagnostics.ts';

const FILE = '/work/image.yaml';
const HEAD = 'apiVersion: dib/v1\nname: web\n';

/** What holds for every text: no exception, ranges inside the file and in order, reports that can be printed. */
function holds(text: string): void {
  const { value, diagnostics } = parseImage(text, FILE, 'amd64');
  const errors = diagnostics.filter((diagnostic) => diagnostic.severity === 'error');
  expect(value === undefined).toBe(errors.length > 0);
  expect(diagnostics.length).toBeLessThanOrEqual(100);
  const source = new SourceText(FILE, text);
  let last = 0;
  for (const diagnostic of diagnostics) {
    inside(diagnostic.range, source);
    expect(diagnostic.range?.start.offset).toBeGreaterThanOrEqual(last);
    last = diagnostic.range?.start.offset ?? last;
    for (const related of diagnostic.related ?? []) inside(related.range, source);
  }
  printable(diagnostics, source);
}

function inside(range: SourceRange | undefined, source: SourceText): void {
  expect(range).toBeDefined();
  if (range === undefined) return;
  expect(range.start.offset).toBeGreaterThanOrEqual(0);
  expect(range.end.offset).toBeGreaterThanOrEqual(range.start.offset);
  expect(range.end.offset).toBeLessThanOrEqual(source.text.length);
  for (const position of [range.start, range.end]) expect(source.position(position.offset)).toEqual(position);
}

function printable(diagnostics: readonly Diagnostic[], source: SourceText): void {
  const sources = sourceFiles([source]);
  const text = renderDiagnostics(diagnostics, { sources, directory: '/work' });
  expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/u);
  for (const line of text.split('\n')) if (/^ +\d* \|/u.test(line)) expect(columns(line)).toBeLessThanOrEqual(150);
  const report = jsonReport(diagnostics, { sources, directory: '/work' });
  expect(JSON.parse(JSON.stringify(report)).diagnostics).toHaveLength(diagnostics.length);
  for (const { snippet } of report.diagnostics) {
    expect(snippet).toBeDefined();
    expect(snippet?.highlight_end_offset).toBeGreaterThan(snippet?.highlight_start_offset ?? 0);
    expect(snippet?.highlight_start_offset).toBeLessThanOrEqual(snippet?.code.length ?? 0);
  }
}

/** Pieces that YAML documents are made of, so that broken ones are near to whole ones. */
const fragment = fc.constantFrom(
  ...['apiVersion: dib/v1\n', 'name: web\n', 'name:', ' ', '  ', '\n', '\r\n', '\t', '- ', ': ', '? ', ', ', '[', ']', '{', '}'],
  ...[
    '"',
    "'",
    '|\n',
    '>\n',
    '#',
    '&a ',
    '*a',
    '!x ',
    '!!int ',
    '---\n',
    '...\n',
    '%YAML 1.1\n',
    '<<: ',
    '~',
    '0700',
    'yes',
    '\\',
  ],
  ...[
    'distro:',
    'elements:',
    'packages:',
    'environment:',
    'block_device:',
    'outputs:',
    'format: raw',
    'path: ../x',
    '\0',
    '\ufeff',
  ],
  ...['__proto__', 'constructor', 'toString: ', 'é', '日本', '👩‍👧', '\ud800', '.nan', '.inf', '1e999', '99999999999999999999'],
);

describe('whatever the text, there are diagnostics and no exceptions', () => {
  test('any text', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 200 }), holds), { numRuns: 500 });
  });

  test('pieces of YAML', () => {
    const pieces = fc.array(fragment, { maxLength: 40 }).map((list) => list.join(''));
    fc.assert(fc.property(pieces, holds), { numRuns: 3000 });
  });

  test('pieces of YAML after a good beginning', () => {
    const pieces = fc.array(fragment, { maxLength: 25 }).map((list) => HEAD + list.join(''));
    fc.assert(fc.property(pieces, holds), { numRuns: 2000 });
  });

  test('any value under any key', () => {
    const key = fc.constantFrom('distro', 'elements', 'elements_path', 'packages', 'environment', 'block_device', 'outputs');
    const value = fc.jsonValue({ maxDepth: 4 });
    fc.assert(
      fc.property(key, value, (name, content) => {
        holds(new Document({ apiVersion: 'dib/v1', name: 'web', [name]: content }).toString());
      }),
      { numRuns: 500 },
    );
  });

  test('members of the right names with values of any kind', () => {
    const scalar = fc.oneof(
      fc.string(),
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.constantFrom('debian', 'raw', '../x', './x'),
    );
    const any = fc.oneof(scalar, fc.array(scalar, { maxLength: 3 }));
    const distro = fc.record({ name: any, release: any, arch: any, mirror: any, components: any }, { requiredKeys: [] });
    const output = fc.oneof(any, fc.record({ format: any, path: any, compression: any, disk: any }, { requiredKeys: [] }));
    const image = fc.record(
      { apiVersion: any, name: any, distro, elements: any, outputs: fc.array(output) },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(image, (content) => holds(new Document(content).toString())),
      { numRuns: 500 },
    );
  });

  test('any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const { value, diagnostics } = decodeSource(bytes, FILE);
        if (value !== undefined) holds(value.text);
        else expect(diagnostics).toMatchObject([{ code: 'DIB_CONFIG_NOT_UTF8', range: { file: FILE } }]);
      }),
      { numRuns: 500 },
    );
  });

  test.each([
    ...['[', '{a: ', '- ', '? ', 'a: ', '}', '&a ', '*a ', '!a ', 'x\n', '---\n', '"', "'", '|\n', '#\n', '\n', 'k:\n', '- a\n'],
  ])('a quarter of a megabyte of %j', (piece) => {
    holds(HEAD + piece.repeat(Math.floor((256 * 1024) / piece.length)));
  });

  test('a hundred thousand unknown keys', () => {
    holds(HEAD + Array.from({ length: 100_000 }, (_, at) => `k${at}: 1\n`).join(''));
  });

  test('seventy thousand wrong variables', () => {
    holds(`${HEAD}environment:\n${Array.from({ length: 70_000 }, (_, at) => ` ${at}-a: 1\n`).join('')}`);
  });
});
