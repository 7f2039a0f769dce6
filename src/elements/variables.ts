import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isSecretName } from '../config/secrets.ts';
import type { SourceRange } from '../diagnostics/diagnostic.ts';
import { quoted } from '../diagnostics/printable.ts';
import { didYouMean, listOf } from '../diagnostics/suggest.ts';
import { type Declaration, type DeclaredHere, declaredAs, declaredHere } from './declarations.ts';
import type { Problems } from './problems.ts';
import { valueFault } from './values.ts';

/** Variables that dib itself reads, whatever the elements do. */
const OWN_VARIABLES: readonly string[] = [
  'DIB_BLOCK_DEVICE_CONFIG',
  'DIB_BLOCK_SIZE',
  'DIB_DEBUG_TRACE',
  'DIB_DEFAULT_INSTALLTYPE',
  'DIB_IMAGE_EXTRA_SIZE',
  'DIB_IMAGE_SIZE',
  'DIB_JOURNAL_SIZE',
  'DIB_PYTHON_VERSION',
  'DIB_RELEASE',
];

/** What dib tells hooks by itself: see src/rootfs/hook-environment.ts. */
const HOOK_VARIABLES: ReadonlySet<string> = new Set([
  'DIB_ARGS',
  'DIB_BLOCK_DEVICE_PARAMS_YAML',
  'DIB_BOOT_FSTYPE',
  'DIB_BOOT_LABEL',
  'DIB_BOOT_UUID',
  'DIB_CHECKSUM',
  'DIB_ENV',
  'DIB_ESP_UUID',
  'DIB_EXTRA_OUTPUTS',
  'DIB_GRUB_FILESYSTEMS',
  'DIB_IMAGE_CACHE',
  'DIB_IMAGE_HOSTNAME',
  'DIB_IMAGE_ROOT_FS_UUID',
  'DIB_IMAGE_YAML_DIR',
  'DIB_LOCKFILES',
  'DIB_MIN_TMPFS',
  'DIB_MOUNTPOINTS',
  'DIB_NO_TMPFS',
  'DIB_OFFLINE',
  'DIB_PARTMAP',
  'DIB_PYTHON',
  'DIB_PYTHON_EXEC',
  'DIB_ROOT_FSTYPE',
  'DIB_ROOT_LABEL',
  'DIB_ROOT_UUID',
]);

/** Families of variables whose names end in the name of something else. */
const PREFIXES = /^DIB_(INSTALLTYPE|REPOTYPE|REPOLOCATION|REPOREF|REPOSHA256)_/;

/** Whether scripts may read a variable that no element declares: dib sets it, or says what it means. */
export function isProvidedVariable(name: string): boolean {
  return HOOK_VARIABLES.has(name) || OWN_VARIABLES.includes(name) || PREFIXES.test(name);
}

/** Finds the name or the value of a variable in image.yaml; undefined for those that come from the caller's environment. */
export type VariableLocator = (name: string, part: 'key' | 'value') => SourceRange | undefined;

/** What the variables of an image are judged by. */
export interface VariableCheck {
  /** The user's variables: those of image.yaml and the caller's. */
  readonly given: Readonly<Record<string, string>>;
  /** Names that look like a variable of dib in any file of the elements. */
  readonly mentioned: ReadonlySet<string>;
  readonly declarations: readonly Declaration[];
  /** Without it, misspelt variables are not told. */
  readonly locate?: VariableLocator | undefined;
}

/** Values against what element.yaml files declare, and names that look like dib's own, yet are of no element: most likely misspelt. */
export function checkVariables(check: VariableCheck, problems: Problems): void {
  for (const name of Object.keys(check.given).sort()) {
    const declared = declaredAs(name, check.declarations);
    if (declared.length === 0) checkName(name, check, problems);
    else checkValue(name, declared, check, problems);
  }
}

/** Only names in image.yaml are judged: what the caller exports may be for other images. */
function checkName(name: string, { mentioned, declarations, locate }: VariableCheck, problems: Problems): void {
  const declared = declarations.flatMap(({ metadata }) => metadata.variables.map((variable) => variable.name));
  const known = new Set([...OWN_VARIABLES, ...mentioned, ...declared.filter((each) => !each.endsWith('*'))]);
  if (known.has(name) || PREFIXES.test(name)) return;
  const guess = didYouMean(name, [...known].sort());
  // A name of another sort may be meant for any program; it is looked at only if it is almost a declared one.
  if (!name.startsWith('DIB_') && (guess === undefined || !declared.includes(guess))) return;
  const range = locate?.(name, 'key');
  if (range === undefined) return;
  problems.warning({
    code: 'DIB_ELEMENT_UNKNOWN_VARIABLE',
    summary: `No element of the image reads ${quoted(name)}`,
    detail: 'It has no effect.',
    help: guess === undefined ? 'Remove it, or add the element that it is meant for.' : `Did you mean ${quoted(guess)}?`,
    range,
  });
}

function checkValue(name: string, declared: readonly DeclaredHere[], check: VariableCheck, problems: Problems): void {
  const value = check.given[name] ?? '';
  const where = check.locate?.(name, 'key') === undefined ? ' (from the environment of dib)' : '';
  const secret = isSecretName(name) || declared.some(({ variable }) => variable.secret);
  for (const { element, metadata, variable } of declared) {
    const related = [declaredHere(element, metadata, variable)];
    const fault = valueFault(value, variable);
    if (fault !== undefined) {
      const near = fault.allowed === undefined || secret ? undefined : didYouMean(fault.piece ?? '', fault.allowed);
      const what = secret ? 'the value is something else' : `${quoted(fault.piece ?? value)} is not`;
      problems.error({
        code: 'DIB_ELEMENT_BAD_VALUE',
        summary: `${quoted(name)}${where} must be ${fault.allowed === undefined ? fault.expected : `one of ${listOf(fault.allowed, 'or')}`}; ${what}`,
        detail: variable.description,
        help: near === undefined ? `See the element ${quoted(element)}.` : `Did you mean ${quoted(near)}?`,
        range: check.locate?.(name, 'value'),
        related,
        sensitive: secret,
      });
      return;
    }
  }
  const old = declared.find(({ variable }) => variable.deprecated !== undefined);
  if (old !== undefined)
    problems.warning({
      code: 'DIB_ELEMENT_DEPRECATED_VARIABLE',
      summary: `${quoted(name)}${where} is deprecated`,
      detail: `The element ${quoted(old.element)} still reads it.`,
      help: old.variable.deprecated,
      range: check.locate?.(name, 'key'),
      related: [declaredHere(old.element, old.metadata, old.variable)],
    });
}

/** The variables that the package lists of an element test. */
export function packageListVariables(directory: string): string[] {
  return ['package-installs.json', 'package-installs.yaml']
    .map((name) => join(directory, name))
    .filter((file) => statSync(file, { throwIfNoEntry: false })?.isFile() === true)
    .flatMap((file) => [...readFileSync(file, 'utf8').matchAll(/\bDIB_[A-Z0-9_]*[A-Z0-9]/g)].map(([name]) => name));
}
