import { StringDecoder } from 'node:string_decoder';

/** Characters of a line that are kept unless told otherwise; the rest of a longer one is dropped. */
const LINE_LIMIT = 4096;

/** Splits a byte stream into lines. A carriage return ends a line too: progress bars overwrite theirs. */
export class LineSplitter {
  readonly #decoder = new StringDecoder('utf8');
  readonly #onLine: (line: string) => void;
  readonly #limit: number;
  #rest = '';

  constructor(onLine: (line: string) => void, limit = LINE_LIMIT) {
    this.#onLine = onLine;
    this.#limit = limit;
  }

  write(chunk: Uint8Array): void {
    const lines = (this.#rest + this.#decoder.write(Buffer.from(chunk))).split(/\r\n|\n|\r(?!$)/);
    this.#rest = (lines.pop() ?? '').slice(0, this.#limit);
    for (const line of lines) this.#onLine(line.slice(0, this.#limit));
  }

  end(): void {
    const rest = (this.#rest + this.#decoder.end()).replace(/\r$/, '');
    this.#rest = '';
    if (rest !== '') this.#onLine(rest);
  }
}

/** The last lines of something that may be long. */
export class Tail {
  readonly #lines: string[] = [];
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  push(line: string): void {
    if (line.trim() === '') return;
    this.#lines.push(line);
    if (this.#lines.length > this.#limit) this.#lines.shift();
  }

  get lines(): readonly string[] {
    return this.#lines;
  }
}

/** Keeps the first `limit` bytes of a stream as text. */
export class Capture {
  readonly #chunks: Uint8Array[] = [];
  readonly #limit: number;
  #size = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  write(chunk: Uint8Array): void {
    const room = this.#limit - this.#size;
    if (room <= 0) return;
    const kept = chunk.length > room ? chunk.subarray(0, room) : chunk;
    this.#chunks.push(kept);
    this.#size += kept.length;
  }

  text(): string {
    return Buffer.concat(this.#chunks).toString('utf8');
  }
}
