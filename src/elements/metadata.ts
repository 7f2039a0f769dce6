import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeSource } from '../config/read.ts';
import { parseYaml } from '../config/yaml/parse.ts';
import { type Checked, type Diagnostic, hasErrors, type Locator } from '../diagnostics/diagnostic.ts';
import { pointerToken } from '../diagnostics/pointer.ts';
import { quoted } from '../diagnostics/printable.ts';
import { schemaDiagnostics } from '../diagnostics/schema-errors.ts';
import type { SourceText } from '../diagnostics/source-text.ts';
import { didYouMean, listOf } from '../diagnostics/suggest.ts';
import type { ElementFile, ElementVariable } from '../generated/element-schema.ts';
import { validateElement } from '../generated/validate-element.ts';
import type { Phase } from './element.ts';
import { compareBytes } from './order.ts';
import { systemMessage } from './problems.ts';
import { type ValueForm, valueFault } from './values.ts';

/** Name of the file in an element's directory. */
export const METADATA_FILE = 'element.yaml';

/** A variable that an element declares. */
export interface DeclaredVariable extends ValueForm {
  /** With a last `*`, all variables that begin so. */
  readonly name: string;
  /** As a hook would see it. */
  readonly default?: string | undefined;
  readonly description: string;
  readonly required: boolean;
  readonly secret: boolean;
  readonly deprecated?: string | undefined;
}

/** What element.yaml says. */
export interface ElementMetadata {
  /** Absolute path of element.yaml. */
  readonly file: string;
  readonly summary: string;
  readonly description?: string | undefined;
  /** Names of distributions and families; absent: any. */
  readonly distros?: readonly string[] | undefined;
  /** Sorted by name. */
  readonly variables: readonly DeclaredVariable[];
  /** Files that cleanup.d hooks make for the user, by what follows the name of the image. */
  readonly outputs: readonly string[];
  /** Directories of DIB_IMAGE_CACHE that hooks inside the image see too. */
  readonly caches: readonly string[];
  /** Phases whose hooks need the network; those of other phases have none. Absent: not said, and all have it. */
  readonly network?: readonly Phase[] | undefined;
  readonly locate: Locator;
}

/**
 * Reads element.yaml of an element's directory; undefined when it has none. What is wrong in it comes back as diagnostics with positions.
 * The file itself is no part of an element set's digest: it describes, and changes no result. What variables of type `path` name is.
 */
export function readMetadata(directory: string): Checked<ElementMetadata> | undefined {
  const file = join(directory, METADATA_FILE);
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    const summary = `${quoted(file, 200)} cannot be read`;
    return {
      diagnostics: [{ code: 'DIB_ELEMENT_YAML_UNREADABLE', severity: 'error', summary, detail: systemMessage(error) }],
    };
  }
  const source = decodeSource(bytes, file);
  return source.value === undefined ? { diagnostics: source.diagnostics } : parseMetadata(source.value);
}

/** Checks the text of an element.yaml. Pure; never throws. */
export function parseMetadata(source: SourceText): Checked<ElementMetadata> {
  const document = parseYaml(source);
  const diagnostics: Diagnostic[] = [...document.diagnostics];
  if (document.value === undefined) {
    if (document.readable && diagnostics.length === 0) {
      diagnostics.push({
        code: 'DIB_ELEMENT_YAML_EMPTY',
        severity: 'error',
        summary: 'The file has no content',
        help: 'Begin with `summary: What the element does`.',
        range: source.firstLine(),
      });
    }
    return { diagnostics };
  }
  if (!validateElement(document.value)) {
    const { locate, sourceText } = document;
    const errors = validateElement.errors ?? [];
    diagnostics.push(...schemaDiagnostics(errors, { area: 'DIB_ELEMENT_YAML', what: 'the element', locate, sourceText }));
  }
  if (hasErrors(diagnostics)) return { diagnostics };
  const content = document.value as unknown as ElementFile;
  const variables = Object.entries(content.variables ?? {})
    .map(([name, variable]) => declaredVariable(name, variable, document.sourceText))
    .sort((left, right) => compareBytes(left.name, right.name));
  for (const variable of variables) diagnostics.push(...variableFaults(variable, document.locate));
  const value: ElementMetadata = {
    file: source.file,
    summary: content.summary.trim(),
    description: content.description?.trim(),
    distros: content.distros,
    variables,
    outputs: content.outputs ?? [],
    caches: content.caches ?? [],
    network: content.network,
    locate: document.locate,
  };
  return hasErrors(diagnostics) ? { diagnostics } : { value, diagnostics };
}

