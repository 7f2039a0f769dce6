import { basename } from 'node:path';
import { DibError, ExitCode } from '../diagnostics/errors.ts';
import { printable, quoted } from '../diagnostics/printable.ts';
import type { Command } from './command.ts';
import { quoteCommand } from './quote.ts';
import { packageOf } from './tools.ts';

/** How a process ended: an exit status, or the signal that killed it. */
export interface Ending {
  readonly exitCode?: number | undefined;
  readonly signal?: string | undefined;
}

/** Lines of output that a failure shows. */
export const TAIL_LINES = 20;

/** `exit status 1` or `signal SIGKILL`. */
export function endingText(ending: Ending): string {
  return ending.signal === undefined ? `exit status ${ending.exitCode ?? 'unknown'}` : `signal ${ending.signal}`;
}

/** Where and for what a command ran, for messages. */
interface FailureContext {
  readonly log?: string | undefined;
  readonly address?: string | undefined;
  /** Where it ran, if not on this machine: `in the virtual machine`. */
  readonly place?: string | undefined;
}

export function failedError(command: Command, ending: Ending, tail: readonly string[], options: FailureContext): DibError {
  const program = basename(command.argv[0] ?? '');
  const verb = ending.signal === undefined ? 'failed with' : 'was killed by';
  const how = [verb, endingText(ending), ...(options.place === undefined ? [] : [options.place])].join(' ');
  return new DibError({
    code: 'DIB_EXEC_FAILED',
    severity: 'error',
    summary: `\`${program}\` ${how}`,
    detail: saidText(tail, options.log),
    help: `${options.place === undefined ? 'To run it by hand' : 'What ran there'}:\n  ${quoteCommand(command)}`,
    address: options.address,
  });
}

/** That a command took too long. */
export interface Overdue {
  /** Milliseconds that it had. */
  readonly timeout: number;
  /** Command lines of what ran below it when its time was over. */
  readonly running: readonly string[];
}

export function overdueError(command: Command, overdue: Overdue, tail: readonly string[], options: FailureContext): DibError {
  const running = overdue.running.map((line) => `  ${printable(line)}`);
  const what = running.length === 0 ? '' : `What ran when its time was over:\n${running.join('\n')}\n`;
  return new DibError({
    code: 'DIB_EXEC_TIMEOUT',
    severity: 'error',
    summary: `\`${basename(command.argv[0] ?? '')}\` was killed after ${durationText(overdue.timeout)}`,
    detail: `${what}${saidText(tail, options.log)}`,
    help: `To run it by hand:\n  ${quoteCommand(command)}`,
    address: options.address,
  });
}

function saidText(tail: readonly string[], log: string | undefined): string {
  const lines = tail.map((line) => `  ${printable(line)}`);
  const output =
    lines.length === 0 ? 'It printed nothing.' : `Its last ${lines.length === 1 ? 'line' : 'lines'}:\n${lines.join('\n')}`;
  return log === undefined ? output : `${output}\nThe whole log: ${log}`;
}

/** `90 s`, `5 min`, `2 h`. */
export function durationText(milliseconds: number): string {
  const seconds = milliseconds / 1000;
  if (seconds % 3600 === 0) return `${seconds / 3600} h`;
  return seconds % 60 === 0 ? `${seconds / 60} min` : `${seconds} s`;
}

export function notFoundError(command: Command, address?: string): DibError {
  const program = command.argv[0] ?? '';
  const name = basename(program);
  const debian = packageOf(name);
  return new DibError(
    {
      code: 'DIB_EXEC_NOT_FOUND',
      severity: 'error',
      summary: `The program \`${program}\` is not installed`,
      detail: address === undefined ? undefined : `${quoted(address, 200)} needs it.`,
      help:
        debian === undefined
          ? 'Install the package that has it; `dib doctor` lists what dib needs.'
          : `Install it: \`apt-get install ${debian}\` (or \`dib doctor --install\`).`,
      address,
    },
    ExitCode.Unavailable,
  );
}

/** A program that is there and cannot be started: a wrong architecture, no execute permission, a missing directory. */
export function cannotStartError(command: Command, reason: string, address?: string): DibError {
  return new DibError({
    code: 'DIB_EXEC_FAILED',
    severity: 'error',
    summary: `\`${command.argv[0] ?? ''}\` could not be started: ${reason}`,
    help: `To run it by hand:\n  ${quoteCommand(command)}`,
    address,
  });
}

export function interruptedError(command: Command, address?: string): DibError {
  return new DibError(
    {
      code: 'DIB_EXEC_INTERRUPTED',
      severity: 'error',
      summary: `\`${basename(command.argv[0] ?? '')}\` was stopped by the interrupt`,
      help: 'Run `dib apply` to go on from here, or `dib destroy` to remove what is there.',
      address,
    },
    ExitCode.Interrupted,
  );
}
