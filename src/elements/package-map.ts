import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Document, LineCounter, type Node, parseDocument } from 'yaml';
import { hasErrors } from '../diagnostics/diagnostic.ts';
import { quoted } from '../diagnostics/printable.ts';
import { didYouMean, listOf } from '../diagnostics/suggest.ts';
import { type Problems, readText } from './problems.ts';
import { isRecord, nodeRange, parseProblems, wholeFile } from './yaml-file.ts';

/** Name -> names of the distribution, several separated by blanks, '' for none. */
export type PackageMap = Readonly<Record<string, string>>;

const FAMILIES: Readonly<Record<string, readonly string[]>> = {
  redhat: ['almalinux', 'centos', 'fedora', 'openeuler', 'rhel', 'rocky'],
  debian: ['debian', 'ubuntu'],
  suse: ['opensuse'],
  gentoo: ['gentoo'],
};

/** Families, as package maps name them. */
export function distroFamilies(): string[] {
  return Object.keys(FAMILIES).sort();
}

/** A distribution that stands for its family. */
export function distroOfFamily(family: string): string {
  return family === 'redhat' ? 'fedora' : (FAMILIES[family]?.[0] ?? family);
}

/** Every distribution and family that package maps and element.yaml may name, sorted. */
export function knownDistroNames(): string[] {
  return [...new Set([...Object.keys(FAMILIES), ...Object.values(FAMILIES).flat()])].sort();
}

/** The family that package maps sort a distribution into, if any. */
export function distroFamily(distro: string): string | undefined {
  return Object.keys(FAMILIES).find((family) => FAMILIES[family]?.includes(distro));
}

/**
 * Reads `pkg-map` of an element and flattens it for one distribution and release: default, then family, distribution and release, each
 * overriding the one before it. `9-stream` falls back on `9`.
 */
export function loadPackageMap(directory: string, distro: string, release: string, problems: Problems): PackageMap | undefined {
  const file = join(directory, 'pkg-map');
  if (!existsSync(file)) return undefined;
  const text = readText(file, 'DIB_ELEMENT_PKG_MAP', problems);
  if (text === undefined) return undefined;
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  if (parseProblems(document, lines, file, 'DIB_ELEMENT_PKG_MAP', problems)) return undefined;
  const content: unknown = document.toJS();
  if (!isRecord(content)) {
    problems.error({
      code: 'DIB_ELEMENT_PKG_MAP',
      summary: 'A pkg-map is a JSON object with the members `default`, `family`, `distro` and `release`',
      range: wholeFile(file, text),
    });
    return undefined;
  }
  if (!checkSections(content, document, lines, file, problems)) return undefined;
  const releases = at(content, 'release', distro);
  const sections = [
    at(content, 'default'),
    at(content, 'family', distroFamily(distro) ?? ''),
    at(content, 'distro', distro),
    at(releases, release.replace(/-stream$/, '')),
    at(releases, release),
  ];
  const map: Record<string, string> = {};
  for (const section of sections) {
    if (!isRecord(section)) continue;
    for (const [name, value] of Object.entries(section)) map[name] = String(value ?? '').trim();
  }
  return Object.fromEntries(Object.entries(map).sort(([left], [right]) => (left < right ? -1 : 1)));
}

/** How deep the names of packages stand below each member. */
const DEPTHS: Readonly<Record<string, number>> = { default: 1, family: 2, distro: 2, release: 3 };

/** Whether every member is one that is known and holds mappings down to texts. */
function checkSections(
  content: Record<string, unknown>,
  document: Document,
  lines: LineCounter,
  file: string,
  problems: Problems,
): boolean {
  const before = problems.list.length;
  const place = (path: readonly string[]) => nodeRange(file, lines, document.getIn(path, true) as Node | undefined);
  const check = (value: unknown, depth: number, path: readonly string[]): void => {
    if (value === null || (depth === 0 && typeof value !== 'object')) return;
    if (depth > 0 && isRecord(value)) {
      for (const [name, inner] of Object.entries(value)) check(inner, depth - 1, [...path, name]);
      return;
    }
    problems.error({
      code: 'DIB_ELEMENT_PKG_MAP',
      summary: depth === 0 ? `The names of ${quoted(path.at(-1) ?? '')} are no text` : `${quoted(path.join('.'))} is no mapping`,
      help: depth === 0 ? 'Write several packages in one text, separated by blanks.' : 'See the README of the element `pkg-map`.',
      range: place(path),
    });
  };
  for (const [section, value] of Object.entries(content)) {
    const depth = DEPTHS[section];
    if (depth !== undefined) check(value, depth, [section]);
    else {
      const guess = didYouMean(section, Object.keys(DEPTHS));
      problems.warning({
        code: 'DIB_ELEMENT_PKG_MAP',
        summary: `The member ${quoted(section)} of a pkg-map has no meaning`,
        help: guess === undefined ? `Its members are ${listOf(Object.keys(DEPTHS))}.` : `Did you mean ${quoted(guess)}?`,
        range: place([section]),
      });
    }
  }
  return !hasErrors(problems.list.slice(before));
}

function at(value: unknown, ...keys: string[]): unknown {
  return keys.reduce((current, key) => (isRecord(current) ? current[key] : undefined), value);
}

/** The packages that a name stands for; a name that the map does not have stands for itself. */
export function mapPackage(map: PackageMap | undefined, name: string): string[] {
  const value = map !== undefined && Object.hasOwn(map, name) ? (map[name] ?? name) : name;
  return value.split(/\s+/).filter((item) => item !== '');
}

/** The form that `pkg-map` reads inside the image: one line per name, `name` TAB `package package`. */
export function renderPackageMap(map: PackageMap): string {
  return Object.keys(map)
    .sort()
    .map((name) => `${name}\t${map[name] ?? ''}\n`)
    .join('');
}
