import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument, type YAMLMap } from 'yaml';
import type { SourceRange } from '../diagnostics/diagnostic.ts';
import { quoted } from '../diagnostics/printable.ts';
import { didYouMean, listOf } from '../diagnostics/suggest.ts';
import { type Problems, readText } from './problems.ts';
import { nodeRange, parseProblems, wholeFile } from './yaml-file.ts';

/** Phases in which packages can be installed. */
export const PACKAGE_PHASES = ['pre-install.d', 'install.d', 'post-install.d'] as const;
export type PackagePhase = (typeof PACKAGE_PHASES)[number];

/** One entry that applies to this image. */
export interface PackageEntry {
  readonly phase: PackagePhase;
  readonly element: string;
  /** As the element writes it, before pkg-map. */
  readonly name: string;
  /** `build-only`: installed and removed again in the same phase. */
  readonly action: 'install' | 'uninstall' | 'build-only';
}

/** What conditions of entries are tested against. */
export interface PackageConditions {
  readonly arch: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Variables whose value only a shell could tell. */
  readonly unknown: ReadonlySet<string>;
}

const KEYS = ['phase', 'installtype', 'arch', 'not-arch', 'when', 'uninstall', 'build-only', 'dib_python_version'];

interface Reader {
  readonly file: string;
  readonly text: string;
  readonly lines: LineCounter;
  readonly element: string;
  readonly conditions: PackageConditions;
  readonly problems: Problems;
  readonly entries: PackageEntry[];
}

/** Reads package-installs.json and package-installs.yaml of an element, keeping the entries whose conditions hold. */
export function readPackageInstalls(
  element: { readonly name: string; readonly directory: string },
  conditions: PackageConditions,
  problems: Problems,
): PackageEntry[] {
  const entries: PackageEntry[] = [];
  for (const name of ['package-installs.json', 'package-installs.yaml']) {
    const file = join(element.directory, name);
    if (!existsSync(file)) continue;
    const text = readText(file, 'DIB_ELEMENT_PACKAGES', problems);
    if (text === undefined) continue;
    const lines = new LineCounter();
    const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
    if (parseProblems(document, lines, file, 'DIB_ELEMENT_PACKAGES', problems)) continue;
    const reader: Reader = { file, text, lines, element: element.name, conditions, problems, entries };
    if (document.contents === null || (isScalar(document.contents) && document.contents.value === null)) continue;
    if (isMap(document.contents)) readTop(document.contents as YAMLMap<Node, Node | null>, reader);
    else {
      problems.error({
        code: 'DIB_ELEMENT_PACKAGES',
        summary: 'A list of packages is a mapping of package names to their conditions',
        help: 'Write `name:` on a line of its own for each package, without a dash.',
        range: nodeRange(file, lines, document.contents as Node) ?? wholeFile(file, text),
      });
    }
  }
  return entries;
}

function readTop(map: YAMLMap<Node, Node | null>, reader: Reader): void {
  for (const pair of map.items) {
    const name = isScalar(pair.key) ? String(pair.key.value) : '';
    const value = pair.value;
    if (value === null || (isScalar(value) && (value.value === null || value.value === ''))) {
      reader.entries.push({ phase: 'install.d', element: reader.element, name, action: 'install' });
    } else if (isSeq(value)) {
      for (const item of value.items) readEntry(name, item as Node, reader);
    } else readEntry(name, value, reader);
  }
}

function readEntry(name: string, node: Node, reader: Reader): void {
  if (!isMap(node)) {
    const isNull = isScalar(node) && node.value === null;
    if (isNull) reader.entries.push({ phase: 'install.d', element: reader.element, name, action: 'install' });
    else complain(reader, node, `The conditions of package ${quoted(name)} are a mapping, or nothing at all`);
    return;
  }
  const values = new Map<string, { readonly node: Node | null; readonly key: Node }>();
  for (const pair of (node as YAMLMap<Node, Node | null>).items) {
    const key = isScalar(pair.key) ? String(pair.key.value) : '';
    if (KEYS.includes(key)) values.set(key, { node: pair.value, key: pair.key });
    else {
      const guess = didYouMean(key, KEYS);
      reader.problems.warning({
        code: 'DIB_ELEMENT_PACKAGES',
        summary: `The key ${quoted(key)} of package ${quoted(name)} has no meaning`,
        help: guess === undefined ? `The keys are ${listOf(KEYS)}.` : `Did you mean ${quoted(guess)}?`,
        range: nodeRange(reader.file, reader.lines, pair.key),
      });
    }
  }
  const text = (key: string): string | undefined => scalarText(values.get(key)?.node);
  const rangeOf = (key: string): SourceRange | undefined => {
    const found = values.get(key);
    return nodeRange(reader.file, reader.lines, found?.node ?? found?.key);
  };
  const phase = text('phase') ?? 'install.d';
  if (!isPackagePhase(phase)) {
    reader.problems.warning({
      code: 'DIB_ELEMENT_PACKAGES_PHASE',
      summary: `Package ${quoted(name)} of element ${quoted(reader.element)} is never installed: ${quoted(phase)} installs no packages`,
      help: `The phases that do are ${listOf(PACKAGE_PHASES)}.`,
      range: rangeOf('phase'),
    });
    return;
  }
  if (values.has('arch') && values.has('not-arch')) {
    complain(
      reader,
      values.get('not-arch')?.key ?? node,
      `Package ${quoted(name)} has both \`arch\` and \`not-arch\`: only one can say where it is wanted`,
    );
    return;
  }
  if (!archMatches(text('arch'), text('not-arch'), reader.conditions.arch)) return;
  if (!installTypeMatches(text('installtype'), reader)) return;
  const python = text('dib_python_version');
  if (python !== undefined && python !== (reader.conditions.environment['DIB_PYTHON_VERSION'] ?? '3')) return;
  if (!whenMatches(name, values.get('when')?.node, reader)) return;
  const action = flag(text('uninstall')) ? 'uninstall' : flag(text('build-only')) ? 'build-only' : 'install';
  reader.entries.push({ phase, element: reader.element, name, action });
}

