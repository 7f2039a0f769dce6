import { setTimeout as delay } from 'node:timers/promises';
import type { execa as Execa } from 'execa';
import type { ActionLog } from './action-log.ts';
import type { Command, CommandResult, RunLimits, Runner } from './command.ts';
import { CommandOutput, conclude } from './conclude.ts';
import { minimalEnvironment } from './environment.ts';
import { cannotStartError, interruptedError, notFoundError, type Overdue } from './errors.ts';
import { commandsBelow } from './processes.ts';
import { quoteCommand } from './quote.ts';

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

/** Milliseconds that output may keep coming after the process has ended, from children that left its process group. */
const DRAIN_TIME = 2000;

/** Runs commands one by one in their own process groups, with nothing of the terminal's. */
export function createRunner(options: RunnerOptions = {}): Runner {
  return { run: (command, limits) => runCommand(command, options, limits) };
}

async function runCommand(command: Command, options: RunnerOptions, limits: RunLimits = {}): Promise<CommandResult> {
  const [file, ...args] = command.argv;
  if (file === undefined) throw new RangeError('a command needs a program');
  if (options.signal?.aborted || options.killSignal?.aborted) throw interruptedError(command, options.address);
  const { execa } = await import('execa');
  options.log?.write(`$ ${quoteCommand(command)}\n`);
  const started = performance.now();
  const child = start(execa, file, args, command, options);
  const output = new CommandOutput(options);
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream]?.on('data', (chunk: Uint8Array) => output.write(stream, chunk));
  }
  const stopKiller = killOnAbort(options, (signal) => killGroup(child.pid, signal));
  const deadline = watchDeadline(limits.timeout, child.pid, options.grace);
  const result = await untilEnd(child);
  deadline.stop();
  stopKiller();
  if (child.pid === undefined) {
    options.log?.write(`[not started: ${result.code ?? 'unknown reason'}]\n`);
    throw startError(command, result, options.address);
  }
  const ending = { exitCode: result.exitCode, signal: result.signal };
  return conclude(command, ending, started, output, options, { overdue: deadline.overdue() });
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

/** Has a command ended when its signals are aborted: `kill` is called with what to send. Gives what stops that. */
export function killOnAbort(options: RunnerOptions, kill: (signal: 'SIGTERM' | 'SIGKILL') => void): () => void {
  const done = new AbortController();
  const terminate = () => {
    kill('SIGTERM');
    delay(options.grace ?? 5000, undefined, { signal: done.signal, ref: false }).then(
      () => kill('SIGKILL'),
      () => {},
    );
  };
  const listen = (signal: AbortSignal | undefined, act: () => void) => {
    if (signal?.aborted) act();
    else signal?.addEventListener('abort', act, { once: true, signal: done.signal });
  };
  listen(options.signal, terminate);
  listen(options.killSignal, () => kill('SIGKILL'));
  return () => done.abort();
}

/** Ends the process group of a command whose time is over: SIGTERM, and SIGKILL after `grace`. */
function watchDeadline(timeout: number | undefined, pid: number | undefined, grace = 5000) {
  let overdue: Overdue | undefined;
  let killer: NodeJS.Timeout | undefined;
  const end = () => {
    overdue = { timeout: timeout as number, running: pid === undefined ? [] : commandsBelow(pid) };
    killGroup(pid, 'SIGTERM');
    killer = setTimeout(() => killGroup(pid, 'SIGKILL'), grace);
  };
  const timer = timeout === undefined ? undefined : setTimeout(end, timeout);
  return {
    overdue: () => overdue,
    stop: () => {
      clearTimeout(timer);
      clearTimeout(killer);
    },
  };
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
