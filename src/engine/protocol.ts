/** Front to worker, one JSON object a line on the worker's standard input. Its end means that the front is gone. */
export type ControlMessage = InterruptMessage | SecretsMessage | ShellEndedMessage;

export interface InterruptMessage {
  readonly type: 'interrupt';
  /** 1: finish what runs, tear down. 2: kill what runs, tear down within five seconds. */
  readonly level: number;
}

/** The first message, where the job needs keys. They go this way because nothing of it is ever written to a file. */
export interface SecretsMessage {
  readonly type: 'secrets';
  /** Keys of LUKS containers in base64, by name of the container. */
  readonly keys: Readonly<Record<string, string>>;
}

/** The user has left a shell. */
export interface ShellEndedMessage {
  readonly type: 'shell_ended';
  readonly id: number;
}

/** Asks the front to run a program on the user's terminal, in the worker's namespaces. */
export interface ShellMessage {
  readonly type: 'worker_shell';
  readonly id: number;
  /** The break point that was reached. */
  readonly point: string;
  /** For the user: where this is. */
  readonly title: string;
  readonly argv: readonly string[];
}

/** The last line of a worker that ended by itself; all lines before it are Events and ShellMessages. */
export interface ExitMessage {
  readonly type: 'worker_exit';
  readonly exit_code: number;
}

/** An object with a `type`, or undefined for a line that is none. */
export function parseMessage(line: string): { readonly type: string } | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof (value as { type?: unknown } | null)?.type === 'string' ? (value as { type: string }) : undefined;
  } catch {
    return undefined;
  }
}
