import { readFileSync } from 'node:fs';
import type { Diagnostic, RelatedLocation, SourceRange } from '../diagnostics/diagnostic.ts';
import { printable, quotedPath } from '../diagnostics/printable.ts';

/** Collects diagnostics while elements are read, so that all problems are told at once. */
export interface Problems {
  readonly list: Diagnostic[];
  error(problem: Problem): void;
  warning(problem: Problem): void;
}

export interface Problem {
  readonly code: string;
  readonly summary: string;
  readonly detail?: string | undefined;
  readonly help?: string | undefined;
  readonly range?: SourceRange | undefined;
  readonly related?: readonly RelatedLocation[] | undefined;
  /** What stands at `range` is a secret. */
  readonly sensitive?: boolean | undefined;
}

export function collectProblems(): Problems {
  const list: Diagnostic[] = [];
  return {
    list,
    error: (problem) => void list.push({ severity: 'error', ...problem }),
    warning: (problem) => void list.push({ severity: 'warning', ...problem }),
  };
}

/** The range of a whole file, for problems that have no better place. */
export function startOfFile(file: string): SourceRange {
  const start = { line: 1, column: 1, offset: 0 };
  return { file, start, end: start };
}

/** What the operating system answered, as a sentence. */
export function systemMessage(error: unknown): string {
  return `The system says: ${printable(error instanceof Error ? error.message : String(error))}.`;
}

/** The text of a file of an element; undefined, and told, where it cannot be read. */
export function readText(file: string, code: string, problems: Problems): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    problems.error({
      code,
      summary: `${quotedPath(file)} cannot be read`,
      detail: systemMessage(error),
      help: 'It has to be a file that you may read.',
      range: startOfFile(file),
    });
    return undefined;
  }
}
