import type { Duplex, Readable, Writable } from 'node:stream';
import type { Ending } from './errors.ts';
import { LineSplitter, Tail } from './tail.ts';

export interface ChildOptions {
  readonly argv: readonly string[];
  /** The whole environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string | undefined;
  /** Open file descriptor that the child gets as number 3. */
  readonly inheritedFd?: number | undefined;
  /** How many connected sockets the child gets, as numbers 4 and up. */
  readonly sockets?: number | undefined;
  readonly onStdoutLine?: ((line: string) => void) | undefined;
  /** Lines of standard error that are kept; default 40. */
  readonly stderrLines?: number | undefined;
}

/** A process that runs beside this one and is talked to. */
export interface Child {
  readonly pid: number;
  readonly stdin: Writable;
  /** Our ends of the child's sockets: the first is its number 4. */
  readonly sockets: readonly Duplex[];
  /** Settles when the process has ended and its output is read. Never rejects. */
  readonly ended: Promise<Ending & { readonly stderr: readonly string[] }>;
  /** Signals the child's whole process group. */
  kill(signal: NodeJS.Signals): void;
}

/** Starts a process in its own session, so that the terminal's ^C does not reach it. Rejects when it cannot be started. */
export async function spawnChild(options: ChildOptions): Promise<Child> {
  const [{ execa }, { killGroup }] = await Promise.all([import('execa'), import('./run.ts')]);
  const [file, ...args] = options.argv;
  if (file === undefined) throw new RangeError('a command needs a program');
  const child = execa(file, args, {
    detached: true,
    cleanup: false,
    extendEnv: false,
    env: { ...options.env },
    cwd: options.cwd ?? process.cwd(),
    stdio: ['pipe', 'pipe', 'pipe', inherit(options.inheritedFd), ...Array<'pipe'>(options.sockets ?? 0).fill('pipe')],
    buffer: false,
    reject: false,
  });
  const stdout = child.stdout as Readable;
  const stderr = child.stderr as Readable;
  const stdin = child.stdin as Writable;
  stdin.on('error', () => {});
  // Node.js makes every such pipe a socket that works both ways; execa's types only know of the direction that it reads.
  const sockets = child.stdio.slice(4) as unknown as Duplex[];
  for (const socket of sockets) socket.on('error', () => {});
  followLines(stdout, (line) => options.onStdoutLine?.(line));
  const tail = new Tail(options.stderrLines ?? 40);
  followLines(stderr, (line) => tail.push(line));
  const pid = child.pid;
  if (pid === undefined) {
    const result = await child;
    throw new Error(`${file}: ${result.originalMessage ?? result.code ?? 'not started'}`);
  }
  return {
    pid,
    stdin,
    sockets,
    ended: child.then((result) => ({ exitCode: result.exitCode, signal: result.signal, stderr: tail.lines })),
    kill: (signal) => killGroup(pid, signal),
  };
}

/** Lines of any length: the worker's events may be long. */
function followLines(stream: Readable, onLine: (line: string) => void): void {
  const lines = new LineSplitter(onLine, Number.POSITIVE_INFINITY);
  stream.on('data', (chunk: Uint8Array) => lines.write(chunk));
  stream.on('end', () => lines.end());
}

/** execa passes a descriptor on as any number of the child's; its types only know of it for the first three. */
export function inherit(fd: number | undefined): 'ignore' {
  return (fd ?? 'ignore') as 'ignore';
}
