import { basename } from 'node:path';
import type { SourceRange } from '../diagnostics/diagnostic.ts';
import { quoted } from '../diagnostics/printable.ts';
import { didYouMean, listOf } from '../diagnostics/suggest.ts';
import { knownDistro } from '../distros/registry.ts';
import type { NamedElement } from './element.ts';
import type { Problems } from './problems.ts';
import { type ElementIndex, type FoundElement, findByPath } from './search.ts';

/** What the resolution of names to elements starts from. */
export interface ResolveRequest {
  readonly named: readonly NamedElement[];
  readonly imageDirectory: string;
  /** Debian architecture name. */
  readonly arch: string;
  /** Name of the distribution of `distro:`, if image.yaml has one. */
  readonly distro?: string | undefined;
  /** The root file system is unpacked from somewhere: no element has to provide one. */
  readonly hasTree?: boolean | undefined;
  readonly skipBase: boolean;
  /** image.yaml has its own `block_device`: the layout of no element is needed. */
  readonly hasBlockDevice: boolean;
}

export interface Resolution {
  /** Dependencies before their dependents; independent of the order in which image.yaml names them. */
  readonly elements: readonly FoundElement[];
  /** Name of the element that provides `operating-system`; undefined where the image's tree is unpacked. */
  readonly operatingSystem?: string | undefined;
  /** How an element came into the image. */
  readonly origin: (name: string) => ElementOrigin;
}

/** The place in image.yaml that an element is there for, and the elements that need it, nearest first. */
export interface ElementOrigin {
  readonly range?: SourceRange | undefined;
  readonly neededBy: readonly string[];
}

/** The closure of the named elements over their dependencies. */
interface Closure {
  readonly elements: ReadonlyMap<string, FoundElement>;
  /** Who asked first for a name, in breadth-first order: the shortest chain. */
  readonly neededBy: ReadonlyMap<string, string | undefined>;
  /** Asked for, yet no directory of that name. */
  readonly missing: readonly string[];
}

/**
 * Resolves names to elements. Upstream meets a virtual name before its provider or after, by chance of a hash order; here the closure is
 * computed first and what it provides is subtracted afterwards, so the order of names never matters. Cycles are legal.
 */
export function resolveElements(request: ResolveRequest, index: ElementIndex, problems: Problems): Resolution | undefined {
  const before = problems.list.length;
  const roots = rootElements(request, index, problems);
  const ranges = new Map(request.named.map((named) => [nameOf(named), named.range]));
  const defaults = new Map<string, FoundElement>();
  for (const [virtual, name] of defaultProviders(request)) {
    // An operating system by `distro` is one that dib bootstraps; a layout may be that of a foreign tree.
    const provider = virtual === 'operating-system' ? index.findBuiltin(name) : index.find(name);
    if (provider !== undefined) defaults.set(virtual, provider);
  }
  const closure = settle(roots, index, defaults, request);
  checkMissing(closure, index, ranges, problems);
  checkProvides(closure, roots, ranges, problems);
  const operatingSystem = checkOperatingSystem(closure, request, ranges, problems);
  if (problems.list.slice(before).some((item) => item.severity === 'error')) return undefined;
  const origin = (name: string): ElementOrigin => {
    const [, ...neededBy] = chain(name, closure);
    return { neededBy, range: ranges.get(neededBy.at(-1) ?? name) };
  };
  warnAboutCycles(closure, ranges, problems);
  return { elements: inDependencyOrder(closure), operatingSystem, origin };
}

/** A circle is legal, as upstream; what its elements hope for of each other's order cannot all come true, so it is told. */
function warnAboutCycles(closure: Closure, ranges: ReadonlyMap<string, SourceRange | undefined>, problems: Problems): void {
  const state = new Map<string, 'open' | 'done'>();
  const path: string[] = [];
  const visit = (name: string): void => {
    const element = closure.elements.get(name);
    if (element === undefined || state.get(name) === 'done') return;
    if (state.get(name) === 'open') {
      const circle = [...path.slice(path.indexOf(name)), name];
      problems.warning({
        code: 'DIB_ELEMENT_CYCLE',
        summary: `Elements need each other in a circle: ${circle.map((each) => quoted(each)).join(' -> ')}`,
        detail: 'All of them are in the image; none of them can count on coming after the others.',
        help: `Take ${quoted(name)} out of \`element-deps\` of ${quoted(circle.at(-2) ?? name)}, if it works without.`,
        range: circle.map((each) => ranges.get(each)).find((range) => range !== undefined),
      });
      return;
    }
    state.set(name, 'open');
    path.push(name);
    for (const dep of [...element.deps].sort()) if (dep !== name) visit(dep);
    path.pop();
    state.set(name, 'done');
  };
  for (const name of [...closure.elements.keys()].sort()) visit(name);
}

