import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { DistroConfig } from '../config/image.ts';
import { maskSecrets } from '../config/secrets.ts';
import { type Checked, hasErrors } from '../diagnostics/diagnostic.ts';
import { quoted } from '../diagnostics/printable.ts';
import { distroOfElement, knownDistro } from '../distros/registry.ts';
import { jsonDigest } from '../util/hash.ts';
import type { Json } from '../util/json.ts';
import { checkDistros, checkRequired, readDeclarations, secretVariables, withNetwork } from './declarations.ts';
import { type Element, type ElementSet, type HookFile, type NamedElement, PHASES } from './element.ts';
import { elementReads } from './element-reads.ts';
import { evaluateEnvironment, type StaticEnvironment } from './environment.ts';
import { collectHooks, type HookTree } from './hooks.ts';
import { type InputRequest, inputFiles, pathVariables } from './input-files.ts';
import { libexecDigest, libexecVariables } from './libexec-digest.ts';
import { builtinElementsDirectory, libexecDirectory } from './locations.ts';
import { compareBytes } from './order.ts';
import { installTypeOf, type PackageEntry, readPackageInstalls, readPackageList } from './package-installs.ts';
import { loadPackageMap, type PackageMap } from './package-map.ts';
import { reconcilePackages } from './packages.ts';
import { collectProblems, type Problems, startOfFile } from './problems.ts';
import { type ResolveRequest, resolveElements } from './resolve.ts';
import { type FoundElement, indexElements } from './search.ts';
import { loadServiceMap } from './service-map.ts';
import { publicLocation } from './source-location.ts';
import { readSourceRepositories, type SourceContext, type SourceRepository } from './source-repositories.ts';
import { treeLibrary } from './tree-library.ts';
import { checkVariables, packageListVariables, type VariableLocator } from './variables.ts';

/** What `loadElements` needs to know of an image. */
export interface ElementsRequest {
  /** `elements:` of image.yaml. Names with a slash are paths relative to `imageDirectory`. */
  readonly named: readonly NamedElement[];
  /** Directories of elements; an earlier one wins. The shipped ones come last and need not be listed. */
  readonly searchPath: readonly string[];
  /** Whether dib's own mechanisms win over foreign elements of the same name; default true. */
  readonly nativeElements?: boolean | undefined;
  /** Directory of image.yaml. */
  readonly imageDirectory: string;
  readonly distro?: DistroConfig | undefined;
  /** Debian architecture name. */
  readonly arch: string;
  /** The user's variables, which environment.d files see. */
  readonly environment: Readonly<Record<string, string>>;
  /** `packages:` of image.yaml. */
  readonly packages: readonly string[];
  /** Leave out the element `base`. */
  readonly skipBase?: boolean | undefined;
  /** image.yaml declares `block_device` itself. */
  readonly hasBlockDevice?: boolean | undefined;
  /** Place in image.yaml of a variable of `environment`; without it, misspelt variables are not told. */
  readonly locateVariable?: VariableLocator | undefined;
  /** For tests: another directory of shipped elements. */
  readonly builtinDirectory?: string | undefined;
}

/**
 * Resolves the elements of an image and reads everything of them that a plan depends on. Nothing is run, and equal inputs give equal
 * results. All problems are reported at once; the value is absent if one of them is an error.
 */
