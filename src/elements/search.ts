import { readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { quotedPath } from '../diagnostics/printable.ts';
import type { NamedElement } from './element.ts';
import { type Problems, systemMessage } from './problems.ts';

/** A directory that is an element, with what its two list files say. */
export interface FoundElement {
  readonly name: string;
  readonly directory: string;
  readonly builtin: boolean;
  readonly deps: readonly string[];
  readonly provides: readonly string[];
  /** Directory of the foreign element of the same name in whose place it is used. */
  readonly replaces?: string | undefined;
}

/** All elements of a search path, by name. */
export interface ElementIndex {
  /** Every name, for suggestions. */
  readonly names: readonly string[];
  find(name: string): FoundElement | undefined;
  /** The element of that name that is shipped with dib, whatever stands before it on the search path. */
  findBuiltin(name: string): FoundElement | undefined;
}

/**
 * Elements that carry out what others only declare (package lists, files to install, devices, boot loader). They work hand in hand with
 * dib's own phase runner, so the shipped ones are used even when a foreign tree has some of the same name, unless the image says
 * `native_elements: false`.
 */
const MECHANISMS: ReadonlySet<string> = new Set([
  'block-device-efi',
  'block-device-efi-4k',
  'block-device-efi-lvm',
  'block-device-gpt',
  'block-device-mbr',
  'bootloader',
  'cache-url',
  'dib-init-system',
  'dib-python',
  'dib-run-parts',
  'dpkg',
  'install-bin',
  'install-static',
  'install-types',
  'package-installs',
  'pip-cache',
  'pkg-map',
  'source-repositories',
  'svc-map',
  'vm',
]);

/** Reads the names on the search path; directories that do not exist are errors. */
export function indexElements(
  searchPath: readonly string[],
  builtinDirectory: string,
  problems: Problems,
  { nativeMechanisms }: { readonly nativeMechanisms: boolean } = { nativeMechanisms: true },
): ElementIndex {
  const builtin = new Map<string, string>();
  addDirectory(builtin, builtinDirectory);
  const found = new Map<string, string>();
  for (const directory of searchPath) {
    if (resolve(directory) === resolve(builtinDirectory)) continue;
    try {
      addDirectory(found, directory);
    } catch (error) {
      problems.error({
        code: 'DIB_ELEMENT_PATH',
        summary: `The element directory ${quotedPath(directory)} cannot be read`,
        detail: systemMessage(error),
        help: 'Correct `elements_path`: every entry is a directory that holds one directory per element.',
      });
    }
  }
  const replaced = new Map<string, string>();
  for (const [name, directory] of builtin) {
    const foreign = found.get(name);
    if (foreign !== undefined && !(nativeMechanisms && MECHANISMS.has(name))) continue;
    if (foreign !== undefined) replaced.set(name, foreign);
    found.set(name, directory);
  }
  const cache = new Map<string, FoundElement>();
  const read = (name: string, directory: string | undefined): FoundElement | undefined => {
    if (directory === undefined) return undefined;
    const known = cache.get(directory);
    if (known !== undefined) return known;
    const isBuiltin = builtin.get(name) === directory;
    const own = readElement(name, directory, isBuiltin);
    const element = isBuiltin ? standIn(own, replaced.get(name), found) : own;
    cache.set(directory, element);
    return element;
  };
  return {
    names: [...found.keys()].sort(),
    find: (name) => read(name, found.get(name)),
    findBuiltin: (name) => read(name, builtin.get(name)),
  };
}

/** Adds the elements of one directory; a name that is known already stays. A link is named after its target, as upstream does. */
function addDirectory(found: Map<string, string>, directory: string): void {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    if (entry.name.startsWith('.')) continue;
    const path = join(directory, entry.name);
    if (entry.isDirectory()) {
      if (!found.has(entry.name)) found.set(entry.name, path);
    } else if (entry.isSymbolicLink() && isDirectory(path)) {
      const target = realpathSync(path);
      if (!found.has(basename(target))) found.set(basename(target), target);
    }
  }
}

/** Finds an element that image.yaml names by a path such as `./elements/motd`. */
export function findByPath(named: NamedElement, imageDirectory: string, problems: Problems): FoundElement | undefined {
  const path = resolve(imageDirectory, named.name);
  if (!named.name.startsWith('./') || named.name.split('/').includes('..')) {
    problems.error({
      code: 'DIB_ELEMENT_PATH_ESCAPES',
      summary: `The element path ${quotedPath(named.name)} leaves the image's directory`,
      detail: 'An image is to build from its own directory alone, wherever that is checked out.',
      help: 'Write a path that begins with `./` and has no `..`, or add the directory that holds the element to `elements_path` and name the element alone.',
      range: named.range,
    });
    return undefined;
  }
  if (!isDirectory(path)) {
    problems.error({
      code: 'DIB_ELEMENT_NOT_FOUND',
      summary: `There is no element directory ${quotedPath(named.name)}`,
      detail: `It was looked for at ${quotedPath(path)}.`,
      help: 'A path of an element is relative to the directory of `image.yaml`.',
      range: named.range,
    });
    return undefined;
  }
  const directory = realpathSync(path);
  return readElement(basename(directory), directory, false);
}

/** An element with what its two list files say. */
export function readElement(name: string, directory: string, builtin: boolean): FoundElement {
  return {
    name,
    directory,
    builtin,
    deps: readNames(join(directory, 'element-deps')),
    provides: readNames(join(directory, 'element-provides')),
  };
}

/** An element of dib in the place of a foreign one brings along what that depends on: other elements of its tree count on that. */
function standIn(own: FoundElement, replaces: string | undefined, known: ReadonlyMap<string, string>): FoundElement {
  if (replaces === undefined) return own;
  const foreign = readNames(join(replaces, 'element-deps')).filter((name) => known.has(name));
  return { ...own, replaces, deps: [...new Set([...own.deps, ...foreign])] };
}

/** One name per line; blank lines are dropped, `#` begins no comment. */
function readNames(file: string): string[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return [];
  }
  const names = text.split('\n').map((line) => line.trim());
  return [...new Set(names.filter((line) => line !== ''))];
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
