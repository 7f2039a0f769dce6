import { isUtf8 } from 'node:buffer';
import { type Dirent, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { SourceText } from '../../diagnostics/source-text.ts';
import { PHASES, type Phase } from '../element.ts';
import { evaluateEnvironment } from '../environment.ts';
import { readMetadata } from '../metadata.ts';
import { compareBytes } from '../order.ts';
import { collectProblems, type Problems, startOfFile, systemMessage } from '../problems.ts';
import { type ElementIndex, readElement } from '../search.ts';
import type { Language, LintElement, LintFile, Surroundings } from './rule.ts';

/** Larger files are no scripts. Bytes. */
const LARGEST = 1 << 20;

/** Left behind by editors, Python and version control. */
const PASSED_OVER = /^(\..*|__pycache__|.*\.pyc|.*~)$/u;

/** Files that only elements have. */
const MARKS =
  /^(element-deps|element-provides|element\.yaml|package-installs\.(yaml|json)|pkg-map|svc-map|source-repository-.*)$/u;

/** Whether a directory is an element, and not one that holds elements. */
export function isElementDirectory(directory: string): boolean {
  return readdirSync(directory, { withFileTypes: true }).some((entry) =>
    entry.isDirectory() ? entry.name === 'environment.d' || isPhase(entry.name) : MARKS.test(entry.name),
  );
}

/** The directories of the elements in a directory of elements, or the directory itself if it is one; sorted. */
export function elementDirectories(directory: string): string[] {
  if (isElementDirectory(directory)) return [directory];
  return readdirSync(directory, { withFileTypes: true })
    .filter((entry) => !PASSED_OVER.test(entry.name) && isDirectory(entry, directory))
    .map((entry) => join(directory, entry.name))
    .sort(compareBytes);
}

function isDirectory(entry: Dirent, parent: string): boolean {
  return (
    entry.isDirectory() ||
    (entry.isSymbolicLink() && statSync(join(parent, entry.name), { throwIfNoEntry: false })?.isDirectory() === true)
  );
}

/** Reads all files of an element. Those that cannot be read are told and left out. */
export function readLintElement(directory: string, surroundings: Surroundings, problems: Problems): LintElement {
  const { name, deps, provides } = readElement(basename(directory), directory, false);
  return {
    name,
    directory,
    deps,
    provides,
    files: readFiles(directory, '', problems),
    metadata: readMetadata(directory)?.value,
    surroundings,
  };
}

function readFiles(directory: string, below: string, problems: Problems): LintFile[] {
  return readdirSync(join(directory, below), { withFileTypes: true })
    .filter((entry) => !PASSED_OVER.test(entry.name))
    .sort((left, right) => compareBytes(left.name, right.name))
    .flatMap((entry): LintFile[] => {
      const path = below === '' ? entry.name : `${below}/${entry.name}`;
      if (entry.isDirectory()) return readFiles(directory, path, problems);
      const absolute = join(directory, path);
      // What a link leads to is judged where it lies.
      if (!entry.isFile()) return [];
      try {
        return [readFile(path, absolute)];
      } catch (error) {
        problems.error({
          code: 'DIB_ELEMENT_UNREADABLE',
          summary: `${path} cannot be read`,
          detail: systemMessage(error),
          range: startOfFile(absolute),
        });
        return [];
      }
    });
}

function readFile(path: string, absolute: string): LintFile {
  const status = statSync(absolute);
  const bytes = status.size > LARGEST ? undefined : readFileSync(absolute);
  const isText = bytes !== undefined && isUtf8(bytes) && !bytes.includes(0);
  const source = isText ? new SourceText(absolute, bytes.toString('utf8')) : undefined;
  const top = path.split('/')[0] ?? '';
  return {
    path,
    absolute,
    executable: (status.mode & 0o111) !== 0,
    source,
    language: source === undefined ? undefined : languageOf(source),
    phase: isPhase(top) && path.includes('/') ? top : undefined,
    isEnvironment: top === 'environment.d' && path.includes('/'),
    disabled: new Set(
      [...(source?.text.matchAll(/^# dib-lint: disable=(.*)$/gmu) ?? [])].flatMap(([, names = '']) => names.split(/[\s,]+/u)),
    ),
  };
}

function languageOf(source: SourceText): Language | undefined {
  const line = source.line(1);
  if (!line.startsWith('#!')) return undefined;
  if (/\bbash\b/u.test(line)) return 'bash';
  if (/\b(sh|dash)\b/u.test(line)) return 'sh';
  return /python/u.test(line) ? 'python' : 'other';
}

function isPhase(name: string): name is Phase {
  return (PHASES as readonly string[]).includes(name);
}

/** What elements of a search path offer to those that depend on them. */
export function surroundingsOf(index: ElementIndex): Surroundings {
  const found = index.names.flatMap((name) => index.find(name) ?? []);
  const known = new Map<string, ReadonlySet<string>>();
  const offered = (directory: string): ReadonlySet<string> => {
    const names = known.get(directory) ?? offeredVariables(directory);
    known.set(directory, names);
    return names;
  };
  const variablesOf = (name: string, seen: Set<string>): string[] => {
    const element = index.find(name);
    if (element === undefined || seen.has(name)) return [];
    seen.add(name);
    return [...offered(element.directory), ...element.deps.flatMap((dep) => variablesOf(dep, seen))];
  };
  return {
    names: new Set([...found.map(({ name }) => name), ...found.flatMap(({ provides }) => provides)]),
    variablesOf: (name) => new Set(variablesOf(name, new Set())),
  };
}

/** Variables that an element declares, or sets for all hooks. */
function offeredVariables(directory: string): ReadonlySet<string> {
  const declared = readMetadata(directory)?.value?.variables.map(({ name }) => name) ?? [];
  const files = readFiles(directory, '', collectProblems()).filter(({ isEnvironment }) => isEnvironment);
  const texts = files.map(({ source }) => source?.text ?? '');
  const { values, unknown } = evaluateEnvironment(texts, {});
  return new Set([...declared, ...Object.keys(values), ...unknown]);
}