/** Name of the element that image.yaml names, perhaps by its path. */
function nameOf(named: NamedElement): string {
  return basename(named.name);
}

/** Providers that stand in when an element needs a virtual name and no element of the image provides it. */
function defaultProviders(request: ResolveRequest): [string, string][] {
  const providers: [string, string][] = [];
  if (request.distro !== undefined && request.hasTree !== true)
    providers.push(['operating-system', knownDistro(request.distro)?.element ?? `${request.distro}-minimal`]);
  if (!request.hasBlockDevice) {
    providers.push(['block-device', request.arch === 'arm64' ? 'block-device-efi' : 'block-device-mbr']);
  }
  return providers;
}

function rootElements(request: ResolveRequest, index: ElementIndex, problems: Problems): FoundElement[] {
  const roots = new Map<string, FoundElement>();
  const base = request.skipBase ? undefined : index.find('base');
  if (base !== undefined) roots.set(base.name, base);
  for (const named of request.named) {
    const isPath = named.name.includes('/');
    const element = isPath ? findByPath(named, request.imageDirectory, problems) : index.find(named.name);
    if (element !== undefined) roots.set(element.name, element);
    else if (!isPath) unknownElement(named.name, index, named.range, [], problems);
  }
  return [...roots.values()].sort((left, right) => (left.name < right.name ? -1 : 1));
}

/** Repeats the closure until the names that its elements provide are all left out of it as elements of their own. */
function settle(
  roots: readonly FoundElement[],
  index: ElementIndex,
  defaults: ReadonlyMap<string, FoundElement>,
  request: ResolveRequest,
): Closure {
  const satisfied = new Set<string>([
    ...(request.hasBlockDevice ? ['block-device'] : []),
    ...(request.hasTree === true ? ['operating-system'] : []),
  ]);
  const extra = new Map<string, FoundElement>();
  const rootNames = new Set(roots.map((root) => root.name));
  for (;;) {
    const closure = close([...roots, ...extra.values()], satisfied, index);
    const sizeBefore = satisfied.size + extra.size;
    for (const element of closure.elements.values()) {
      for (const name of element.provides) if (name !== element.name && !rootNames.has(name)) satisfied.add(name);
    }
    for (const [virtual, provider] of defaults) {
      const wanted = closure.missing.includes(virtual) || virtual === 'operating-system';
      if (wanted && !satisfied.has(virtual) && !extra.has(virtual)) extra.set(virtual, provider);
    }
    if (satisfied.size + extra.size === sizeBefore) return closure;
  }
}

function close(roots: readonly FoundElement[], satisfied: ReadonlySet<string>, index: ElementIndex): Closure {
  const elements = new Map<string, FoundElement>();
  const neededBy = new Map<string, string | undefined>(roots.map((root) => [root.name, undefined]));
  const byName = new Map(roots.map((root) => [root.name, root]));
  const missing: string[] = [];
  const queue = roots.map((root) => root.name);
  for (const name of queue) {
    const element = byName.get(name) ?? index.find(name);
    if (element === undefined) {
      missing.push(name);
      continue;
    }
    elements.set(element.name, element);
    for (const dep of [...element.deps].sort()) {
      if (satisfied.has(dep) || neededBy.has(dep)) continue;
      neededBy.set(dep, element.name);
      queue.push(dep);
    }
  }
  return { elements, neededBy, missing };
}

/** The element and those that need it, nearest first, such as [`pkg-map`, `package-installs`, `base`]. */
function chain(name: string, closure: Closure): string[] {
  const names = [name];
  for (let next = closure.neededBy.get(name); next !== undefined; next = closure.neededBy.get(next)) names.push(next);
  return names;
}

function chainText(names: readonly string[]): string | undefined {
  return names.length < 2
    ? undefined
    : `It is needed by ${names
        .slice(1)
        .map((each) => quoted(each))
        .join(' <- ')}.`;
}

function checkMissing(
  closure: Closure,
  index: ElementIndex,
  ranges: ReadonlyMap<string, SourceRange | undefined>,
  problems: Problems,
): void {
  for (const name of [...closure.missing].sort()) {
    if (name === 'operating-system') continue;
    const names = chain(name, closure);
    unknownElement(name, index, ranges.get(names.at(-1) ?? name), names, problems);
  }
}

function unknownElement(
  name: string,
  index: ElementIndex,
  range: SourceRange | undefined,
  names: readonly string[],
  problems: Problems,
): void {
  const guess = didYouMean(name, index.names);
  problems.error({
    code: 'DIB_ELEMENT_NOT_FOUND',
    summary: `There is no element ${quoted(name)}`,
    detail: chainText(names),
    help:
      guess === undefined
        ? 'Add the directory that holds it to `elements_path`, or leave it out.'
        : `Did you mean ${quoted(guess)}?`,
    range,
  });
}

