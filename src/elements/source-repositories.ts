import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, posix } from 'node:path';
import { LineCounter } from 'yaml';
import type { SourceRange } from '../diagnostics/diagnostic.ts';
import { quoted, quotedPath } from '../diagnostics/printable.ts';
import { didYouMean, listOf } from '../diagnostics/suggest.ts';
import { sha256 } from '../util/hash.ts';
import { expandLine } from './environment.ts';
import { installTypeOf } from './package-installs.ts';
import { type Problems, readText, startOfFile } from './problems.ts';
import type { FoundElement } from './search.ts';
import { isLocal, localPath, publicLocation } from './source-location.ts';
import { offsetRange } from './yaml-file.ts';

/** What is fetched while building and put into the tree, as a line of a `source-repository-*` file and the variables of the image have it. */
export interface SourceRepository {
  /** Fit for an address: what is neither a letter, a digit, `.`, `-` nor `_` is `_`. */
  readonly name: string;
  readonly type: 'git' | 'tar' | 'file';
  /** With user and password, if it has any: not to be shown or stored; see publicLocation. */
  readonly location: string;
  /** git: a branch, tag, full name, commit or `*`. tar: `.`, `*`, or a directory in the archive. file: ''. */
  readonly ref: string;
  /** Expected SHA-256 of the file or archive: declared, or that of a local one as it is now. */
  readonly sha256?: string | undefined;
  /** Absolute paths in the image, normalised, without a slash at the end; `/` is the root. */
  readonly destinations: readonly string[];
  readonly element: string;
  /** Where it is declared. */
  readonly range: SourceRange;
  /** What stands there has a user, and so perhaps a password. */
  readonly sensitive?: boolean;
}

/** What lines are read against. */
export interface SourceContext {
  /** What hooks would see. */
  readonly environment: Readonly<Record<string, string>>;
  /** Variables whose value only a shell could tell. */
  readonly unknown: ReadonlySet<string>;
  /** Directory of image.yaml: relative locations start from it. */
  readonly imageDirectory: string;
  readonly problems: Problems;
}

/** The element that carries the lines out. */
export const SOURCE_REPOSITORIES = 'source-repositories';

const TYPES = ['git', 'tar', 'file', 'package'] as const;
type SourceType = (typeof TYPES)[number];
const DEFAULT_REF: Readonly<Record<SourceType, string>> = { git: 'master', tar: '*', file: '', package: '' };

/**
 * Reads the `source-repository-*` files of all elements: `NAME TYPE DESTINATION LOCATION [REF]` a line. Variables are expanded, nothing is run. They count
 * only where the shipped element `source-repositories` is in the image; a foreign one of that name does it by itself.
 */
export function readSourceRepositories(elements: readonly FoundElement[], context: SourceContext): SourceRepository[] {
  const carrier = elements.find(({ name }) => name === SOURCE_REPOSITORIES);
  if (carrier !== undefined && !carrier.builtin) return [];
  if ((context.environment['NO_SOURCE_REPOSITORIES'] ?? '') !== '') return [];
  const found: SourceRepository[] = [];
  for (const element of elements) {
    for (const file of declarations(element)) {
      if (carrier === undefined) warnWithoutCarrier(element, file, context.problems);
      else readDeclarations(element, file, context, found);
    }
  }
  const sources = unite(found, context.problems);
  checkDestinations(sources, context.problems);
  return sources.sort((left, right) => (left.name < right.name ? -1 : 1));
}

/** Paths of the files of an element that declare sources. */
function declarations({ directory }: FoundElement): string[] {
  return readdirSync(directory)
    .filter((name) => /^source-repository-.*[^~]$/.test(name))
    .sort()
    .map((name) => join(directory, name))
    .filter((file) => statSync(file, { throwIfNoEntry: false })?.isFile() === true);
}

