import { BoundedLog } from './bounded-log.ts';
import type { Command, CommandResult } from './command.ts';
import { type Ending, endingText, failedError, interruptedError, type Overdue, overdueError, TAIL_LINES } from './errors.ts';
import type { RunnerOptions } from './run.ts';
import { Capture, LineSplitter, Tail } from './tail.ts';

/** Bytes of each stream that a result holds. */
const CAPTURE_LIMIT = 16 * 1024 * 1024;

type Stream = 'stdout' | 'stderr';

/** Takes the output of one command as it comes: into the log, to the listener, and into the result. */
export class CommandOutput {
  readonly #tail = new Tail(TAIL_LINES);
  readonly #captures: Readonly<Record<Stream, Capture>>;
  readonly #lines: Readonly<Record<Stream, LineSplitter>>;
  readonly #log: BoundedLog;

  constructor(options: RunnerOptions) {
    this.#log = new BoundedLog(options.log);
    this.#captures = { stdout: new Capture(CAPTURE_LIMIT), stderr: new Capture(CAPTURE_LIMIT) };
    const lines = (stream: Stream) =>
      new LineSplitter((line) => {
        this.#tail.push(line);
        options.onOutput?.(line, stream);
      });
    this.#lines = { stdout: lines('stdout'), stderr: lines('stderr') };
  }

  write(stream: Stream, chunk: Uint8Array): void {
    this.#log.write(chunk);
    this.#captures[stream].write(chunk);
    this.#lines[stream].write(chunk);
  }

  /** What was captured, and the last lines of both streams. */
  end(): { readonly stdout: string; readonly stderr: string; readonly tail: readonly string[] } {
    this.#lines.stdout.end();
    this.#lines.stderr.end();
    this.#log.end();
    return { stdout: this.#captures.stdout.text(), stderr: this.#captures.stderr.text(), tail: this.#tail.lines };
  }
}

/**
 * Judges a command that has ended, and logs how. `started`: performance.now() at its start; `place`: where it ran, if not on this machine;
 * `overdue`: it was ended because it took too long.
 * Throws what Runner.run throws.
 */
export function conclude(
  command: Command,
  ending: Ending,
  started: number,
  output: CommandOutput,
  options: RunnerOptions,
  more: { readonly place?: string; readonly overdue?: Overdue | undefined } = {},
): CommandResult {
  const { stdout, stderr, tail } = output.end();
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  options.log?.write(`[${endingText(ending)} after ${seconds} s]\n`);
  const ok = command.okExitCodes ?? [0];
  const good = ending.exitCode !== undefined && ok.includes(ending.exitCode);
  if (good && more.overdue === undefined) return { exitCode: ending.exitCode, stdout, stderr };
  if (options.signal?.aborted || options.killSignal?.aborted) throw interruptedError(command, options.address);
  const context = { log: options.log?.path, address: options.address, place: more.place };
  if (more.overdue !== undefined) throw overdueError(command, more.overdue, tail, context);
  throw failedError(command, ending, tail, context);
}
