import { existsSync, readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { parse } from 'yaml';
import { fail } from '../diagnostics/errors.ts';
import { quoted } from '../diagnostics/printable.ts';
import { didYouMean } from '../diagnostics/suggest.ts';
import { PHASES, type Phase } from './element.ts';
import { collectHooks } from './hooks.ts';
import { type DeclaredVariable, type ElementMetadata, readMetadata } from './metadata.ts';
import { compareBytes } from './order.ts';
import { installTypeOf, PACKAGE_PHASES } from './package-installs.ts';
import { distroFamilies, distroOfFamily, loadPackageMap, mapPackage } from './package-map.ts';
import { collectProblems } from './problems.ts';
import { type ElementIndex, type FoundElement, readElement } from './search.ts';
import { isRecord } from './yaml-file.ts';

/** One line of `dib elements list`. */
export interface ListedElement {
  readonly name: string;
  readonly summary?: string | undefined;
  /** Absolute path. */
  readonly directory: string;
  /** Shipped with dib. */
  readonly shipped: boolean;
  readonly provides: readonly string[];
}

/** A package that an element asks for. */
export interface DescribedPackage {
  /** As package-installs.yaml has it. */
  readonly name: string;
  readonly phase: string;
  readonly action: 'install' | 'uninstall' | 'build-only';
  /** `arch`, `not-arch`, `installtype`, `when` and `dib_python_version`, as they are written. */
  readonly conditions: Readonly<Record<string, string>>;
  /** What it is called, by family of distributions; none where the element has no pkg-map. */
  readonly names: Readonly<Record<string, readonly string[]>>;
}

/** All that `dib elements show` prints. */
export interface DescribedElement extends ListedElement {
  readonly description?: string | undefined;
  /** Absent: any. */
  readonly distros?: readonly string[] | undefined;
  readonly network?: readonly string[] | undefined;
  readonly deps: readonly string[];
  /** Elements that depend on it, or on what it provides; sorted. */
  readonly dependents: readonly string[];
  /** Hooks of each phase that has some, in the order in which they run. */
  readonly phases: readonly { readonly phase: Phase; readonly hooks: readonly string[] }[];
  readonly environment: readonly string[];
  readonly packages: readonly DescribedPackage[];
  readonly variables: readonly DeclaredVariable[];
  /** Names of variables that its files mention, where it has no element.yaml. */
  readonly mentioned: readonly string[];
}

/** Every element of the search path, by name. */
export function listElements(index: ElementIndex): ListedElement[] {
  return index.names.flatMap((name) => {
    const element = index.find(name);
    return element === undefined ? [] : [listed(element, readMetadata(element.directory)?.value)];
  });
}

function listed({ name, directory, builtin, provides }: FoundElement, metadata: ElementMetadata | undefined): ListedElement {
  const others = provides.filter((each) => each !== name);
  return { name, summary: metadata?.summary ?? summaryOfReadme(directory), directory, shipped: builtin, provides: others };
}

/** The first sentence of a README, for elements without element.yaml. */
function summaryOfReadme(directory: string): string | undefined {
  const file = ['README.rst', 'README.md'].map((name) => join(directory, name)).find((path) => existsSync(path));
  if (file === undefined) return undefined;
  const paragraphs = readFileSync(file, 'utf8')
    .split(/\n\s*\n/u)
    .map((text) =>
      text
        .replace(/^#.*$/gmu, '')
        .replace(/^.*\n[=\-~*#]{3,}\s*$/gmu, '')
        .replace(/^[=\-~*#]{3,}\s*$/gmu, '')
        .replaceAll(/\s+/gu, ' ')
        .trim(),
    );
  const text = paragraphs.find((paragraph) => /^[A-Za-z`*"]/u.test(paragraph) && !paragraph.startsWith('..'));
  return text === undefined ? undefined : (/^.*?[.:](?=\s|$)/u.exec(text)?.[0] ?? text).replace(/[.:]$/u, '');
}

/** The element of a name, or of a path with a slash in it. Throws DIB_ELEMENT_NOT_FOUND. */
export function findDescribed(name: string, index: ElementIndex): FoundElement {
  if (name.includes('/') && existsSync(name)) {
    const directory = resolve(name);
    return (
      index.names.map((each) => index.find(each)).find((each) => each?.directory === directory) ??
      readElement(basename(directory), directory, false)
    );
  }
  const found = index.find(name);
  if (found !== undefined) return found;
  const providers = index.names.filter((each) => index.find(each)?.provides.includes(name));
  const near = didYouMean(name, index.names);
  return fail({
    code: 'DIB_ELEMENT_NOT_FOUND',
    summary: `There is no element ${quoted(name)}`,
    help:
      providers.length > 0
        ? `It is provided by ${providers.map((each) => quoted(each)).join(', ')}.`
        : near === undefined
          ? 'Add the directory that holds it with `--elements-path`, or see `dib elements list`.'
          : `Did you mean ${quoted(near)}?`,
  });
}

/** Reads everything of an element that is for people to know. Mistakes in its files are the business of lint, and passed over. */
export function describeElement(element: FoundElement, index: ElementIndex): DescribedElement {
  const metadata = readMetadata(element.directory)?.value;
  const tree = collectHooks([element], (name) => installTypeOf(name, {}), collectProblems());
  const phases = PHASES.flatMap((phase) => {
    const hooks = tree.hooks[phase].map(({ name }) => name);
    return hooks.length === 0 ? [] : [{ phase, hooks }];
  });
  return {
    ...listed(element, metadata),
    description: metadata?.description,
    distros: metadata?.distros,
    network: metadata?.network,
    deps: element.deps.toSorted(compareBytes),
    dependents: dependentsOf(element, index),
    phases,
    environment: tree.environmentFiles.map(({ path }) => path.slice('environment.d/'.length)),
    packages: packagesOf(element.directory),
    variables: metadata?.variables ?? [],
    mentioned: metadata === undefined ? [...tree.variables].filter((name) => name !== 'DIB_DEBUG_TRACE').sort(compareBytes) : [],
  };
}

function dependentsOf({ name, provides }: FoundElement, index: ElementIndex): string[] {
  const offered = new Set([name, ...provides]);
  return index.names.filter((each) => each !== name && index.find(each)?.deps.some((dep) => offered.has(dep)));
}

/** Every entry of package-installs, whatever its conditions. */
function packagesOf(directory: string): DescribedPackage[] {
  const maps = distroFamilies().map(
    (family) => [family, loadPackageMap(directory, distroOfFamily(family), '', collectProblems())] as const,
  );
  return ['package-installs.json', 'package-installs.yaml'].flatMap((file) => {
    const path = join(directory, file);
    if (!existsSync(path)) return [];
    const content = parseLoosely(readFileSync(path, 'utf8'));
    return Object.entries(content).flatMap(([name, entries]) => {
      const names = Object.fromEntries(
        maps.flatMap(([family, map]) => (map === undefined ? [] : [[family, mapPackage(map, name)]])),
      );
      return [entries].flat().map((entry): DescribedPackage => ({ name, ...described(isRecord(entry) ? entry : {}), names }));
    });
  });
}

function parseLoosely(text: string): Record<string, unknown> {
  try {
    const content: unknown = parse(text);
    return isRecord(content) ? content : {};
  } catch {
    return {};
  }
}

const CONDITIONS = ['arch', 'not-arch', 'installtype', 'when', 'dib_python_version'];

function described(entry: Record<string, unknown>): Pick<DescribedPackage, 'phase' | 'action' | 'conditions'> {
  const isOn = (key: string): boolean => Object.hasOwn(entry, key) && !/^(false|no|off|0)$/iu.test(String(entry[key]));
  const conditions = CONDITIONS.filter((key) => Object.hasOwn(entry, key)).map((key) => [key, [entry[key]].flat().join(' and ')]);
  return {
    phase: String(entry['phase'] ?? PACKAGE_PHASES[1]),
    action: isOn('uninstall') ? 'uninstall' : isOn('build-only') ? 'build-only' : 'install',
    conditions: Object.fromEntries(conditions),
  };
}
