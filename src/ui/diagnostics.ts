import path from 'node:path';
import type { Diagnostic, SourceRange } from '../diagnostics/diagnostic.ts';
import { withoutSecrets } from '../diagnostics/hidden-text.ts';
import { printable } from '../diagnostics/printable.ts';
import { sourceFiles } from '../diagnostics/source-files.ts';
import type { SourceLookup, SourceText } from '../diagnostics/source-text.ts';
import { type Colour, colourFor } from './colour.ts';

export interface DiagnosticRendering {
  readonly colour?: Colour | undefined;
  /** Where code frames come from; default: the files themselves. */
  readonly sources?: SourceLookup | undefined;
  /** Files below it are shown relative to it; default: the current directory. */
  readonly directory?: string | undefined;
  /** Columns; code lines are cut there. Default and maximum 150. */
  readonly width?: number | undefined;
}

const WIDEST = 150;
/** Lines shown before and after the place. */
const CONTEXT = 2;
/** Lines of a place that are shown when it spans many. */
const MOST_LINES = 6;

interface Resolved {
  readonly colour: Colour;
  readonly sources: SourceLookup;
  readonly directory: string;
  readonly width: number;
}

/** Diagnostics for people, one block each, ending in a line feed; empty text for none. Control characters are escaped. */
export function renderDiagnostics(diagnostics: readonly Diagnostic[], options: DiagnosticRendering = {}): string {
  const resolved: Resolved = {
    colour: options.colour ?? colourFor({}),
    sources: withoutSecrets(options.sources ?? sourceFiles(), diagnostics),
    directory: options.directory ?? process.cwd(),
    width: Math.max(40, Math.min(options.width ?? WIDEST, WIDEST)),
  };
  return diagnostics.map((diagnostic) => `${render(diagnostic, resolved).join('\n')}\n`).join('\n');
}

function render(diagnostic: Diagnostic, options: Resolved): string[] {
  const { colour } = options;
  const tone = diagnostic.severity === 'error' ? colour.red : colour.yellow;
  const address = diagnostic.address === undefined ? '' : `${printable(diagnostic.address)}: `;
  const lines = [
    `${tone.bold(`${diagnostic.severity}[${diagnostic.code}]`)}${colour.bold(`: ${address}${printable(diagnostic.summary)}`)}`,
  ];
  if (diagnostic.range !== undefined) lines.push(...place(diagnostic.range, '-->', tone, options));
  if (diagnostic.detail !== undefined) lines.push(...paragraph(diagnostic.detail, '  '));
  for (const related of diagnostic.related ?? []) {
    lines.push(`  ${colour.dim('note:')} ${printable(related.message)}`);
    lines.push(...place(related.range, '-->', colour.cyan, options));
  }
  if (diagnostic.help !== undefined) lines.push(...paragraph(diagnostic.help, `  ${colour.cyan('help:')} `, '  '));
  return lines;
}

function paragraph(text: string, first: string, others = first): string[] {
  return printable(text, 'lines')
    .split('\n')
    .map((line, index) => `${index === 0 ? first : others}${line}`);
}

/** A file name as it is shown: relative where that is shorter. */
export function displayFile(file: string, directory: string): string {
  const relative = path.relative(directory, file);
  const inside = relative !== '' && !relative.startsWith('..') && !path.isAbsolute(relative);
  return inside ? relative : file;
}

function place(range: SourceRange, arrow: string, tone: Colour, options: Resolved): string[] {
  const { colour } = options;
  const file = printable(displayFile(range.file, options.directory));
  const source = options.sources(range.file);
  const head = `${colour.blue(arrow)} ${file}:${range.start.line}:${range.start.column}`;
  if (source === undefined) return [`  ${head}`];
  const gutter = String(Math.min(range.end.line + CONTEXT, source.lineStarts.length)).length;
  return [`${' '.repeat(gutter + 1)}${head}`, ...codeFrame(source, range, gutter, tone, options)];
}

function codeFrame(source: SourceText, range: SourceRange, gutter: number, tone: Colour, options: Resolved): string[] {
  const { colour, width } = options;
  const bar = colour.blue('|');
  const room = width - gutter - 4;
  const lines: string[] = [];
  // A range that ends before the first character of a line does not touch that line.
  const lastLine = range.end.column === 1 && range.end.line > range.start.line ? range.end.line - 1 : range.end.line;
  const lastShown = Math.min(lastLine, range.start.line + MOST_LINES - 1);
  const from = Math.max(1, range.start.line - CONTEXT);
  const to = Math.min(source.lineStarts.length, lastShown + CONTEXT);
  for (let number = from; number <= to; number += 1) {
    const text = source.line(number);
    // The last line feed of a file begins a line that nobody sees.
    if (text === '' && number === source.lineStarts.length && number > lastShown) continue;
    const marked = number >= range.start.line && number <= lastShown;
    const start = number === range.start.line ? range.start.column - 1 : text.length - text.trimStart().length;
    const end = number === range.end.line ? range.end.column - 1 : text.length;
    const clipped = clip(text, marked ? start : 0, marked ? Math.max(end, start + 1) : 0, room);
    lines.push(` ${colour.blue(String(number).padStart(gutter))} ${bar} ${clipped.text}`.trimEnd());
    if (marked) lines.push(` ${' '.repeat(gutter)} ${bar} ${' '.repeat(clipped.indent)}${tone('^'.repeat(clipped.length))}`);
  }
  if (lastShown < lastLine)
    lines.push(` ${' '.repeat(gutter)} ${bar} ${colour.dim(`... and ${lastLine - lastShown} more lines`)}`);
  return lines;
}

interface Clipped {
  readonly text: string;
  /** Columns of the terminal before and under the marked piece. */
  readonly indent: number;
  readonly length: number;
}

/** Cuts a line to fit, so that the beginning of the marked piece (UTF-16 units) stays in sight. */
function clip(text: string, start: number, end: number, room: number): Clipped {
  const from = start > room - 20 ? start - 20 : 0;
  const lead = from > 0 ? '…' : '';
  // More units than columns are never needed.
  const before = lead + printable(text.slice(from, start));
  const piece = printable(text.slice(start, Math.min(end, start + room)));
  const after = printable(text.slice(end, end + room));
  const all = `${before}${piece}${after}`;
  const cut = shorten(all, room);
  const indent = columns(before);
  return { text: cut, indent, length: Math.max(1, Math.min(columns(piece), room - indent)) };
}

function shorten(text: string, room: number): string {
  if (columns(text) <= room) return text;
  let width = 0;
  let kept = '';
  for (const character of text) {
    width += columns(character);
    if (width > room - 1) break;
    kept += character;
  }
  return `${kept}…`;
}

/** Columns of a terminal that a text takes: East Asian and emoji characters two, combining marks none. */
export function columns(text: string): number {
  let width = 0;
  for (const character of text) {
    if (/^\p{Mark}$/u.test(character)) continue;
    width += WIDE.test(character) ? 2 : 1;
  }
  return width;
}

const WIDE =
  /^(?:\p{Script=Han}|\p{Script=Hiragana}|\p{Script=Katakana}|\p{Script=Hangul}|\p{Emoji_Presentation}|[\u3000-\u303f\uff01-\uff60\uffe0-\uffe6])$/u;