function warnWithoutCarrier(element: FoundElement, file: string, problems: Problems): void {
  problems.warning({
    code: 'DIB_ELEMENT_SOURCE_UNUSED',
    summary: `The sources of element ${quoted(element.name)} are never fetched`,
    detail: 'Only the element `source-repositories` does that, and nothing in the image asks for it.',
    help: `Add a line \`source-repositories\` to \`element-deps\` of ${quoted(element.name)}.`,
    range: startOfFile(file),
  });
}

function readDeclarations(element: FoundElement, file: string, context: SourceContext, found: SourceRepository[]): void {
  const text = readText(file, 'DIB_ELEMENT_SOURCE', context.problems);
  if (text === undefined) return;
  const lines = new LineCounter();
  lines.addNewLine(0);
  for (const match of text.matchAll(/\n/g)) lines.addNewLine(match.index + 1);
  for (const match of text.matchAll(/[^\n]+/g)) {
    const line = match[0];
    const from = match.index + line.length - line.trimStart().length;
    const range = offsetRange(file, lines, from, match.index + line.trimEnd().length);
    const source = readLine(
      line,
      element.name,
      range,
      hasLogin(line) ? { ...context, problems: hiding(context.problems) } : context,
    );
    if (source !== undefined) found.push(hasLogin(line) ? { ...source, sensitive: true } : source);
  }
}

/** Whether a line has a URL with a user, and so perhaps a password. */
function hasLogin(line: string): boolean {
  return /:\/\/[^/\s@]+@/.test(line);
}

/** Problems whose places are not shown. */
function hiding(problems: Problems): Problems {
  return {
    list: problems.list,
    error: (problem) => problems.error({ ...problem, sensitive: true }),
    warning: (problem) => problems.warning({ ...problem, sensitive: true }),
  };
}

function readLine(line: string, element: string, range: SourceRange, context: SourceContext): SourceRepository | undefined {
  const { problems } = context;
  const expanded = expandLine(line.replace(/\r$/, ''), context.environment, context.unknown);
  if ('problem' in expanded) {
    problems.error({ code: 'DIB_ELEMENT_SOURCE', ...expansionProblem(expanded.problem, line, context), range });
    return undefined;
  }
  const [label, declaredType, ...rest] = expanded.words;
  if (label === undefined) return undefined;
  if (declaredType === undefined || !isType(declaredType)) {
    problems.error({ code: 'DIB_ELEMENT_SOURCE', ...typeProblem(label, declaredType), range });
    return undefined;
  }
  const variable = (kind: string) => nonEmpty(context.environment[`DIB_REPO${kind}_${variableName(label)}`]);
  const type = variable('TYPE') ?? declaredType;
  if (!isType(type)) {
    problems.error({
      code: 'DIB_ELEMENT_SOURCE',
      summary: `${quoted(`DIB_REPOTYPE_${variableName(label)}`)} is ${quoted(type)}, which is no type of source`,
      help: `The types are ${listOf(TYPES)}.`,
      range,
    });
    return undefined;
  }
  if (type === 'package' || installTypeOf(label, context.environment) !== 'source') return undefined;
  const [destination, written, reference, extra] = rest;
  const location = variable('LOCATION') ?? rebased(written, type, context.environment);
  if (destination === undefined || location === undefined || extra !== undefined || !isDestination(destination)) {
    problems.error({ code: 'DIB_ELEMENT_SOURCE', ...shapeProblem(label, destination, location, extra), range });
    return undefined;
  }
  const wanted = variable('SHA256')?.toLowerCase();
  const ref = type === 'file' ? '' : (variable('REF') ?? nonEmpty(reference) ?? DEFAULT_REF[type]);
  const path = isLocal(location) ? localPath(location, context.imageDirectory) : undefined;
  const digest = checkDigest({ label, type, wanted, path, range }, problems);
  if (digest === 'bad') return undefined;
  return {
    name: label.replace(/[^A-Za-z0-9._-]/g, '_'),
    type,
    location: path ?? location,
    ref,
    sha256: digest,
    destinations: [normalised(destination)],
    element,
    range,
  };
}

