import type { Diagnostic, Locator, Severity } from '../../diagnostics/diagnostic.ts';
import { pointerKeys } from '../../diagnostics/pointer.ts';
import type { Json, JsonObject } from '../../util/json.ts';

/** A problem as a rule finds it; its place comes from the pointer. */
export interface Problem extends Omit<Diagnostic, 'severity' | 'range' | 'pointer'> {
  readonly pointer: string;
  readonly severity?: Severity;
  /** Show it at the key instead of the value. */
  readonly at?: 'key' | 'value';
}

/** The configuration as it is written, which may still be of the wrong shape: rules skip what is. */
export interface RuleContext {
  readonly root: Json;
  /** Base name of image.yaml. */
  readonly fileName: string;
  /** Absolute path of its directory. */
  readonly directory: string;
  readonly hostArch: string;
  readonly locate: Locator;
  readonly sourceText: (pointer: string) => string | undefined;
}

/** Finds one sort of mistake in what a configuration means. Pure. */
export type Rule = (context: RuleContext) => readonly Problem[];

/** The value that a JSON pointer names. */
export function valueAt(root: Json, pointer: string): Json | undefined {
  let value: Json | undefined = root;
  for (const key of pointerKeys(pointer)) {
    if (value === null || typeof value !== 'object') return undefined;
    if (Array.isArray(value)) value = (value as readonly Json[])[Number(key)];
    else value = Object.hasOwn(value, key) ? (value as JsonObject)[key] : undefined;
  }
  return value;
}

/** The text at a pointer; undefined when it is missing, empty or no text. */
export function textAt(root: Json, pointer: string): string | undefined {
  const value = valueAt(root, pointer);
  return typeof value === 'string' && value !== '' ? value : undefined;
}

export interface TextItem {
  readonly text: string;
  readonly pointer: string;
}

/** The texts of the list at a pointer, with the pointer of each; empty when there is no list. */
export function textsAt(root: Json, pointer: string): readonly TextItem[] {
  const value = valueAt(root, pointer);
  if (!Array.isArray(value)) return [];
  return value.flatMap((item: Json, index) =>
    typeof item === 'string' && item !== '' ? [{ text: item, pointer: `${pointer}/${index}` }] : [],
  );
}

/** The mapping at a pointer; empty when there is none. */
export function mappingAt(root: Json, pointer: string): JsonObject {
  const value = valueAt(root, pointer);
  return value === undefined || value === null || typeof value !== 'object' || Array.isArray(value) ? {} : (value as JsonObject);
}
