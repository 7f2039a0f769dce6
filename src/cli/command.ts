import { InvalidArgumentError } from 'commander';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { DibError, ExitCode } from '../diagnostics/errors.ts';
import { systemFailure } from '../diagnostics/system-errors.ts';

/** Options that every command understands. */
export interface GlobalOptions {
  readonly json?: boolean;
  readonly color?: string;
  readonly debug?: boolean;
}

/** What a command leaves the process with. Output is never cut short: process.exit is not called, the status is set. */
export type CommandBody = () => Promise<ExitCode>;

/** Runs a command's body; every failure becomes diagnostics, in JSON on stdout with --json, for people on stderr otherwise. */
export async function runCommand(options: GlobalOptions, body: CommandBody): Promise<void> {
  try {
    process.exitCode = await body();
  } catch (error) {
    process.exitCode = await reportFailure(error, options);
  }
}

/** Prints what went wrong and gives the exit status for it. */
export async function reportFailure(error: unknown, options: GlobalOptions): Promise<ExitCode> {
  const expected = error instanceof DibError ? error : systemFailure(error);
  const { diagnostics, exitCode } = expected ?? { diagnostics: [bugReport(error)], exitCode: ExitCode.Bug };
  await printDiagnostics(diagnostics, options);
  const stack = error instanceof Error ? error.stack : String(error);
  if (exitCode === ExitCode.Bug && (options.debug === true || process.env['DIB_DEBUG'] !== undefined))
    process.stderr.write(`${stack}\n`);
  return exitCode;
}

/** Diagnostics in the form that the options ask for. */
export async function printDiagnostics(diagnostics: readonly Diagnostic[], options: GlobalOptions): Promise<void> {
  if (diagnostics.length === 0) return;
  if (options.json === true) {
    const { jsonReport } = await import('../report/json.ts');
    process.stdout.write(`${JSON.stringify(jsonReport(diagnostics), null, 2)}\n`);
    return;
  }
  const [{ renderDiagnostics }, { colourFor }] = await Promise.all([import('../ui/diagnostics.ts'), import('../ui/colour.ts')]);
  process.stderr.write(renderDiagnostics(diagnostics, { colour: colourFor(process.stderr, options.color) }));
}

function bugReport(error: unknown): Diagnostic {
  return {
    code: 'DIB_BUG',
    severity: 'error',
    summary: `This is a bug in dib: ${error instanceof Error ? error.message : String(error)}`,
    detail: 'dib met a case that it should have handled. State and finished work are kept.',
    help: 'Run again with `--debug` for the stack, and report it.',
  };
}

/** A whole number from 1 up. */
export function parseCount(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new InvalidArgumentError('Give a whole number from 1 up.');
  return Number(text);
}

/** Seconds, or a number with s, m or h, as milliseconds. */
export function parseDuration(text: string): number {
  const match = /^(\d{1,6})(s|m|h)?$/.exec(text);
  if (match === null) throw new InvalidArgumentError('Give seconds, or a number with s, m or h, such as 90s or 5m.');
  const unit = { s: 1, m: 60, h: 3600 }[match[2] ?? 's'] as number;
  return Number(match[1]) * unit * 1000;
}

/** Collects an option that may be given several times. */
export function collect(value: string, previous: readonly string[] = []): readonly string[] {
  return [...previous, value];
}