function isType(text: string): text is SourceType {
  return (TYPES as readonly string[]).includes(text);
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}

/** How the variables that override a source end. */
function variableName(label: string): string {
  return label.replace(/[^A-Za-z0-9]/g, '_');
}

function isDestination(path: string): boolean {
  return path.startsWith('/') && !path.split('/').includes('..');
}

function normalised(path: string): string {
  const plain = posix.normalize(path).replace(/\/+$/, '');
  return plain === '' ? '/' : plain;
}

/** With DIB_GITREPOBASE in place of scheme, host and a `~user`; what the user himself set stays. */
function rebased(
  location: string | undefined,
  type: SourceType,
  environment: Readonly<Record<string, string>>,
): string | undefined {
  const base = nonEmpty(environment['DIB_GITREPOBASE']);
  if (location === undefined || type !== 'git' || base === undefined) return location;
  return location.replace(/^[^:]+:\/\/[^/]+\/(?:~[^/]+)?(.*)$/, (_, path: string) => base + path);
}

interface Digested {
  readonly label: string;
  readonly type: 'git' | 'tar' | 'file';
  readonly wanted: string | undefined;
  /** Of a local file. */
  readonly path: string | undefined;
  readonly range: SourceRange;
}

/** The digest that the content has to have: as declared, else that of a local file as it is now. */
function checkDigest({ label, type, wanted, path, range }: Digested, problems: Problems): string | 'bad' | undefined {
  const name = `DIB_REPOSHA256_${variableName(label)}`;
  if (wanted !== undefined && (type === 'git' || !/^[0-9a-f]{64}$/.test(wanted))) {
    problems.error({
      code: 'DIB_ELEMENT_SOURCE',
      summary:
        type === 'git'
          ? `${quoted(name)} is set, and ${quoted(label)} is a git repository`
          : `${quoted(name)} is no SHA-256: it takes 64 hexadecimal digits`,
      help:
        type === 'git'
          ? `To pin it, set ${quoted(`DIB_REPOREF_${variableName(label)}`)} to a full commit.`
          : 'Run `sha256sum` on the file.',
      range,
    });
    return 'bad';
  }
  if (path === undefined) return wanted;
  const status = statSync(path, { throwIfNoEntry: false });
  const fits = type === 'git' ? status?.isDirectory() : status?.isFile();
  if (fits !== true) {
    problems.error({
      code: 'DIB_ELEMENT_SOURCE_MISSING',
      summary: `The source ${quoted(label)} is not there: ${quotedPath(path)} is no ${type === 'git' ? 'directory' : 'file'}`,
      help: 'A relative location starts from the directory of `image.yaml`.',
      range,
    });
    return 'bad';
  }
  if (type === 'git') return undefined;
  const actual = sha256(readFileSync(path));
  if (wanted === undefined || wanted === actual) return actual;
  problems.error({
    code: 'DIB_SOURCE_CHECKSUM',
    summary: `The source ${quoted(label)} has another content than ${quoted(name)} says`,
    detail: `SHA-256 of ${quotedPath(path)}: ${actual}; expected: ${wanted}.`,
    help: 'Correct the variable if the file is the right one.',
    range,
  });
  return 'bad';
}

interface Told {
  readonly summary: string;
  readonly detail?: string;
  readonly help: string;
}

function expansionProblem(problem: 'not-static' | 'unfinished' | 'unknown', line: string, context: SourceContext): Told {
  if (problem === 'unfinished')
    return { summary: 'A quote or a brace of this line is not closed', help: 'Close it, or put a backslash before it.' };
  if (problem === 'not-static')
    return {
      summary: 'This line would have to be run to know the source',
      detail: 'dib expands `$NAME`, `${NAME}` and `${NAME:-default}` and runs nothing while it plans.',
      help: 'Set a variable in an `environment.d` file or in `environment:` of image.yaml, and use it here.',
    };
  // One with a default is never missing, only unknown.
  const name = [...line.matchAll(/\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?!\w)(:?[-+=])?)/g)]
    .filter((match) => match[3] === undefined || context.unknown.has(match[2] ?? ''))
    .map((match) => match[1] ?? match[2] ?? '')
    .find((each) => context.unknown.has(each) || context.environment[each] === undefined);
  const computed = context.unknown.has(name ?? '');
  return {
    summary: `The line needs ${quoted(name ?? 'a variable')}, which ${computed ? 'is computed by a script' : 'is not set'}`,
    help: `Set ${quoted(name ?? 'it')} in the environment of \`image.yaml\`.`,
  };
}

