import { constants } from 'node:os';
import { join } from 'node:path';
import { DibError, ExitCode } from '../diagnostics/errors.ts';
import { printable } from '../diagnostics/printable.ts';
import type { Event } from '../engine/events.ts';
import type { Job } from '../engine/job.ts';
import { type ControlMessage, type ExitMessage, parseMessage, type ShellMessage } from '../engine/protocol.ts';
import { type Child, spawnChild } from '../exec/child.ts';
import { minimalEnvironment } from '../exec/environment.ts';
import { type Ending, endingText } from '../exec/errors.ts';
import type { WorkerName } from '../plan/plan.ts';
import { withReserve } from '../state/reserve.ts';
import { writeFileAtomic } from '../util/atomic-file.ts';
import { hostWorkerArgv, sharedWorkerArgv } from './host.ts';
import { jobPath, removeJob } from './job-file.ts';
import { baseWorker } from './probe.ts';
import { usernsWorkerArgv } from './userns.ts';

export interface WorkerOptions {
  readonly worker: WorkerName;
  readonly job: Job;
  /** Descriptor of the state lock, which the worker holds with us. */
  readonly lockFd: number;
  readonly onEvent: (event: Event) => void;
  /** Runs a program on the user's terminal, to its end. `enter`: arguments that run the rest in the worker's namespaces. */
  readonly onShell?: ((request: ShellMessage, enter: readonly string[]) => Promise<void>) | undefined;
  /** Keys of LUKS containers that the job needs, by name of the container. Only the worker's memory gets them. */
  readonly keys?: ReadonlyMap<string, Uint8Array> | undefined;
  /** The worker's program and its arguments; the job file is added. Default: this dib. */
  readonly command?: readonly string[] | undefined;
}

export interface RunningWorker {
  readonly pid: number;
  /** Settles when the worker has ended. Rejects with DIB_WORKER_DIED when it ended without a word. */
  readonly done: Promise<ExitCode>;
  /** First call: finish and tear down; second: kill and tear down; third: the worker is killed at once. Gives the level reached. */
  interrupt(): number;
}

/** Milliseconds that a worker has after the second interrupt until it is killed: its teardown takes five seconds at most. */
const LAST_GRACE = 8000;

/** The command line of a worker. Attaching for good, and undoing that, happens in the caller's own mount namespace. */
export function workerArgv(worker: WorkerName, job: Pick<Job, 'operation'>, command: readonly string[]): string[] {
  if (baseWorker(worker) === 'userns') return usernsWorkerArgv(command);
  return job.operation === 'apply' ? hostWorkerArgv(command) : sharedWorkerArgv(command);
}

/** Runs one of the programs in src/engine/ that are started inside a worker. */
export function engineCommand(name: 'worker-main' | 'prune-main' | 'shell-main'): string[] {
  return [process.execPath, join(import.meta.dirname, '..', 'engine', `${name}.js`)];
}

/** Starts a worker on a job. The state must be locked; afterwards, the state on disk is the truth. */
export async function startWorker(options: WorkerOptions): Promise<RunningWorker> {
  const { paths, operation } = options.job;
  const jobFile = jobPath(paths.state);
  await withReserve(paths.state, operation, () => writeFileAtomic(jobFile, JSON.stringify(options.job), 0o600));
  const command = [...(options.command ?? engineCommand('worker-main')), jobFile];
  let exit: ExitMessage | undefined;
  let strange = '';
  const child = await spawnChild({
    argv: workerArgv(options.worker, options.job, command),
    env: minimalEnvironment(passedOn()),
    inheritedFd: options.lockFd,
    stderrLines: 40,
    onStdoutLine: (line) => {
      const message = parseMessage(line);
      if (message === undefined) strange ||= line;
      else if (message.type === 'worker_exit') exit = message as ExitMessage;
      else if (message.type === 'worker_shell') void openShell(message as ShellMessage, options, child);
      else options.onEvent(message as unknown as Event);
    },
  });
  sendMessage(child, secretsMessage(options.keys));
  const done = child.ended.then(async (ending): Promise<ExitCode> => {
    if (exit !== undefined) {
      await removeJob(options.job.paths.state);
      return exit.exit_code as ExitCode;
    }
    throw diedError(ending, [...(strange === '' ? [] : [strange]), ...ending.stderr], level > 0);
  });
  let level = 0;
  const interrupt = () => {
    level += 1;
    escalate(child, level);
    return level;
  };
  return { pid: child.pid, done, interrupt };
}