export async function loadElements(request: ElementsRequest): Promise<Checked<ElementSet>> {
  const problems = collectProblems();
  const index = indexElements(request.searchPath, request.builtinDirectory ?? builtinElementsDirectory(), problems, {
    nativeMechanisms: request.nativeElements ?? true,
  });
  const resolution = resolveElements(resolveRequest(request), index, problems);
  if (resolution === undefined) return { diagnostics: problems.list };
  const { elements } = resolution;
  const initial = initialEnvironment(request, elements);
  const tree = collectHooks(elements, (name) => installTypeOf(name, initial), problems);
  const texts = tree.environmentFiles.map((file) => readFileSync(file.source, 'utf8'));
  const environment = evaluateEnvironment(texts, initial);
  const system = operatingSystem(resolution.operatingSystem, elements, tree, environment, request, problems);
  const maps = packageMaps(elements, environment.values, problems);
  const entries = packageEntries(elements, tree, environment, request.arch, problems);
  const declarations = readDeclarations(elements, problems);
  const planned = elements.flatMap((element) => packageListVariables(element.directory));
  const mentioned = new Set([...tree.variables, ...planned]);
  checkVariables({ given: request.environment, mentioned, declarations, locate: request.locateVariable }, problems);
  checkRequired(declarations, environment, resolution.origin, problems);
  checkDistros(declarations, environment.values['DISTRO_NAME'], resolution.origin, problems);
  const library = treeLibrary(elements);
  const inputs = inputFiles(
    pathVariables(declarations, Object.keys(environment.values)),
    inputRequest(request, environment),
    problems,
  );
  const content = {
    elements: elements.map(publicElement),
    operatingSystem: system.foreign,
    native: system.native,
    hooks: withNetwork(tree.hooks, declarations),
    environmentFiles: tree.environmentFiles,
    files: [...tree.files, ...library],
    environment: environment.values,
    inputFiles: inputs,
    packages: reconcilePackages(entries, maps, request.packages),
    packageMaps: maps,
    serviceMap: loadServiceMap(elements, environment.values['DISTRO_NAME'] ?? '', problems),
    sources: sources(elements, { ...environmentOf(environment), imageDirectory: request.imageDirectory, problems }),
    libexec: libexecDigest(libexecDirectory()),
    secretVariables: secretVariables(declarations, [...Object.keys(environment.values), ...Object.keys(request.environment)]),
    extraOutputs: [...new Set(declarations.flatMap(({ metadata }) => metadata.outputs))],
    caches: [...new Set(declarations.flatMap(({ metadata }) => metadata.caches))].sort(compareBytes),
    blockDevice: blockDevice(elements, request.arch),
    reads: elementReads(tree, library, inputs, { helpers: libexecVariables(libexecDirectory()), planned }),
  };
  if (hasErrors(problems.list)) return { diagnostics: problems.list };
  return { value: { ...content, digest: digest(content) }, diagnostics: problems.list };
}

function resolveRequest(request: ElementsRequest): ResolveRequest {
  return {
    named: request.named,
    imageDirectory: request.imageDirectory,
    arch: request.arch,
    distro: request.distro?.name,
    hasTree: request.distro?.source !== undefined,
    skipBase: request.skipBase ?? false,
    hasBlockDevice: request.hasBlockDevice ?? false,
  };
}

function inputRequest(request: ElementsRequest, environment: StaticEnvironment): InputRequest {
  const locate = (name: string) => request.locateVariable?.(name, 'value');
  return { imageDirectory: request.imageDirectory, environment: environment.values, locate };
}

function publicElement(element: FoundElement): Element {
  const { name, directory, deps, provides, builtin, replaces } = element;
  return { name, directory, deps, provides, builtin, ...(replaces !== undefined && { replaces }) };
}

/** What environment.d files find set: the user's variables, and what dib itself tells every hook. */
function initialEnvironment(request: ElementsRequest, elements: readonly FoundElement[]): Record<string, string> {
  const { distro } = request;
  return {
    DIB_DEFAULT_INSTALLTYPE: 'source',
    ...(distro === undefined ? {} : { DISTRO_NAME: distro.name, DIB_RELEASE: distro.release }),
    ...request.environment,
    ARCH: request.arch,
    IMAGE_ELEMENT: elements.map((element) => element.name).join(' '),
  };
}

interface OperatingSystem {
  readonly foreign?: string | undefined;
  readonly native?: { readonly name: string; readonly release: string } | undefined;
}

/** A shipped operating-system element is bootstrapped natively; any other has to bring a root.d of its own, or get it from what it depends on. */
function operatingSystem(
  provider: string | undefined,
  elements: readonly FoundElement[],
  tree: HookTree,
  environment: StaticEnvironment,
  request: ElementsRequest,
  problems: Problems,
): OperatingSystem {
  if (provider === undefined) {
    const { name, release } = request.distro ?? { name: '', release: '' };
    return { native: { name, release } };
  }
  const element = elements.find((item) => item.name === provider);
  if (element?.builtin !== true) {
    if (tree.hooks['root.d'].length > 0) return { foreign: provider };
    problems.error({
      code: 'DIB_ELEMENT_NO_ROOT',
      summary: `The element ${quoted(provider)} provides \`operating-system\`, but nothing builds it`,
      detail: 'Neither it nor what it depends on has a hook in `root.d`.',
      range: startOfFile(element?.directory ?? ''),
    });
    return {};
  }
  const { values } = environment;
  const known = distroOfElement(provider);
  const name = values['DISTRO_NAME'] ?? known?.name ?? provider.replace(/-minimal$/, '');
  const release = values['DIB_RELEASE'] ?? known?.defaultRelease ?? '';
  if (request.distro !== undefined) checkDistro(provider, request.distro, name, release, request, problems);
  return { native: { name, release } };
}

