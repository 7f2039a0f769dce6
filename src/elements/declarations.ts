import type { RelatedLocation } from '../diagnostics/diagnostic.ts';
import { quoted } from '../diagnostics/printable.ts';
import { listOf } from '../diagnostics/suggest.ts';
import { type Hook, PHASES, type Phase } from './element.ts';
import type { StaticEnvironment } from './environment.ts';
import type { HookTree } from './hooks.ts';
import { type DeclaredVariable, type ElementMetadata, readMetadata, variablePointer } from './metadata.ts';
import { distroFamily, knownDistroNames } from './package-map.ts';
import { type Problems, startOfFile } from './problems.ts';
import type { ElementOrigin } from './resolve.ts';

/** An element with what its element.yaml says. */
export interface Declaration {
  readonly element: string;
  readonly metadata: ElementMetadata;
}

/** A variable, and the element that declares it. */
export interface DeclaredHere extends Declaration {
  readonly variable: DeclaredVariable;
}

/** element.yaml of each element that has one, in the order of the elements. */
export function readDeclarations(
  elements: readonly { readonly name: string; readonly directory: string }[],
  problems: Problems,
): Declaration[] {
  return elements.flatMap(({ name, directory }) => {
    const read = readMetadata(directory);
    problems.list.push(...(read?.diagnostics ?? []));
    return read?.value === undefined ? [] : [{ element: name, metadata: read.value }];
  });
}

/** Every declaration of a variable; one by its whole name comes before one by the beginning of it. */
export function declaredAs(name: string, declarations: readonly Declaration[]): DeclaredHere[] {
  const all = declarations.flatMap((declaration) =>
    declaration.metadata.variables
      .filter((variable) => covers(variable.name, name))
      .map((variable): DeclaredHere => ({ ...declaration, variable })),
  );
  const exact = all.filter(({ variable }) => variable.name === name);
  return exact.length > 0 ? exact : all;
}

/** Whether a declared name, perhaps with a last `*`, means a variable. */
export function covers(declared: string, name: string): boolean {
  return declared === name || (declared.endsWith('*') && name.startsWith(declared.slice(0, -1)));
}

/** Points from a diagnostic about a variable to its declaration. */
export function declaredHere(element: string, metadata: ElementMetadata, { name }: DeclaredVariable): RelatedLocation {
  const range = metadata.locate(variablePointer(name), 'key') ?? startOfFile(metadata.file);
  return { message: `declared by the element ${quoted(element)}`, range };
}

/** Hooks of elements that name the phases which need the network (`network` of element.yaml) have none in the other phases. */
export function withNetwork(hooks: HookTree['hooks'], declarations: readonly Declaration[]): HookTree['hooks'] {
  const named = new Map(declarations.map(({ element, metadata }) => [element, metadata.network]));
  const judged = (hook: Hook): Hook =>
    named.get(hook.element)?.includes(hook.phase) === false ? { ...hook, network: 'none' } : hook;
  return Object.fromEntries(PHASES.map((phase) => [phase, hooks[phase].map(judged)])) as Record<Phase, Hook[]>;
}

/** The names among `names` that an element declares secret, sorted. */
export function secretVariables(declarations: readonly Declaration[], names: readonly string[]): string[] {
  const secret = names.filter((name) => declaredAs(name, declarations).some(({ variable }) => variable.secret));
  return [...new Set(secret)].sort();
}

/** Every variable that an element requires has a value, from the user or from environment.d. */
export function checkRequired(
  declarations: readonly Declaration[],
  environment: StaticEnvironment,
  origin: (element: string) => ElementOrigin,
  problems: Problems,
): void {
  for (const { element, metadata } of declarations) {
    for (const variable of metadata.variables.filter(({ required }) => required)) {
      const isSet = Object.keys(environment.values).some(
        (name) => covers(variable.name, name) && environment.values[name] !== '',
      );
      if (isSet || environment.unknown.has(variable.name)) continue;
      problems.error({
        code: 'DIB_ELEMENT_MISSING_VARIABLE',
        summary: `The element ${quoted(element)} needs ${quoted(variable.name)}, which is not set`,
        detail: variable.description,
        help: `Set it in \`environment\` of image.yaml${variable.secret ? ', or, as it is secret, in the environment of dib' : ''}.`,
        range: origin(element).range,
        related: [declaredHere(element, metadata, variable)],
      });
    }
  }
}

/** Every element works on the image's distribution. One that is not known, as of an image made from an archive, is not judged. */
export function checkDistros(
  declarations: readonly Declaration[],
  distro: string | undefined,
  origin: (element: string) => ElementOrigin,
  problems: Problems,
): void {
  if (distro === undefined || !knownDistroNames().includes(distro)) return;
  for (const { element, metadata } of declarations) {
    const { distros } = metadata;
    if (distros === undefined || supportsDistro(distros, distro)) continue;
    const { neededBy, range } = origin(element);
    const chain = neededBy.length === 0 ? '' : ` It is needed by ${neededBy.map((name) => quoted(name)).join(' <- ')}.`;
    problems.error({
      code: 'DIB_ELEMENT_UNSUPPORTED_DISTRO',
      summary: `The element ${quoted(element)} does not work on ${quoted(distro)}`,
      detail: `It is made for ${listOf(distros)}.${chain}`,
      help: 'Leave it out, or take another distribution.',
      range,
      related: [{ message: 'declared here', range: metadata.locate('/distros', 'key') ?? startOfFile(metadata.file) }],
    });
  }
}

/** A family's name stands for all of its distributions. */
export function supportsDistro(distros: readonly string[], distro: string): boolean {
  const family = distroFamily(distro);
  return distros.includes(distro) || (family !== undefined && distros.includes(family));
}