function sendMessage(child: Child, message: ControlMessage): void {
  child.stdin.write(`${JSON.stringify(message)}\n`);
}

async function openShell(request: ShellMessage, options: WorkerOptions, child: Child): Promise<void> {
  try {
    await options.onShell?.(request, enterArgv(options.worker, child.pid));
  } catch (error) {
    process.stderr.write(`The shell could not be started: ${error instanceof Error ? error.message : String(error)}\n`);
  } finally {
    sendMessage(child, { type: 'shell_ended', id: request.id });
  }
}

/** Runs a program beside a worker (nsenter(1)): in its pid namespace, so that it ends with it. `pid`: the unshare(1) that made the namespaces. */
function enterArgv(worker: WorkerName, pid: number): string[] {
  const user = baseWorker(worker) === 'userns' ? ['--user', '--preserve-credentials'] : [];
  return ['nsenter', `--target=${pid}`, ...user, '--mount', `--pid=/proc/${pid}/ns/pid_for_children`, '--'];
}

function secretsMessage(keys: WorkerOptions['keys']): ControlMessage {
  const texts = [...(keys ?? [])].map(([name, bytes]): [string, string] => [name, Buffer.from(bytes).toString('base64')]);
  return { type: 'secrets', keys: Object.fromEntries(texts) };
}

function escalate(child: Child, level: number): void {
  if (level >= 3) {
    child.kill('SIGKILL');
    return;
  }
  sendMessage(child, { type: 'interrupt', level });
  if (level < 2) return;
  const timer = setTimeout(() => child.kill('SIGKILL'), LAST_GRACE);
  void child.ended.then(() => clearTimeout(timer));
}

/** Settings of dib that the worker reads from its environment. */
function passedOn(): Record<string, string> {
  const entries = Object.entries(process.env).filter(([name]) =>
    /^(DIB_|XDG_|HOME$|ELEMENTS_PATH$|ARCH$|SOURCE_DATE_EPOCH$|(https?|no|ftp)_proxy$|NODE_EXTRA_CA_CERTS$|SSL_CERT_)/i.test(
      name,
    ),
  );
  return Object.fromEntries(entries.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
}

function diedError(ending: Ending, output: readonly string[], interrupted: boolean): DibError {
  const said = output.map((line) => `  ${printable(line)}`).join('\n');
  return new DibError(
    {
      code: 'DIB_WORKER_DIED',
      severity: 'error',
      summary: interrupted ? 'The worker was killed' : `The worker died with ${endingText(ending)}`,
      detail: `What it had done is recorded in the state.${said === '' ? '' : ` Its last words:\n${said}`}`,
      help: 'Run `dib apply` to go on from there, or `dib destroy` to remove what is there.',
    },
    interrupted ? ExitCode.Interrupted : ExitCode.Failed,
  );
}

/**
 * Sends SIGINT, SIGTERM and SIGHUP of this process to a worker while `body` runs: the first drains, the second kills, the third ends at once.
 * Gives the body's exit status, 130 or 143 in place of it when an interrupt decided it.
 */
export async function withSignals(
  worker: RunningWorker,
  say: (message: string) => void,
  body: () => Promise<ExitCode>,
): Promise<ExitCode> {
  let first: NodeJS.Signals | undefined;
  let over = false;
  const onSignal = (signal: NodeJS.Signals) => {
    if (over) return;
    first ??= signal;
    const level = worker.interrupt();
    say(MESSAGES[Math.min(level, MESSAGES.length) - 1] ?? '');
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, onSignal);
  try {
    const code = await body();
    return code === ExitCode.Interrupted && first !== undefined ? interruptedCode(first) : code;
  } catch (error) {
    // A worker that had to be killed rejects; its end is still that of an interrupt.
    if (!(error instanceof DibError) || error.exitCode !== ExitCode.Interrupted || first === undefined) throw error;
    throw new DibError(error.diagnostics, interruptedCode(first));
  } finally {
    // The handlers stay: one more signal while dib says how it ended must not end it without a word.
    over = true;
  }
}

const MESSAGES = [
  'Interrupt received: finishing what runs and tearing down. Interrupt again to kill what runs.',
  'Second interrupt: killing what runs, tearing down for at most five seconds. Interrupt again to exit at once.',
  'Third interrupt: exiting. `dib destroy` removes what is left.',
];

function interruptedCode(signal: NodeJS.Signals): ExitCode {
  return constants.signals[signal] === constants.signals.SIGINT ? ExitCode.Interrupted : ExitCode.Terminated;
}
