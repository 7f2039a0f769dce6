import path from 'node:path';
import type { Diagnostic, Position, Severity, SourceRange } from '../diagnostics/diagnostic.ts';
import { withoutSecrets } from '../diagnostics/hidden-text.ts';
import { sourceFiles } from '../diagnostics/source-files.ts';
import type { SourceLookup, SourceText } from '../diagnostics/source-text.ts';

/** A place; line and column count from 1, columns in UTF-16 units; byte counts from 0, in UTF-8. */
export interface JsonPosition {
  readonly line: number;
  readonly column: number;
  readonly byte: number;
}

/** `end` is the first position after the piece. */
export interface JsonRange {
  readonly filename: string;
  readonly start: JsonPosition;
  readonly end: JsonPosition;
}

export interface JsonSnippet {
  readonly context: string | null;
  /** The lines that the range lies in; long ones cut. */
  readonly code: string;
  readonly start_line: number;
  /** UTF-16 units into `code`. */
  readonly highlight_start_offset: number;
  readonly highlight_end_offset: number;
  readonly values: readonly never[];
}

export interface JsonDiagnostic {
  readonly severity: Severity;
  readonly code: string;
  readonly summary: string;
  /** Empty when the summary says it all. */
  readonly detail: string;
  readonly help?: string | undefined;
  readonly address?: string | undefined;
  readonly pointer?: string | undefined;
  readonly range?: JsonRange | undefined;
  readonly snippet?: JsonSnippet | undefined;
  readonly related?: readonly { readonly message: string; readonly range: JsonRange }[] | undefined;
}

/** The answer of `dib validate --json`: the shape of `terraform validate -json`, with code, pointer, help and related added. */
export interface JsonReport {
  readonly format_version: '1.0';
  readonly valid: boolean;
  readonly error_count: number;
  readonly warning_count: number;
  readonly diagnostics: readonly JsonDiagnostic[];
}

export interface JsonReportOptions {
  /** Where snippets come from; default: the files themselves. */
  readonly sources?: SourceLookup | undefined;
  /** Files below it are named relative to it; default: the current directory. */
  readonly directory?: string | undefined;
}

/** Longest snippet, in UTF-16 units. */
const LONGEST_CODE = 1000;

/** Diagnostics for programs. */
export function jsonReport(diagnostics: readonly Diagnostic[], options: JsonReportOptions = {}): JsonReport {
  const errors = diagnostics.filter((diagnostic) => diagnostic.severity === 'error').length;
  return {
    format_version: '1.0',
    valid: errors === 0,
    error_count: errors,
    warning_count: diagnostics.length - errors,
    diagnostics: jsonDiagnostics(diagnostics, options),
  };
}

/** The diagnostics alone, as other documents embed them. */
export function jsonDiagnostics(diagnostics: readonly Diagnostic[], options: JsonReportOptions = {}): readonly JsonDiagnostic[] {
  const sources = withoutSecrets(options.sources ?? sourceFiles(), diagnostics);
  const directory = options.directory ?? process.cwd();
  return diagnostics.map((diagnostic) => jsonDiagnostic(diagnostic, sources, directory));
}

function jsonDiagnostic(diagnostic: Diagnostic, sources: SourceLookup, directory: string): JsonDiagnostic {
  const { range } = diagnostic;
  const source = range === undefined ? undefined : sources(range.file);
  return {
    severity: diagnostic.severity,
    code: diagnostic.code,
    summary: diagnostic.summary,
    detail: diagnostic.detail ?? '',
    help: diagnostic.help,
    address: diagnostic.address,
    pointer: diagnostic.pointer,
    range: range === undefined ? undefined : jsonRange(range, sources, directory),
    snippet: range === undefined || source === undefined ? undefined : snippet(source, range),
    related: diagnostic.related?.map((related) => ({
      message: related.message,
      range: jsonRange(related.range, sources, directory),
    })),
  };
}

function jsonRange(range: SourceRange, sources: SourceLookup, directory: string): JsonRange {
  const source = sources(range.file);
  const relative = path.relative(directory, range.file);
  const inside = relative !== '' && !relative.startsWith('..') && !path.isAbsolute(relative);
  return {
    filename: inside ? relative : range.file,
    start: jsonPosition(range.start, source),
    end: jsonPosition(range.end, source),
  };
}

function jsonPosition(position: Position, source: SourceText | undefined): JsonPosition {
  const byte = source === undefined ? position.offset : Buffer.byteLength(source.text.slice(0, position.offset));
  return { line: position.line, column: position.column, byte };
}

function snippet(source: SourceText, range: SourceRange): JsonSnippet {
  const lineStart = range.start.offset - (range.start.column - 1);
  const lineFeed = source.text.indexOf('\n', Math.max(range.start.offset, range.end.offset - 1));
  const lineEnd = lineFeed === -1 ? source.text.length : lineFeed;
  // A place far inside a very long line: the snippet begins shortly before it.
  const begin = Math.max(lineStart, range.start.offset - LONGEST_CODE / 2);
  const code = source.text.slice(begin, Math.min(lineEnd, begin + LONGEST_CODE)).replace(/\r$/u, '');
  const start = Math.min(range.start.offset - begin, code.length);
  return {
    context: null,
    code,
    start_line: range.start.line,
    highlight_start_offset: start,
    // An empty highlight would not be seen.
    highlight_end_offset: Math.max(start + 1, Math.min(range.end.offset - begin, code.length)),
    values: [],
  };
}
