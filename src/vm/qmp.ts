import type { Duplex } from 'node:stream';
import { LineSplitter } from '../exec/tail.ts';

/** The words for QEMU: docs/interop/qmp-spec and qemu-qmp-ref. */
type Arguments = Readonly<Record<string, unknown>>;

interface Answer {
  readonly id?: unknown;
  readonly return?: unknown;
  readonly error?: { readonly desc?: string };
}

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** QEMU's control channel. */
export class Qmp {
  readonly #socket: Duplex;
  readonly #pending = new Map<number, Pending>();
  #lastId = 0;
  #closed = false;

  constructor(socket: Duplex) {
    this.#socket = socket;
    const lines = new LineSplitter((line) => this.#receive(line), Number.POSITIVE_INFINITY);
    socket.on('data', (chunk: Uint8Array) => lines.write(chunk));
    socket.on('close', () => this.#close());
    // Nothing else is answered before.
    this.execute('qmp_capabilities').catch(() => {});
  }

  /** Gives what the command returns. Rejects with QEMU's own words, or when QEMU ends. */
  execute(command: string, args: Arguments = {}): Promise<unknown> {
    if (this.#closed) return Promise.reject(new Error('QEMU has ended'));
    this.#lastId += 1;
    const id = this.#lastId;
    this.#socket.write(`${JSON.stringify({ execute: command, arguments: args, id })}\n`);
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
    });
  }

  /** Greeting and events have no id; nobody waits for them. */
  #receive(line: string): void {
    const answer = JSON.parse(line) as Answer;
    const pending = typeof answer.id === 'number' ? this.#pending.get(answer.id) : undefined;
    if (pending === undefined) return;
    this.#pending.delete(answer.id as number);
    if (answer.error === undefined) pending.resolve(answer.return);
    else pending.reject(new Error(answer.error.desc ?? 'QEMU gave no reason'));
  }

  #close(): void {
    this.#closed = true;
    for (const { reject } of this.#pending.values()) reject(new Error('QEMU has ended'));
    this.#pending.clear();
  }
}