function typeProblem(label: string, type: string | undefined): Told {
  const guess = type === undefined ? undefined : didYouMean(type, TYPES);
  return {
    summary: type === undefined ? `The source ${quoted(label)} has no type` : `${quoted(type)} is no type of source`,
    help:
      guess === undefined
        ? `Write \`NAME TYPE DESTINATION LOCATION [REF]\`; the types are ${listOf(TYPES)}.`
        : `Did you mean ${quoted(guess)}?`,
  };
}

function shapeProblem(
  label: string,
  destination: string | undefined,
  location: string | undefined,
  extra: string | undefined,
): Told {
  const help = 'Write `NAME TYPE DESTINATION LOCATION [REF]`.';
  if (destination === undefined) return { summary: `The source ${quoted(label)} has neither a destination nor a location`, help };
  if (!isDestination(destination))
    return {
      summary: `The destination ${quoted(destination)} of source ${quoted(label)} is no path in the image`,
      help: 'It begins with `/` and has no `..`.',
    };
  if (location === undefined) return { summary: `The source ${quoted(label)} has no location`, help };
  return { summary: `The source ${quoted(label)} has more than five fields: ${quoted(extra ?? '')} means nothing`, help };
}

/** Lines that say the same are one source; one source may go to several places. */
function unite(found: readonly SourceRepository[], problems: Problems): SourceRepository[] {
  const sources = new Map<string, SourceRepository>();
  for (const source of found) {
    const first = sources.get(source.name);
    if (first === undefined) sources.set(source.name, source);
    else if (first.type === source.type && first.location === source.location && first.ref === source.ref)
      sources.set(source.name, { ...first, destinations: [...new Set([...first.destinations, ...source.destinations])].sort() });
    else
      problems.error({
        code: 'DIB_ELEMENT_SOURCE_CONFLICT',
        summary: `The source ${quoted(source.name)} is declared twice, and differently`,
        detail: `Once as ${described(first)}, once as ${described(source)}.`,
        help: 'Give one of them another name, or leave out one of the elements.',
        ...placeOf(source),
        related: [{ message: 'the other declaration', range: first.range }],
      });
  }
  return [...sources.values()];
}

/** Where a source is declared, for diagnostics. */
export function placeOf({ range, sensitive }: SourceRepository): { readonly range: SourceRange; readonly sensitive?: boolean } {
  return sensitive === true ? { range, sensitive } : { range };
}

function described({ type, location, ref }: SourceRepository): string {
  return `${type} ${quotedPath(publicLocation(location))}${ref === '' ? '' : ` at ${quoted(ref)}`}`;
}

/** Only archives may share a place: they are laid over each other. */
function checkDestinations(sources: readonly SourceRepository[], problems: Problems): void {
  const owners = new Map<string, SourceRepository>();
  for (const source of sources) {
    for (const destination of source.destinations) {
      const other = owners.get(destination);
      owners.set(destination, source);
      if (other === undefined || (other.type === 'tar' && source.type === 'tar')) continue;
      problems.error({
        code: 'DIB_ELEMENT_SOURCE_CONFLICT',
        summary: `The sources ${quoted(other.name)} and ${quoted(source.name)} both go to ${quotedPath(destination)}`,
        detail: 'One would replace the other.',
        help: 'Change the destination of one of them.',
        range: source.range,
        related: [{ message: `the source ${quoted(other.name)}`, range: other.range }],
      });
    }
  }
}
