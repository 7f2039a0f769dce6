import type { Diagnostic } from './diagnostic.ts';

/** The exit statuses of the command line: see sysexits.h for those from 64. */
export const ExitCode = {
  Ok: 0,
  Failed: 1,
  Changes: 2,
  OutOfDate: 3,
  Usage: 64,
  Unavailable: 69,
  Bug: 70,
  LockHeld: 75,
  Interrupted: 130,
  Terminated: 143,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** An expected failure: everything that the user needs stands in its diagnostics. Anything else that is thrown is a bug. */
export class DibError extends Error {
  readonly diagnostics: readonly Diagnostic[];
  readonly exitCode: ExitCode;

  constructor(diagnostics: Diagnostic | readonly Diagnostic[], exitCode: ExitCode = ExitCode.Failed) {
    const list = 'code' in diagnostics ? [diagnostics] : diagnostics;
    super(list.map((diagnostic) => diagnostic.summary).join('; '));
    this.name = 'DibError';
    this.diagnostics = list;
    this.exitCode = exitCode;
  }
}

/** Shorthand for a failure with one diagnostic of severity error. */
export function fail(diagnostic: Omit<Diagnostic, 'severity'>, exitCode: ExitCode = ExitCode.Failed): never {
  throw new DibError({ severity: 'error', ...diagnostic }, exitCode);
}
