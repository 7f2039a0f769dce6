import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { DibError, ExitCode } from '../diagnostics/errors.ts';
import { quoted } from '../diagnostics/printable.ts';
import { systemFailure } from '../diagnostics/system-errors.ts';
import type { Event, EventBody } from './events.ts';

/** Takes the events of a run. */
export type Emit = (body: EventBody, message: string, level?: Event['@level']) => void;

/** An Emit that makes whole events and hands them on. */
export function emitter(send: (event: Event) => void, now: () => Date = () => new Date()): Emit {
  return (body, message, level = 'info') =>
    send({ '@timestamp': now().toISOString(), '@level': level, '@message': message, ...body });
}

/** What went wrong, for people. Whatever is neither a DibError nor the machine's fault is a bug. */
export function diagnosticsOf(error: unknown, address?: string): readonly Diagnostic[] {
  const expected = expectedFailure(error);
  if (expected !== undefined) {
    return expected.diagnostics.map((diagnostic) =>
      address === undefined ? diagnostic : { ...diagnostic, address: diagnostic.address ?? address },
    );
  }
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  return [
    {
      code: 'DIB_INTERNAL',
      severity: 'error',
      summary: `Internal error${address === undefined ? '' : ` in ${quoted(address, 200)}`}: ${message}`,
      detail: stack,
      help: 'This is a bug in dib: please report it with the lines above. What was done before is recorded; `dib apply` goes on from there.',
      address,
    },
  ];
}

function expectedFailure(error: unknown): DibError | undefined {
  if (error instanceof DibError) return error;
  return isAbort(error) ? interruptedError() : systemFailure(error);
}

/** What Node's own functions (streams, timers) reject with when the signal of an interrupt is raised. */
function isAbort(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ABORT_ERR';
}

function interruptedError(): DibError {
  return new DibError(
    {
      code: 'DIB_EXEC_INTERRUPTED',
      severity: 'error',
      summary: 'It was stopped by the interrupt',
      help: 'Run `dib apply` to go on from here, or `dib destroy` to remove what is there.',
    },
    ExitCode.Interrupted,
  );
}

export function emitDiagnostics(emit: Emit, diagnostics: readonly Diagnostic[]): void {
  for (const diagnostic of diagnostics) {
    emit({ type: 'diagnostic', diagnostic }, diagnostic.summary, diagnostic.severity === 'error' ? 'error' : 'warn');
  }
}

/** One exit status for several failures: a bug outranks all; else the status that they share; else 1. */
export function exitCodeOf(errors: readonly unknown[]): ExitCode {
  const codes = new Set(errors.map((error) => expectedFailure(error)?.exitCode ?? ExitCode.Bug));
  if (codes.has(ExitCode.Bug)) return ExitCode.Bug;
  const [first] = codes;
  return first === undefined ? ExitCode.Ok : codes.size === 1 ? first : ExitCode.Failed;
}
