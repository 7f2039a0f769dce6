import type { Diagnostic, Locator, SourceRange } from './diagnostic.ts';
import { pointerPath, pointerToken } from './pointer.ts';
import { capitalised, quoted } from './printable.ts';
import type { SchemaError } from './schema-validator.ts';
import { didYouMean, listOf } from './suggest.ts';

export interface SchemaErrorContext {
  /** First part of the codes: `DIB_CONFIG`. */
  readonly area: string;
  /** What the document is, with its article: `the image`. */
  readonly what: string;
  readonly locate: Locator;
  readonly sourceText?: ((pointer: string) => string | undefined) | undefined;
  /** What to say about unknown keys that look like another program's: by pointer of the mapping and key. */
  readonly keyHint?: ((pointer: string, key: string) => string | undefined) | undefined;
}

interface Subschema {
  readonly properties?: Readonly<Record<string, { readonly examples?: readonly unknown[]; readonly enum?: readonly unknown[] }>>;
  readonly patternErrorMessage?: string;
  readonly anyOf?: readonly unknown[];
  readonly enum?: readonly unknown[];
}

/** Turns the errors of a compiled validator into sentences, with positions: unknown keys at the key, missing ones at their mapping. */
export function schemaDiagnostics(errors: readonly SchemaError[], context: SchemaErrorContext): readonly Diagnostic[] {
  const chosen = withoutFollowUps(resolveUnions(errors));
  const renamed = new Set<SchemaError>();
  const diagnostics: Diagnostic[] = [];
  for (const error of chosen) {
    if (error.keyword !== 'additionalProperties') continue;
    diagnostics.push(unknownKey(error, chosen, renamed, context));
  }
  for (const error of chosen) {
    if (error.keyword === 'additionalProperties' || renamed.has(error)) continue;
    diagnostics.push(say(error, context));
  }
  return diagnostics;
}

/** Of the branches of an `anyOf`, only the one that the value's type belongs to is worth a message. */
function resolveUnions(errors: readonly SchemaError[]): readonly SchemaError[] {
  let list = errors;
  for (const union of errors.filter((error) => error.keyword === 'anyOf')) {
    const here = (error: SchemaError): boolean => error.instancePath === union.instancePath;
    const types = list.filter((error) => here(error) && error.keyword === 'type');
    const branches = (union.parentSchema as Subschema | undefined)?.anyOf?.length ?? 0;
    if (types.length >= branches) {
      const merged = { ...union, keyword: 'type', params: { type: types.flatMap((error) => error.params['type'] as string) } };
      list = [...list.filter((error) => !here(error)), merged];
    } else {
      const ofText = typeof union.data === 'string';
      list = list.filter((error) => {
        if (!here(error)) return true;
        return error.keyword !== 'anyOf' && error.keyword !== 'type' && (ofText || error.keyword !== 'enum');
      });
    }
  }
  return list;
}

/** A value of the wrong type, or none, breaks its other rules too; that goes without saying. */
function withoutFollowUps(errors: readonly SchemaError[]): readonly SchemaError[] {
  const wrongType = new Set(errors.filter((error) => error.keyword === 'type').map((error) => error.instancePath));
  return errors.filter((error) => {
    if (error.keyword === 'propertyNames') return false;
    if (error.keyword === 'type') return true;
    if (wrongType.has(error.instancePath) && error.propertyName === undefined) return false;
    return !(error.keyword === 'pattern' && error.data === '' && error.propertyName === undefined);
  });
}

