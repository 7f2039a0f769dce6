import { setTimeout as delay } from 'node:timers/promises';
import type { execa as Execa } from 'execa';
import type { ActionLog } from './action-log.ts';
import type { Command, CommandResult, Runner } from './command.ts';
import { minimalEnvironment } from './environment.ts';
import { cannotStartError, type Ending, endingText, failedError, interruptedError, notFoundError, TAIL_LINES } from './errors.ts';
import { quoteCommand } from './quote.ts';
import { Capture, LineSplitter, Tail } from './tail.ts';

export interface RunnerOptions {
  /** Where the command line, all output and the result are written. */
  readonly log?: ActionLog | undefined;
  /** Aborting ends the process group: SIGTERM, and SIGKILL after `grace`. */
  readonly signal?: AbortSignal | undefined;
  /** Aborting ends the process group with SIGKILL at once. */
  readonly killSignal?: AbortSignal | undefined;
  /** Milliseconds between SIGTERM and SIGKILL; default 5000. */
  readonly grace?: number | undefined;
  /** Set on top of the minimal environment, below what the command sets. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly onOutput?: ((line: string, stream: 'stdout' | 'stderr') => void) | undefined;
  /** Resource for which the commands run, for messages. */
  readonly address?: string | undefined;
}

/** Bytes of each stream that a result holds; the log has everything. */
const CAPTURE_LIMIT = 16 * 1024 * 1024;
/** Milliseconds that output may keep coming after the process has ended, from children that left its process group. */
const DRAIN_TIME = 2000;

/** Runs commands one by one in their own process groups, with nothing of the terminal's. */
export function createRunner(options: RunnerOptions = {}): Runner {
  return { run: (command) => runCommand(command, options) };
}

async function runCommand(command: Command, options: RunnerOptions): Promise<CommandResult> {
  const [file, ...args] = command.argv;
  if (file === undefined) throw new RangeError('a command needs a program');
  if (options.signal?.aborted || options.killSignal?.aborted) throw interruptedError(command, options.address);
  const { execa } = await import('execa');
  options.log?.write(`$ ${quoteCommand(command)}\n`);
  const started = performance.now();
  const child = start(execa, file, args, command, options);
  const output = collect(child, options);
  const stopKiller = killGroupOnAbort(child, options);
  const result = await untilEnd(child);
  stopKiller();
  const { stdout, stderr, tail } = output.end();
  const ending: Ending = { exitCode: result.exitCode, signal: result.signal };
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  if (child.pid === undefined) {
    options.log?.write(`[not started: ${result.code ?? 'unknown reason'}]\n`);
    throw startError(command, result, options.address);
  }
  options.log?.write(`[${endingText(ending)} after ${seconds} s]\n`);
  const ok = command.okExitCodes ?? [0];
  if (result.exitCode !== undefined && ok.includes(result.exitCode)) return { exitCode: result.exitCode, stdout, stderr };
  if (options.signal?.aborted || options.killSignal?.aborted) throw interruptedError(command, options.address);
  throw failedError(command, ending, tail, { log: options.log?.path, address: options.address });
}

function start(execa: typeof Execa, file: string, args: readonly string[], command: Command, options: RunnerOptions) {
  const child = execa(file, args, {
    detached: true,
    cleanup: false,
    extendEnv: false,
    env: minimalEnvironment({ ...options.env, ...command.env }),
    cwd: command.cwd ?? process.cwd(),
    stdin: command.input === undefined ? 'ignore' : 'pipe',
    buffer: false,
    reject: false,
    encoding: 'buffer',
  });
  // A process that ends without reading all its input is judged by its exit status.
  child.stdin?.on('error', () => {});
  child.stdin?.end(command.input);
  return child;
}

type Child = ReturnType<typeof start>;
type Result = Awaited<Child>;

function startError(command: Command, result: Result, address: string | undefined): Error {
  const reason = result.originalMessage ?? result.code ?? 'unknown reason';
  const badDirectory = command.cwd !== undefined && /cwd/.test(reason);
  if (result.code === 'ENOENT' && !badDirectory) return notFoundError(command, address);
  return cannotStartError(command, badDirectory ? `its directory ${command.cwd} does not exist` : reason, address);
}

function collect(child: Child, options: RunnerOptions) {
  const tail = new Tail(TAIL_LINES);
  const follow = (stream: 'stdout' | 'stderr') => {
    const capture = new Capture(CAPTURE_LIMIT);
    const lines = new LineSplitter((line) => {
      tail.push(line);
      options.onOutput?.(line, stream);
    });
    child[stream]?.on('data', (chunk: Uint8Array) => {
      options.log?.write(chunk);
      capture.write(chunk);
      lines.write(chunk);
    });
    return { capture, lines };
  };
  const stdout = follow('stdout');
  const stderr = follow('stderr');
  return {
    end() {
      stdout.lines.end();
      stderr.lines.end();
      return { stdout: stdout.capture.text(), stderr: stderr.capture.text(), tail: tail.lines };
    },
  };
}

/** Waits for the process, then for its output; whatever it left in its process group is killed. */
async function untilEnd(child: Child): Promise<Result> {
  child.once('exit', () => {
    killGroup(child.pid, 'SIGKILL');
    const timer = setTimeout(() => {
      child.stdout?.destroy();
      child.stderr?.destroy();
    }, DRAIN_TIME);
    void child.finally(() => clearTimeout(timer));
  });
  return await child;
}

function killGroupOnAbort(child: Child, options: RunnerOptions): () => void {
  const done = new AbortController();
  const kill = () => killGroup(child.pid, 'SIGKILL');
  const terminate = () => {
    killGroup(child.pid, 'SIGTERM');
    delay(options.grace ?? 5000, undefined, { signal: done.signal, ref: false }).then(kill, () => {});
  };
  const listen = (signal: AbortSignal | undefined, act: () => void) => {
    if (signal?.aborted) act();
    else signal?.addEventListener('abort', act, { once: true, signal: done.signal });
  };
  listen(options.signal, terminate);
  listen(options.killSignal, kill);
  return () => done.abort();
}

/** Sends a signal to a whole process group. One that is gone is no error. */
export function killGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    // EPERM: only zombies, or a setuid program, are left in the group.
    if (code !== 'ESRCH' && code !== 'EPERM') throw error;
  }
}
