import type { ErrorObject } from 'ajv';

/** A problem found by a compiled validator (Ajv's shape; `verbose`: with the data and the schema around it). */
export type SchemaError = ErrorObject;

/** A validator that `npm run generate` compiled from schemas/: tells whether the value fits, and leaves the problems in `errors`. */
export interface SchemaValidator {
  (value: unknown): boolean;
  errors?: readonly SchemaError[] | null;
}
