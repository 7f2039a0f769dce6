import { DibError, ExitCode } from '../diagnostics/errors.ts';
import type { ShellRequest } from '../rootfs/phases.ts';
import type { ShellMessage } from './protocol.ts';

/** Shells for the user: the terminal is the front's, so that it is asked to run them, in the namespaces of this worker. */
export class Shells {
  readonly #send: (message: ShellMessage) => void;
  readonly #waiting = new Map<number, () => void>();
  #next = 1;
  #over = false;

  constructor(send: (message: ShellMessage) => void) {
    this.#send = send;
  }

  /** Resolves when the user has left the shell; rejects (DIB_EXEC_INTERRUPTED) when the run is interrupted before. */
  async open({ point, title, command }: ShellRequest, signal: AbortSignal): Promise<void> {
    if (this.#over || signal.aborted) throw interrupted();
    const id = this.#next;
    this.#next += 1;
    await new Promise<void>((resolve, reject) => {
      const abort = () => reject(interrupted());
      signal.addEventListener('abort', abort, { once: true });
      this.#waiting.set(id, () => {
        signal.removeEventListener('abort', abort);
        resolve();
      });
      this.#send({ type: 'worker_shell', id, point, title, argv: command.argv });
    });
  }

  /** What the front says when a shell has ended. */
  ended(id: number): void {
    const resolve = this.#waiting.get(id);
    this.#waiting.delete(id);
    resolve?.();
  }

  /** The front is gone: nobody will leave a shell any more. */
  end(): void {
    this.#over = true;
    for (const id of [...this.#waiting.keys()]) this.ended(id);
  }
}

function interrupted(): DibError {
  return new DibError(
    {
      code: 'DIB_EXEC_INTERRUPTED',
      severity: 'error',
      summary: 'The shell was left out, because of the interrupt',
      help: 'Run `dib apply` to go on from here, or `dib destroy` to remove what is there.',
    },
    ExitCode.Interrupted,
  );
}
