import type { Diagnostic, Locator, RelatedLocation, SourceRange } from '../diagnostics/diagnostic.ts';
import { pointerToken } from '../diagnostics/pointer.ts';
import { capitalised } from '../diagnostics/printable.ts';

export interface IssueText {
  readonly summary: string;
  readonly detail?: string | undefined;
  readonly help?: string | undefined;
  /** Further places, by JSON pointer. */
  readonly related?:
    | readonly { readonly message: string; readonly pointer: string; readonly part?: 'key' | 'value' }[]
    | undefined;
  /** Whether the key or the value is to be marked; default the value. */
  readonly part?: 'key' | 'value' | undefined;
  readonly address?: string | undefined;
  /** The place holds a secret. */
  readonly sensitive?: boolean | undefined;
}

/** Collects what is wrong with block devices; pointers are relative to the list of block devices. */
export class Issues {
  readonly diagnostics: Diagnostic[] = [];
  readonly #locate: Locator;
  readonly #prefix: string;
  /** The text of a scalar as it stands in the file: messages quote it, not what YAML makes of it (`0123` is 123). */
  readonly sourceText: (pointer: string) => string | undefined;

  /** `prefix` is put before the pointers that diagnostics show. */
  constructor(locate: Locator, prefix = '', sourceText: (pointer: string) => string | undefined = () => undefined) {
    this.#locate = locate;
    this.#prefix = prefix;
    this.sourceText = sourceText;
  }

  error(code: string, pointer: string, text: IssueText): void {
    this.#add('error', code, pointer, text);
  }

  warn(code: string, pointer: string, text: IssueText): void {
    this.#add('warning', code, pointer, text);
  }

  get failed(): boolean {
    return this.diagnostics.some((diagnostic) => diagnostic.severity === 'error');
  }

  #add(severity: 'error' | 'warning', code: string, pointer: string, text: IssueText): void {
    const range = this.#rangeOf(pointer, text.part);
    const related = (text.related ?? []).flatMap((place): RelatedLocation[] => {
      const found = this.#rangeOf(place.pointer, place.part);
      return found ? [{ message: place.message, range: found }] : [];
    });
    this.diagnostics.push({
      code,
      severity,
      summary: capitalised(text.summary),
      pointer: this.#prefix + pointer,
      ...(text.detail === undefined ? {} : { detail: text.detail }),
      ...(text.help === undefined ? {} : { help: sentence(text.help) }),
      ...(range === undefined ? {} : { range }),
      ...(related.length === 0 ? {} : { related }),
      ...(text.address === undefined ? {} : { address: text.address }),
      ...(text.sensitive ? { sensitive: true } : {}),
    });
  }

  /** The place of a value; for what is not there (a missing key), the place of the nearest thing around it. */
  #rangeOf(pointer: string, part?: 'key' | 'value'): SourceRange | undefined {
    const range = this.#locate(pointer, part);
    if (range !== undefined || pointer === '') return range;
    return this.#rangeOf(pointer.slice(0, pointer.lastIndexOf('/')), 'key');
  }
}

/** Appends a member to a JSON pointer (RFC 6901). */
export function member(pointer: string, key: string | number): string {
  return `${pointer}/${pointerToken(key)}`;
}

/** As all help of dib: a sentence. */
function sentence(text: string): string {
  const capital = capitalised(text);
  return /[.?!]$/.test(capital) ? capital : `${capital}.`;
}
