import type { Severity, SourceRange } from '../../diagnostics/diagnostic.ts';
import type { SourceText } from '../../diagnostics/source-text.ts';
import type { Phase } from '../element.ts';
import type { ElementMetadata } from '../metadata.ts';
import type { Problem } from '../problems.ts';

/** What runs a file, as its first line says. */
export type Language = 'bash' | 'sh' | 'python' | 'other';

/** A file of an element. */
export interface LintFile {
  /** Below the element's directory, with `/`. */
  readonly path: string;
  readonly absolute: string;
  readonly executable: boolean;
  /** Absent for what is no text, and for what is too large to be a script. */
  readonly source?: SourceText | undefined;
  /** Of a file that begins with `#!`. */
  readonly language?: Language | undefined;
  /** The phase in whose directory it lies, at any depth. */
  readonly phase?: Phase | undefined;
  /** Lies in environment.d: sourced by bash, not run. */
  readonly isEnvironment: boolean;
  /** Rules that its `# dib-lint: disable=` lines turn off. */
  readonly disabled: ReadonlySet<string>;
}

/** An element as rules see it. */
export interface LintElement {
  readonly name: string;
  /** Absolute path. */
  readonly directory: string;
  readonly deps: readonly string[];
  readonly provides: readonly string[];
  readonly files: readonly LintFile[];
  /** What element.yaml says, if there is a correct one. */
  readonly metadata?: ElementMetadata | undefined;
  /** Other elements that can be found, and what they provide. */
  readonly surroundings: Surroundings;
}

/** The elements beside the one that is judged. */
export interface Surroundings {
  /** Names of elements and of what they provide. */
  readonly names: ReadonlySet<string>;
  /** Variables that elements set in environment.d or declare in element.yaml, by the element. */
  variablesOf(element: string): ReadonlySet<string>;
}

/** What a rule finds. */
export interface Finding extends Omit<Problem, 'code'> {
  /** Default `DIB_LINT_` and the rule's name. */
  readonly code?: string | undefined;
  /** Default `error`. */
  readonly severity?: Severity | undefined;
  /** The file whose `disable=` counts; by default the one that `range` is in. */
  readonly file?: string | undefined;
  /** Name of the rule where one rule's file finds what several names stand for. */
  readonly rule?: string | undefined;
}

/** Finds one sort of mistake in an element. */
export interface LintRule {
  /** What `# dib-lint: disable=` and `ignore` of tox.ini call it: dib-lint's name where it has one. */
  readonly name: string;
  /** What it asks for, in one line of Markdown. */
  readonly about: string;
  check(element: LintElement): readonly Finding[];
}

/** A rule about each text of an element by itself. */
export function fileRule(
  rule: Omit<LintRule, 'check'> & { readonly check: (file: LintFile, source: SourceText) => readonly Finding[] },
): LintRule {
  const { check, ...rest } = rule;
  return {
    ...rest,
    check: ({ files }) => files.flatMap((file) => (file.source === undefined ? [] : check(file, file.source))),
  };
}

/** One line of a text, with where it is. */
export interface Line {
  /** Counted from 1. */
  readonly number: number;
  readonly text: string;
  /** The place of a piece of it, from columns that count from 0. */
  range(from?: number, to?: number): SourceRange;
}

/** The lines of a text, without their ends. */
export function linesOf(source: SourceText): Line[] {
  const starts = source.lineStarts;
  const last = source.text.endsWith('\n') || source.text === '' ? starts.length - 1 : starts.length;
  return starts.slice(0, last).map((start, index) => {
    const text = source.line(index + 1);
    return { number: index + 1, text, range: (from = 0, to = text.length) => source.range(start + from, start + to) };
  });
}

/** Whether a file is a script of a shell. */
export function isShell(file: LintFile): boolean {
  return file.language === 'bash' || file.language === 'sh' || file.isEnvironment;
}