function declaredVariable(
  name: string,
  { type, default: fallback, enum: values, description, required, secret, deprecated }: ElementVariable,
  sourceText: (pointer: string) => string | undefined,
): DeclaredVariable {
  const pointer = variablePointer(name);
  // A number or boolean is what is written: 0644 stays 0644, as in `environment` of image.yaml.
  const text = (value: string | number | boolean, at: string): string =>
    typeof value === 'string' ? value : (sourceText(at) ?? String(value));
  return {
    name,
    type,
    default: fallback === undefined ? undefined : text(fallback, `${pointer}/default`),
    enum: values?.map((value, index) => text(value, `${pointer}/enum/${index}`)),
    description: description.trim(),
    required: required ?? false,
    secret: secret ?? false,
    deprecated: deprecated?.trim(),
  };
}

/** JSON pointer of a variable in element.yaml. */
export function variablePointer(name: string): string {
  return `/variables/${pointerToken(name)}`;
}

/** What a variable says of itself and cannot all be true. */
function variableFaults(variable: DeclaredVariable, locate: Locator): Diagnostic[] {
  const { name, type, default: fallback } = variable;
  const pointer = variablePointer(name);
  const faults: Diagnostic[] = [];
  const fault = (at: string, problem: Pick<Diagnostic, 'code' | 'summary' | 'detail' | 'help'>): void => {
    faults.push({ severity: 'error', ...problem, pointer: `${pointer}/${at}`, range: locate(`${pointer}/${at}`) });
  };
  for (const [index, value] of (variable.enum ?? []).entries()) {
    const wrong = valueFault(value, { type });
    if (wrong !== undefined)
      fault(`enum/${index}`, {
        code: 'DIB_ELEMENT_YAML_BAD_ENUM',
        summary: `${quoted(value)} cannot be a value of ${quoted(name)}, which must be ${wrong.expected}`,
        help: 'Mend the value, or `type`.',
      });
  }
  // A default that names other variables is known at build time only.
  const wrong = fallback === undefined || fallback.includes('$') ? undefined : valueFault(fallback, variable);
  if (wrong !== undefined) {
    const near = wrong.allowed === undefined ? undefined : didYouMean(wrong.piece ?? '', wrong.allowed);
    fault('default', {
      code: 'DIB_ELEMENT_YAML_BAD_DEFAULT',
      summary: `The default of ${quoted(name)} is ${quoted(fallback ?? '')}, but it must be ${wrong.allowed === undefined ? wrong.expected : `one of ${listOf(wrong.allowed, 'or')}`}`,
      help: near === undefined ? 'Mend the default, or what the variable may be.' : `Did you mean ${quoted(near)}?`,
    });
  }
  if (variable.required && fallback !== undefined && fallback !== '')
    fault('required', {
      code: 'DIB_ELEMENT_YAML_REQUIRED_DEFAULT',
      summary: `${quoted(name)} is required and has a default`,
      detail: 'What has a default need not be set by anybody.',
      help: 'Remove one of the two.',
    });
  if (variable.required && variable.deprecated !== undefined)
    fault('required', {
      code: 'DIB_ELEMENT_YAML_REQUIRED_DEPRECATED',
      summary: `${quoted(name)} is required and deprecated`,
      detail: 'Nobody could follow both.',
      help: 'Remove one of the two.',
    });
  if (variable.secret && fallback !== undefined && fallback !== '')
    fault('default', {
      code: 'DIB_ELEMENT_YAML_SECRET_DEFAULT',
      summary: `${quoted(name)} is secret and has a default`,
      detail: 'Everybody who can read the element knows it.',
      help: 'Remove the default, and let the scripts refuse an empty value or do without.',
    });
  return faults;
}