function unknownKey(
  error: SchemaError,
  all: readonly SchemaError[],
  renamed: Set<SchemaError>,
  context: SchemaErrorContext,
): Diagnostic {
  const key = String(error.params['additionalProperty']);
  const pointer = `${error.instancePath}/${pointerToken(key)}`;
  const known = Object.keys((error.parentSchema as Subschema | undefined)?.properties ?? {});
  const open = known.filter((name) => !Object.hasOwn((error.data ?? {}) as object, name));
  const hint = context.keyHint?.(error.instancePath, key);
  const near = hint === undefined ? didYouMean(key, open) : undefined;
  const missing = all.find(
    (other) =>
      other.keyword === 'required' && other.instancePath === error.instancePath && other.params['missingProperty'] === near,
  );
  // A mistyped key that must be there is one mistake, not two.
  if (missing !== undefined && near !== undefined) renamed.add(missing);
  const there = hint === undefined && near === undefined ? didYouMean(key, known) : undefined;
  const choice =
    there !== undefined
      ? `\`${there}\` is there already: merge the two.`
      : open.length > 0
        ? `Known keys: ${listOf(open)}.`
        : `Known keys: ${listOf(known)}.`;
  return {
    code: `${context.area}_UNKNOWN_KEY`,
    severity: 'error',
    summary: `${quoted(key)} is not a key of ${holder(error.instancePath, context)}`,
    detail: 'Unknown keys are refused, because a mistyped one would be ignored in silence.',
    help: hint ?? (near === undefined ? choice : `Did you mean \`${near}\`?`),
    pointer,
    range: context.locate(pointer, 'key'),
  };
}

function say(error: SchemaError, context: SchemaErrorContext): Diagnostic {
  if (error.keyword === 'required') return missingKey(error, context);
  const pointer =
    error.propertyName === undefined ? error.instancePath : `${error.instancePath}/${pointerToken(error.propertyName)}`;
  const range = context.locate(pointer, error.propertyName === undefined ? 'value' : 'key');
  const sentence = sentenceFor(error, pointer, context);
  return {
    severity: 'error',
    pointer,
    range,
    ...sentence,
    summary: capitalised(sentence.summary),
    code: `${context.area}_${sentence.code}`,
  };
}

type Sentence = Pick<Diagnostic, 'code' | 'summary' | 'detail' | 'help'>;

function sentenceFor(error: SchemaError, pointer: string, context: SchemaErrorContext): Sentence {
  const schema = (error.parentSchema ?? {}) as Subschema;
  const where = holder(pointer, context);
  switch (error.keyword) {
    case 'type':
      return wrongType(error, pointer, context);
    case 'enum':
    case 'const':
      return unknownValue(error, where, schema);
    case 'pattern':
      return error.propertyName === undefined
        ? {
            code: 'BAD_VALUE',
            summary: `${quoted(String(error.data))} is not a valid ${where}`,
            help: schema.patternErrorMessage,
          }
        : {
            code: 'BAD_KEY',
            summary: `${quoted(error.propertyName)} is not a valid key of ${holder(error.instancePath, context)}`,
            help: schema.patternErrorMessage,
          };
    case 'minLength':
      return { code: 'MISSING_VALUE', summary: `${where} is empty`, help: 'Give it a value, or remove it.' };
    case 'maxLength':
      return {
        code: 'TOO_LONG',
        summary: `${where} is longer than ${String(error.params['limit'])} characters`,
        help: 'Shorten it.',
      };
    case 'minItems':
      return {
        code: 'TOO_FEW',
        summary:
          Array.isArray(error.data) && error.data.length === 0 ? `${where} is an empty list` : `${where} has too few items`,
        help: 'Add an item, or remove the key.',
      };
    default:
      return { code: 'BAD_VALUE', summary: `${where} ${error.message ?? 'is not valid'}` };
  }
}

function unknownValue(error: SchemaError, where: string, schema: Subschema): Sentence {
  const allowed = ((error.params['allowedValues'] ?? schema.enum ?? [error.params['allowedValue']]) as unknown[]).map(String);
  const value = String(error.data);
  const near = didYouMean(value, allowed);
  const known = allowed.length === 1 ? `The only value is ${listOf(allowed)}.` : `Known values: ${listOf(allowed)}.`;
  return {
    code: 'UNKNOWN_VALUE',
    summary: `${where} cannot be ${quoted(value)}`,
    help: near === undefined || allowed.length === 1 ? known : `Did you mean \`${near}\`? ${known}`,
  };
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  integer: 'a whole number',
  boolean: 'a boolean',
  array: 'a list',
  object: 'a mapping',
  null: 'nothing',
};

