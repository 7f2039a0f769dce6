/** A process to run: an argument vector, never a shell string. */
export interface Command {
  /** Program and arguments. */
  readonly argv: readonly string[];
  /** Variables set on top of a minimal environment (PATH, LC_ALL=C, HOME). Values never hold secrets that should not be logged. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly cwd?: string | undefined;
  /** Text or bytes for standard input. Never logged: keys go this way. */
  readonly input?: string | Uint8Array | undefined;
  /** Exit statuses that count as success; default [0]. */
  readonly okExitCodes?: readonly number[] | undefined;
}

export interface CommandResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunLimits {
  /** Milliseconds that a command may take: then its process group is ended, and the error is DIB_EXEC_TIMEOUT. */
  readonly timeout?: number | undefined;
}

/** Runs processes in the place where the action runs, with their output in the action's log. */
export interface Runner {
  /**
   * Runs a command to its end; standard output is captured and, with standard error, logged.
   * Throws DibError (DIB_EXEC_FAILED, DIB_EXEC_TIMEOUT, DIB_EXEC_NOT_FOUND, DIB_EXEC_INTERRUPTED) when it does not end with success.
   */
  run(command: Command, limits?: RunLimits): Promise<CommandResult>;
}