/** Two elements may not provide the same name, and what image.yaml names must not be provided by something else. */
function checkProvides(
  closure: Closure,
  roots: readonly FoundElement[],
  ranges: ReadonlyMap<string, SourceRange | undefined>,
  problems: Problems,
): void {
  const providers = providersOf(closure);
  for (const [virtual, names] of [...providers].sort()) {
    const own = roots.some((root) => root.name === virtual);
    if (names.length < 2 && !own) continue;
    const chains = (own ? [virtual, ...names] : names).map((name) => describeOrigin(name, closure));
    problems.error({
      code: 'DIB_ELEMENT_PROVIDED_TWICE',
      summary: own
        ? `The element ${quoted(virtual)} is named in the image and provided by ${listOf(names)} as well`
        : `${listOf(names)} both provide ${quoted(virtual)}`,
      detail: `An image can have one of them only. ${chains.join(' ')}`,
      help: 'Leave out all but one of them.',
      range: names.map((name) => ranges.get(chain(name, closure).at(-1) ?? name)).find((range) => range !== undefined),
    });
  }
}

function describeOrigin(name: string, closure: Closure): string {
  const names = chain(name, closure);
  return names.length < 2
    ? `${quoted(name)} is named in the image.`
    : `${quoted(name)} is needed by ${names
        .slice(1)
        .map((each) => quoted(each))
        .join(' <- ')}.`;
}

/** Virtual name -> the elements of the closure that provide it, sorted. An element that lists itself provides nothing by that. */
function providersOf(closure: Closure): Map<string, string[]> {
  const providers = new Map<string, string[]>();
  for (const element of [...closure.elements.values()].sort((left, right) => (left.name < right.name ? -1 : 1))) {
    for (const name of element.provides) {
      if (name !== element.name) providers.set(name, [...(providers.get(name) ?? []), element.name]);
    }
  }
  return providers;
}

function checkOperatingSystem(
  closure: Closure,
  request: ResolveRequest,
  ranges: ReadonlyMap<string, SourceRange | undefined>,
  problems: Problems,
): string | undefined {
  const provider = providersOf(closure).get('operating-system')?.[0];
  if (request.hasTree === true) {
    if (provider !== undefined) treeAndElement(provider, ranges.get(chain(provider, closure).at(-1) ?? provider), problems);
    return undefined;
  }
  if (provider !== undefined) return provider;
  const range = [...ranges.values()].find((item) => item !== undefined);
  if (request.distro !== undefined) {
    problems.error({
      code: 'DIB_ELEMENT_NO_OPERATING_SYSTEM',
      summary: `The distribution ${quoted(request.distro)} is not one that dib can bootstrap, and no element of the image provides an operating system`,
      detail: 'An image needs exactly one element that provides `operating-system`, or a distribution that dib knows.',
      help: 'Write `distro: { name: debian, release: bookworm }`, or add an element such as `debian-minimal`.',
      range,
    });
  } else {
    problems.error({
      code: 'DIB_ELEMENT_NO_OPERATING_SYSTEM',
      summary: 'The image has no operating system',
      detail: 'There is neither a `distro` nor an element that provides `operating-system`.',
      help: 'Write `distro: { name: debian, release: bookworm }`, or add an element such as `debian-minimal`.',
      range,
    });
  }
  return undefined;
}

function treeAndElement(provider: string, range: SourceRange | undefined, problems: Problems): void {
  problems.error({
    code: 'DIB_ELEMENT_DISTRO_CONFLICT',
    summary: `The image's root file system is unpacked, and its element ${quoted(provider)} provides another one`,
    help: `Leave out either \`distro\` or the element ${quoted(provider)}; a kernel and an init system are installed with \`packages\`.`,
    range,
  });
}

/** Depth-first, names in order: a dependency stands before what needs it, and a cycle is cut where it is entered. */
function inDependencyOrder(closure: Closure): FoundElement[] {
  const providers = providersOf(closure);
  const ordered: FoundElement[] = [];
  const seen = new Set<string>();
  const visit = (name: string): void => {
    const element = closure.elements.get(name) ?? closure.elements.get(providers.get(name)?.[0] ?? '');
    if (element === undefined || seen.has(element.name)) return;
    seen.add(element.name);
    for (const dep of [...element.deps].sort()) visit(dep);
    ordered.push(element);
  };
  for (const name of [...closure.elements.keys()].sort()) visit(name);
  return ordered;
}
