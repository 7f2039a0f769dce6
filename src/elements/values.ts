import { parseSize } from '../blockdev/sizes.ts';
import type { ElementVariable } from '../generated/element-schema.ts';

/** Types of variables in element.yaml. */
export type VariableType = ElementVariable['type'];

/** What a value of each type looks like, for sentences: `DIB_X` must be ... */
const EXPECTED: Readonly<Record<VariableType, string>> = {
  string: 'text',
  boolean: 'a boolean: 0, 1, true, false, yes or no',
  integer: 'a whole number',
  size: 'a size, such as 512MiB',
  list: 'words separated by blanks or commas',
  path: 'the path of a file or directory of the builder',
  url: 'a URL with its scheme, such as https://example.org/',
};

/** What a variable may hold. */
export interface ValueForm {
  readonly type: VariableType;
  readonly enum?: readonly string[] | undefined;
}

/** Why a value does not fit a variable; `expected` completes "must be". */
export interface ValueFault {
  readonly expected: string;
  /** The allowed values, where there is a fixed set of them, and the piece of the value that is none of them. */
  readonly allowed?: readonly string[] | undefined;
  readonly piece?: string | undefined;
}

/** Judges a value as hooks see it. An empty one fits always: scripts take it for one that is not set. */
export function valueFault(value: string, form: ValueForm): ValueFault | undefined {
  if (value === '') return undefined;
  const allowed = form.enum;
  if (allowed !== undefined) {
    const piece =
      form.type === 'list' ? words(value).find((word) => !allowed.includes(word)) : allowed.includes(value) ? undefined : value;
    return piece === undefined ? undefined : { expected: `one of ${allowed.join(', ')}`, allowed, piece };
  }
  return fits(value, form.type) ? undefined : { expected: EXPECTED[form.type] };
}

/** The words of a `list`. */
export function words(value: string): string[] {
  return value.split(/[\s,]+/u).filter((word) => word !== '');
}

function fits(value: string, type: VariableType): boolean {
  switch (type) {
    case 'boolean':
      return /^(0|1|true|false|yes|no)$/iu.test(value);
    case 'integer':
      return /^[+-]?\d+$/u.test(value);
    case 'size':
      return 'bytes' in parseSize(value);
    case 'path':
      return !/[\n\r]/u.test(value);
    case 'url':
      return /^[a-z][a-z0-9+.-]*:/iu.test(value) && URL.canParse(value);
    default:
      return true;
  }
}
