/** A place in a text file. Lines and columns count from 1, offsets from 0; columns and offsets are UTF-16 code units. */
export interface Position {
  readonly line: number;
  readonly column: number;
  readonly offset: number;
}

/** A piece of a file; `end` is the first position after it. */
export interface SourceRange {
  readonly file: string;
  readonly start: Position;
  readonly end: Position;
}

export type Severity = 'error' | 'warning';

/**
 * One problem, told to the person who can mend it.
 * `summary` says what is wrong, `detail` why it matters, `help` how to mend it.
 */
export interface Diagnostic {
  /** Stable identifier, `DIB_<AREA>_<NAME>`; programs may depend on it, not on the texts. */
  readonly code: string;
  readonly severity: Severity;
  readonly summary: string;
  readonly detail?: string | undefined;
  readonly help?: string | undefined;
  readonly range?: SourceRange | undefined;
  /** JSON pointer (RFC 6901) into the configuration. */
  readonly pointer?: string | undefined;
  /** Address of the resource concerned. */
  readonly address?: string | undefined;
  readonly related?: readonly RelatedLocation[] | undefined;
  /** What stands at `range` is a secret: no report shows it, not even beside another diagnostic. */
  readonly sensitive?: boolean | undefined;
}

export interface RelatedLocation {
  readonly message: string;
  readonly range: SourceRange;
}

/**
 * Finds where a configuration value stands in its file.
 * `key` is the mapping key that holds the value, `value` (default) the value itself.
 */
export type Locator = (pointer: string, part?: 'key' | 'value') => SourceRange | undefined;

/** A result that may come with warnings, or not come at all because of errors. */
export interface Checked<T> {
  /** Absent when a diagnostic of severity `error` stood in the way. */
  readonly value?: T | undefined;
  readonly diagnostics: readonly Diagnostic[];
}

export function hasErrors(diagnostics: readonly Diagnostic[]): boolean {
  return diagnostics.some((diagnostic) => diagnostic.severity === 'error');
}
