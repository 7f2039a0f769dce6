import type { Json, JsonObject } from '../util/json.ts';

/** A sort of value: as people read of it, and as JSON Schema (draft-07) has it for editors. */
export interface ValueForm {
  /** For a table of keys, such as `size`. */
  readonly text: string;
  readonly schema: JsonObject;
}

export interface KeyGrammar {
  readonly form: ValueForm;
  /** One or more sentences. */
  readonly meaning: string;
  /** What holds when the key is absent, for people; absent for keys that are required or simply not there. */
  readonly default?: string;
  readonly required?: boolean;
}

export const TEXT: ValueForm = { text: 'text', schema: { type: 'string' } };
export const BOOLEAN: ValueForm = { text: '`true` or `false`', schema: { type: 'boolean' } };
export const SIZE: ValueForm = { text: 'size', schema: { $ref: '#/definitions/size' } };
export const NAME: ValueForm = { text: 'name', schema: { type: 'string' } };
/** Names, in order. */
export const NAMES: ValueForm = {
  text: 'name, or list of names',
  schema: { type: ['string', 'array'], items: { description: 'A name.', type: 'string' } },
};

export function choice(...values: readonly Json[]): ValueForm {
  const texts = new Set(values.map((value) => `\`${String(value)}\``));
  return { text: [...texts].join(', '), schema: { enum: values } };
}

export function integer(minimum: number, maximum?: number): ValueForm {
  const bounds = maximum === undefined ? `from ${minimum}` : `${minimum} to ${maximum}`;
  return { text: `integer, ${bounds}`, schema: { type: 'integer', minimum, ...(maximum === undefined ? {} : { maximum }) } };
}

/** A list of strings, or one string in which `separator` stands between them. */
export function words(separator: 'white space' | 'commas', examples?: readonly Json[]): ValueForm {
  return {
    text: `list, or text separated by ${separator}`,
    schema: {
      type: ['string', 'array'],
      items: { description: 'One of them.', type: 'string' },
      ...(examples === undefined ? {} : { examples }),
    },
  };
}

/** Text of a given shape. */
export function shaped(text: string, pattern: string, examples: readonly Json[]): ValueForm {
  return { text, schema: { type: 'string', pattern, examples } };
}

/** One of several sorts of value. */
export function either(text: string, ...schemas: readonly JsonObject[]): ValueForm {
  return { text, schema: { anyOf: schemas } };
}

/** A list of nodes that are written nowhere else. */
export function nodes(kind: string, what: string): ValueForm {
  return { text: `list of ${what}`, schema: { type: 'array', items: { $ref: `#/definitions/${kind}` } } };
}
