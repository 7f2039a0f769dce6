import type { Position, SourceRange } from './diagnostic.ts';

/** A text with its name, and the arithmetic from offsets to lines and columns. All units are UTF-16 code units. */
export class SourceText {
  readonly file: string;
  readonly text: string;
  #lineStarts: readonly number[] | undefined;

  constructor(file: string, text: string) {
    this.file = file;
    this.text = text;
  }

  /** Offsets at which lines begin; a line ends with its line feed. */
  get lineStarts(): readonly number[] {
    if (this.#lineStarts === undefined) {
      const starts = [0];
      for (let at = this.text.indexOf('\n'); at !== -1; at = this.text.indexOf('\n', at + 1)) starts.push(at + 1);
      this.#lineStarts = starts;
    }
    return this.#lineStarts;
  }

  /** The place of an offset; offsets outside the text are moved to its nearest end. */
  position(offset: number): Position {
    const inside = Math.min(Math.max(0, Math.trunc(offset)), this.text.length);
    const starts = this.lineStarts;
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((starts[middle] ?? 0) <= inside) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: inside - (starts[low] ?? 0) + 1, offset: inside };
  }

  /** The piece from `start` up to, not including, `end`. */
  range(start: number, end: number): SourceRange {
    return { file: this.file, start: this.position(start), end: this.position(Math.max(start, end)) };
  }

  /** A line, counted from 1, without its line break; empty outside the text. */
  line(number: number): string {
    const start = this.lineStarts[number - 1];
    if (start === undefined) return '';
    const end = this.lineStarts[number];
    return this.text.slice(start, end === undefined ? undefined : end - 1).replace(/\r$/u, '');
  }

  /** The first line that says something: where problems of the file as a whole are shown. */
  firstLine(): SourceRange {
    const match = /^(?:[ \t]*(?:#[^\n]*|---[ \t\r]*)?\n)*/u.exec(this.text);
    const skipped = match?.[0].length ?? 0;
    const start = skipped < this.text.length ? skipped : 0;
    const rest = this.text.slice(start, start + 4096);
    const end = rest.search(/[\r\n]/u);
    return this.range(start, start + (end === -1 ? rest.length : end));
  }
}

/** Finds the text of a file that a diagnostic points into; undefined when it cannot be had. */
export type SourceLookup = (file: string) => SourceText | undefined;
