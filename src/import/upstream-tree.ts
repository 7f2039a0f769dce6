import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { findProgram } from '../doctor/tools.ts';
import { builtinElementsDirectory } from '../elements/locations.ts';
import { collectProblems } from '../elements/problems.ts';
import { indexElements } from '../elements/search.ts';
import type { UpstreamElements } from './imported.ts';

/** Where installations of diskimage-builder begin: that of the program on PATH, an active virtual environment, the user's, the machine's. */
export function installationPrefixes(environment: Readonly<Record<string, string | undefined>>): readonly string[] {
  const program = findProgram('disk-image-create');
  const home = environment['HOME'];
  return [
    ...(program === undefined ? [] : [dirname(dirname(program))]),
    ...(environment['VIRTUAL_ENV'] ? [environment['VIRTUAL_ENV']] : []),
    ...(home ? [join(home, '.local')] : []),
    ...['/usr/local', '/usr'],
  ];
}

/**
 * The elements that diskimage-builder brings itself, if it is installed: of Debian's package in lib/python3/dist-packages, of pip's in
 * site-packages of one version of Python, of versions before 2 in share.
 */
export function findUpstreamTree(prefixes: readonly string[]): string | undefined {
  return prefixes
    .flatMap((prefix) => {
      const library = join(prefix, 'lib');
      const pythons = existsSync(library) ? readdirSync(library).filter((name) => /^python3[.\d]*$/.test(name)) : [];
      const packages = pythons
        .sort()
        .flatMap((name) => ['dist-packages', 'site-packages'].map((kind) => join(library, name, kind)));
      return [
        ...packages.map((place) => join(place, 'diskimage_builder/elements')),
        join(prefix, 'share/diskimage-builder/elements'),
      ];
    })
    .find((directory) => existsSync(join(directory, 'base')));
}

/**
 * diskimage-builder looks for elements in its own tree whatever ELEMENTS_PATH says; dib looks among those that it ships. Names of elements of
 * an image that are in neither, with those that they depend on: the tree has to be named if it is to be used.
 */
export function needOfUpstream(
  elements: readonly string[],
  elementsPath: readonly string[],
  tree: string | undefined,
): UpstreamElements | undefined {
  const problems = collectProblems();
  const known = indexElements(elementsPath.filter(existsSync), builtinElementsDirectory(), problems);
  const upstream = tree === undefined ? undefined : indexElements([tree], builtinElementsDirectory(), problems);
  const wanted = new Set(elements);
  const missing = new Set<string>();
  // Grows while it is walked: what an element depends on comes after it.
  for (const name of wanted) {
    const found = known.find(name);
    if (found === undefined && (elements.includes(name) || upstream?.find(name) !== undefined)) missing.add(name);
    for (const dep of (found ?? upstream?.find(name))?.deps ?? []) wanted.add(dep);
  }
  const names = [...missing].filter((name) => upstream === undefined || upstream.find(name) !== undefined);
  return names.length === 0 ? undefined : { tree, names };
}
