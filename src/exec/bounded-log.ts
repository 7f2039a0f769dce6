import type { ActionLog } from './action-log.ts';

/** Bytes of one command's output that a log keeps from its beginning and from its end. */
export const LOG_HEAD = 8 * 1024 * 1024;
export const LOG_TAIL = 1024 * 1024;

/**
 * The output of one command on its way into a log: what is more than the log has room for is left out of the middle, with a line that says so.
 * A program that prints without end fills neither disk nor memory.
 */
export class BoundedLog {
  readonly #log: ActionLog | undefined;
  readonly #head: number;
  readonly #tail: number;
  #written = 0;
  #omitted = 0;
  #kept: Uint8Array[] = [];
  #keptSize = 0;

  constructor(log: ActionLog | undefined, head = LOG_HEAD, tail = LOG_TAIL) {
    this.#log = log;
    this.#head = head;
    this.#tail = tail;
  }

  write(chunk: Uint8Array): void {
    const room = this.#head - this.#written;
    if (room > 0) {
      const now = chunk.length > room ? chunk.subarray(0, room) : chunk;
      this.#log?.write(now);
      this.#written += now.length;
    }
    if (chunk.length > room) this.#keep(room > 0 ? chunk.subarray(room) : chunk);
  }

  #keep(chunk: Uint8Array): void {
    this.#kept.push(chunk);
    this.#keptSize += chunk.length;
    // Whole chunks go until only the end is left; the rest is cut off at the end of the output.
    while (this.#keptSize - (this.#kept[0]?.length ?? 0) >= this.#tail) {
      const gone = this.#kept.shift()?.length ?? 0;
      this.#keptSize -= gone;
      this.#omitted += gone;
    }
  }

  /** Writes what was kept of the end. */
  end(): void {
    if (this.#keptSize === 0) return;
    const kept = Buffer.concat(this.#kept);
    const last = kept.subarray(Math.max(0, kept.length - this.#tail));
    const omitted = this.#omitted + kept.length - last.length;
    if (omitted > 0) this.#log?.write(`\n[dib left out ${omitted} bytes of output here]\n`);
    this.#log?.write(last);
    this.#kept = [];
    this.#keptSize = 0;
  }
}
