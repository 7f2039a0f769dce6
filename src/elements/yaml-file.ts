import type { Document, LineCounter, Node } from 'yaml';
import type { SourceRange } from '../diagnostics/diagnostic.ts';
import { printable } from '../diagnostics/printable.ts';
import type { Problems } from './problems.ts';

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The range of a piece of a text, from offsets. */
export function offsetRange(file: string, lines: LineCounter, from: number, to: number): SourceRange {
  const start = lines.linePos(from);
  const end = lines.linePos(to);
  return {
    file,
    start: { line: start.line, column: start.col, offset: from },
    end: { line: end.line, column: end.col, offset: to },
  };
}

/** The range of a YAML node, without the comments and blanks after it. */
export function nodeRange(file: string, lines: LineCounter, node: Node | null | undefined): SourceRange | undefined {
  const range = node?.range;
  return range ? offsetRange(file, lines, range[0], range[1]) : undefined;
}

export function wholeFile(file: string, text: string): SourceRange {
  const lines = text.split('\n');
  return {
    file,
    start: { line: 1, column: 1, offset: 0 },
    end: { line: lines.length, column: (lines.at(-1)?.length ?? 0) + 1, offset: text.length },
  };
}

/** Reports the syntax errors of a document; true if there were any. */
export function parseProblems(document: Document, lines: LineCounter, file: string, code: string, problems: Problems): boolean {
  for (const error of document.errors) {
    problems.error({
      code,
      summary: `The file is not valid: ${printable(error.message)}`,
      range: offsetRange(file, lines, error.pos[0], error.pos[1]),
    });
  }
  return document.errors.length > 0;
}