function isPackagePhase(phase: string): phase is PackagePhase {
  return (PACKAGE_PHASES as readonly string[]).includes(phase);
}

/** Text of a scalar as written; '' for a key without value. */
function scalarText(node: Node | null | undefined): string | undefined {
  if (node === undefined) return undefined;
  if (node === null) return '';
  return isScalar(node) ? String(node.source ?? node.value ?? '').trim() : undefined;
}

/** A key that is present means yes, unless it says no. (Upstream takes even `uninstall: false` for yes.) */
function flag(text: string | undefined): boolean {
  return text !== undefined && !/^(false|no|off|0)$/i.test(text);
}

function archMatches(arch: string | undefined, notArch: string | undefined, actual: string): boolean {
  const list = (text: string): string[] => text.split(',').map((item) => item.trim());
  if (arch !== undefined) return list(arch).includes(actual);
  return notArch === undefined || !list(notArch).includes(actual);
}

function installTypeMatches(wanted: string | undefined, reader: Reader): boolean {
  return wanted === undefined || wanted === installTypeOf(reader.element, reader.conditions.environment);
}

/** The way in which an element or project is to be installed: `source` unless variables say otherwise. */
export function installTypeOf(name: string, environment: Readonly<Record<string, string>>): string {
  return (
    environment[`DIB_INSTALLTYPE_${name.replace(/[^A-Za-z0-9]/g, '_')}`] ?? environment['DIB_DEFAULT_INSTALLTYPE'] ?? 'source'
  );
}

function whenMatches(name: string, node: Node | null | undefined, reader: Reader): boolean {
  if (node === undefined || node === null) return true;
  const clauses = isSeq(node) ? (node.items as Node[]) : [node];
  // Every clause is looked at, so that all mistakes are told.
  return clauses.map((clause) => clauseMatches(name, clause, reader)).every((matches) => matches);
}

function clauseMatches(name: string, node: Node, reader: Reader): boolean {
  const match = /^\s*([A-Za-z0-9_]+)\s*(!?=)\s*(.*?)\s*$/.exec(scalarText(node) ?? '');
  const variable = match?.[1];
  if (match === null || variable === undefined) {
    complain(
      reader,
      node,
      `\`when\` of package ${quoted(name)} is not of the form \`VARIABLE = value\` or \`VARIABLE != value\``,
    );
    return false;
  }
  const actual = variable === 'ARCH' ? reader.conditions.arch : reader.conditions.environment[variable];
  if (actual === undefined || reader.conditions.unknown.has(variable)) {
    const computed = reader.conditions.unknown.has(variable);
    reader.problems.error({
      code: 'DIB_ELEMENT_WHEN_UNKNOWN',
      summary: `\`when\` of package ${quoted(name)} tests ${quoted(variable)}, which ${computed ? 'is computed by a script' : 'is not set'}`,
      detail: computed
        ? 'The plan has to know which packages are installed before anything runs.'
        : 'An unset variable is taken for a mistake, as it would otherwise decide in silence.',
      help: `Set ${quoted(variable)} in the environment of \`image.yaml\`.`,
      range: nodeRange(reader.file, reader.lines, node),
    });
    return false;
  }
  return (match[2] === '=') === (actual === match[3]);
}

function complain(reader: Reader, node: Node, summary: string): void {
  reader.problems.error({ code: 'DIB_ELEMENT_PACKAGES', summary, range: nodeRange(reader.file, reader.lines, node) });
}

/** Reads the deprecated list form: one package per line, `-package` to remove it. */
export function readPackageList(list: {
  readonly phase: string;
  readonly element: string;
  readonly text: string;
}): PackageEntry[] {
  const { phase } = list;
  if (!isPackagePhase(phase)) return [];
  return list.text
    .split('\n')
    .map((line) => line.replace(/#.*$/, '').trim())
    .filter((line) => line !== '')
    .map((line) => ({
      phase,
      element: list.element,
      name: line.replace(/^-/, ''),
      action: line.startsWith('-') ? ('uninstall' as const) : ('install' as const),
    }));
}