/** `distro` and the elements have to mean the same system. */
function checkDistro(
  provider: string,
  distro: DistroConfig,
  name: string,
  release: string,
  request: ElementsRequest,
  problems: Problems,
): void {
  const range = request.named.find((named) => named.name === provider)?.range ?? request.named[0]?.range;
  if (provider !== knownDistro(distro.name)?.element) {
    problems.error({
      code: 'DIB_ELEMENT_DISTRO_CONFLICT',
      summary: `The image's distro is ${quoted(distro.name)}, but its element ${quoted(provider)} is ${quoted(name)}`,
      help: `Leave out either \`distro\` or the element ${quoted(provider)}.`,
      range,
    });
  } else if (release !== distro.release) {
    problems.error({
      code: 'DIB_ELEMENT_DISTRO_CONFLICT',
      summary: `The image's distro says release ${quoted(distro.release)}, but \`DIB_RELEASE\` is ${quoted(release)}`,
      help: 'Leave `DIB_RELEASE` out of the environment.',
      range,
    });
  }
}

function environmentOf({ values, unknown }: StaticEnvironment): Pick<SourceContext, 'environment' | 'unknown'> {
  return { environment: values, unknown };
}

/** None where an element cannot be read, which is told already. */
function sources(elements: readonly FoundElement[], context: SourceContext): SourceRepository[] {
  return hasErrors(context.problems.list.filter(({ code }) => code === 'DIB_ELEMENT_UNREADABLE'))
    ? []
    : readSourceRepositories(elements, context);
}

function packageMaps(
  elements: readonly FoundElement[],
  environment: Readonly<Record<string, string>>,
  problems: Problems,
): Record<string, PackageMap> {
  const maps: Record<string, PackageMap> = {};
  for (const element of [...elements].sort((left, right) => (left.name < right.name ? -1 : 1))) {
    const distro = environment['DISTRO_NAME'] ?? '';
    const map = loadPackageMap(element.directory, distro, environment['DIB_RELEASE'] ?? '', problems);
    if (map !== undefined) maps[element.name] = map;
  }
  return maps;
}

function packageEntries(
  elements: readonly FoundElement[],
  tree: HookTree,
  environment: StaticEnvironment,
  arch: string,
  problems: Problems,
): PackageEntry[] {
  const conditions = { arch, environment: environment.values, unknown: environment.unknown };
  // A foreign mechanism reads the lists itself, with hooks of its own.
  if (elements.some(({ name, builtin }) => name === 'package-installs' && !builtin)) return [];
  return [
    ...elements.flatMap((element) => readPackageInstalls(element, conditions, problems)),
    ...tree.packageLists.flatMap((list) => readPackageList(list)),
  ];
}

/** The layout that elements bring: of the first element, in dependency order, that has one for the architecture. */
function blockDevice(elements: readonly FoundElement[], arch: string): ElementSet['blockDevice'] {
  const key = arch === 'ppc64le' ? 'ppc64el' : arch;
  for (const element of elements) {
    for (const name of [`block-device-${key}.yaml`, 'block-device-default.yaml']) {
      const file = join(element.directory, name);
      if (statSync(file, { throwIfNoEntry: false })?.isFile())
        return { file, text: readFileSync(file, 'utf8'), element: element.name };
    }
  }
  return undefined;
}

/** SHA-256 over the content; paths of this machine are left out of it. */
function digest(set: Omit<ElementSet, 'digest'>): string {
  const file = ({ path, element, sha256: hash, executable, mode, link }: HookFile): Json => ({
    mode,
    path,
    element,
    sha256: hash,
    executable,
    link,
  });
  return jsonDigest({
    elements: set.elements.map(({ name, deps, provides }) => ({ name, deps, provides })),
    operatingSystem: set.operatingSystem,
    native: set.native,
    hooks: PHASES.flatMap((phase) =>
      set.hooks[phase].map(({ name, element, sha256: hash, network }) => ({ phase, name, element, sha256: hash, network })),
    ),
    environmentFiles: set.environmentFiles.map(file),
    files: set.files.map(file),
    environment: maskSecrets(set.environment, set.secretVariables),
    inputFiles: Object.fromEntries(Object.entries(set.inputFiles).map(([name, value]) => [name, value.sha256])),
    packages: set.packages as unknown as Json,
    packageMaps: set.packageMaps,
    serviceMap: set.serviceMap,
    sources: set.sources.map(({ element: _, range: __, ...source }) => ({
      ...source,
      location: publicLocation(source.location),
    })) as unknown as Json,
    libexec: set.libexec,
    blockDevice: set.blockDevice?.text,
  });
}