function wrongType(error: SchemaError, pointer: string, context: SchemaErrorContext): Sentence {
  const wanted = [error.params['type'] as string | string[]].flat();
  const names = wanted.map((type) => TYPE_NAMES[type] ?? type);
  const expected = names.length > 1 ? `${names.slice(0, -1).join(', ')} or ${names.at(-1)}` : (names[0] ?? 'something else');
  const where = holder(pointer, context);
  const data: unknown = error.data;
  if (data === null || data === undefined) {
    return {
      code: 'MISSING_VALUE',
      summary: `${where} has no value`,
      detail: `It must be ${expected}.`,
      help: wanted.includes('string')
        ? "Give it a value, write '' for an empty text, or remove it."
        : 'Give it a value, or remove it.',
    };
  }
  const written = context.sourceText?.(pointer) ?? JSON.stringify(data);
  const scalar = typeof data !== 'object';
  const actual = scalar
    ? `${quoted(written)} is ${TYPE_NAMES[typeof data] ?? typeof data}`
    : `it is ${TYPE_NAMES[Array.isArray(data) ? 'array' : 'object']}`;
  return {
    code: 'WRONG_TYPE',
    summary: `${where} must be ${expected}, but ${actual}`,
    detail: scalar ? numberTrap(written) : undefined,
    help: typeHelp(wanted, data, written),
  };
}

/** Why a number without quotes is not what it looks like, if so. */
export function numberTrap(written: string): string | undefined {
  const octal = /^0o?([0-7]+)$/u.exec(written);
  if (octal !== null && written !== '0') {
    const value = Number.parseInt(octal[1] ?? '0', 8);
    const decimal = written.startsWith('0o') ? value : Number.parseInt(written, 10);
    if (written.startsWith('0o')) return `YAML 1.2 reads ${written} as ${decimal}; YAML 1.1 reads it as text.`;
    return `YAML 1.1 reads ${written} as octal, ${value}; YAML 1.2 as ${decimal}.`;
  }
  return undefined;
}

function typeHelp(wanted: readonly string[], data: unknown, written: string): string | undefined {
  const short = written.length <= 40 && !written.includes('\n');
  if (wanted.includes('string') && typeof data !== 'object')
    return short ? `Put it in quotes: '${written}'.` : 'Put it in quotes.';
  if (wanted.includes('array') && typeof data !== 'object') return short ? `Write a list: [${written}].` : 'Write a list.';
  if (wanted.includes('array')) return 'Put `- ` in front of each item.';
  if (wanted.includes('object') && Array.isArray(data)) return 'Write `key: value` lines, without `- `.';
  if (wanted.includes('object')) return 'Write `key: value` lines, or { key: value }.';
  return undefined;
}

function missingKey(error: SchemaError, context: SchemaErrorContext): Diagnostic {
  const key = String(error.params['missingProperty']);
  const schema = (error.parentSchema as Subschema | undefined)?.properties?.[key];
  const example = schema?.enum?.[0] ?? schema?.examples?.[0];
  return {
    code: `${context.area}_MISSING_KEY`,
    severity: 'error',
    summary: `${capitalised(holder(error.instancePath, context))} lacks the key \`${key}\``,
    help: typeof example === 'string' ? `Add it, for example \`${key}: ${example}\`.` : `Add \`${key}\`.`,
    pointer: error.instancePath,
    range: missingRange(error.instancePath, context),
  };
}

function missingRange(pointer: string, context: SchemaErrorContext): SourceRange | undefined {
  return context.locate(pointer, 'key');
}

function holder(pointer: string, context: SchemaErrorContext): string {
  return pointer === '' ? context.what : quoted(pointerPath(pointer));
}
