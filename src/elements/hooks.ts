import { lstatSync, readdirSync, readFileSync, readlinkSync, realpathSync, statSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import { printable, quoted, quotedPath } from '../diagnostics/printable.ts';
import { didYouMean, listOf } from '../diagnostics/suggest.ts';
import { sha256 } from '../util/hash.ts';
import { type Hook, type HookFile, OUTSIDE_PHASES, PHASES, type Phase } from './element.ts';
import { compareBytes, compareHookNames } from './order.ts';
import { type Problems, startOfFile, systemMessage } from './problems.ts';
import { LARGEST_SCRIPT, type Scan, scanBytes } from './reads.ts';
import type { FoundElement } from './search.ts';
import { isLeftOut } from './static-files.ts';

/** What the directories of all elements amount to. */
export interface HookTree {
  readonly hooks: Readonly<Record<Phase, readonly Hook[]>>;
  readonly environmentFiles: readonly HookFile[];
  readonly files: readonly HookFile[];
  /** Deprecated package lists `<phase>.d/package-installs-<element>`. */
  readonly packageLists: readonly PackageListFile[];
  /** Every name that looks like a variable of dib (`DIB_...`) in any of the files. */
  readonly variables: ReadonlySet<string>;
  /** What each hook and file can read of its surroundings, by path below the hooks directory. */
  readonly scans: ReadonlyMap<string, Scan>;
}

export interface PackageListFile {
  readonly phase: Phase;
  readonly element: string;
  readonly path: string;
  readonly text: string;
}

/** Names that a hook may have: everything else is passed over without a word by upstream. */
const HOOK_NAME = /^[0-9A-Za-z_-]+$/;
/** Directories of an element that are no part of the hook tree. */
const EXCLUDED_DIRECTORIES: ReadonlySet<string> = new Set(['tests', 'test-elements', '__pycache__']);
/** First-level files that dib reads itself, or that are for people. */
const EXCLUDED_FILES =
  /^(README.*|.*\.(md|rst)|element-deps|element-provides|element\.ya?ml|pkg-map|svc-map|package-installs\.(ya?ml|json)|block-device-.*\.yaml)$/;
/** The deprecated form of package lists, in phase directories. */
const PACKAGE_LIST = /^package-installs-(.+)$/;
/** `install.d/<name>-<type>-install/`: scripts for one way to install, chosen by DIB_INSTALLTYPE_<name>. */
const INSTALL_TYPE_DIRECTORY = /^(.+)-([0-9A-Za-z]+)-install$/;

interface Collector {
  readonly hooks: Map<string, Hook>;
  readonly environment: Map<string, HookFile>;
  readonly files: Map<string, HookFile>;
  readonly packageLists: PackageListFile[];
  readonly variables: Set<string>;
  readonly scans: Map<string, Scan>;
  readonly problems: Problems;
  /** Answers which install type is chosen for a name. */
  readonly installType: (name: string) => string;
}

/** Merges the directories of the elements (in dependency order), as diskimage-builder does in TMP_HOOKS_PATH. */
export function collectHooks(
  elements: readonly FoundElement[],
  installType: (name: string) => string,
  problems: Problems,
): HookTree {
  const collector: Collector = {
    hooks: new Map(),
    environment: new Map(),
    files: new Map(),
    packageLists: [],
    variables: new Set(),
    scans: new Map(),
    problems,
    installType,
  };
  for (const element of elements) {
    try {
      collectElement(element, collector);
    } catch (error) {
      problems.error({
        code: 'DIB_ELEMENT_UNREADABLE',
        summary: `The element ${quoted(element.name)} cannot be read`,
        detail: systemMessage(error),
        range: startOfFile(element.directory),
      });
    }
  }
  const hooks = Object.fromEntries(PHASES.map((phase): [Phase, Hook[]] => [phase, []])) as Record<Phase, Hook[]>;
  for (const hook of collector.hooks.values()) hooks[hook.phase].push(hook);
  for (const phase of PHASES) hooks[phase].sort((left, right) => compareHookNames(left.name, right.name));
  return {
    hooks,
    environmentFiles: [...collector.environment.values()].sort((left, right) =>
      compareHookNames(left.path.slice('environment.d/'.length), right.path.slice('environment.d/'.length)),
    ),
    files: [...collector.files.values()].sort((left, right) => compareBytes(left.path, right.path)),
    packageLists: collector.packageLists,
    variables: collector.variables,
    scans: collector.scans,
  };
}

function collectElement(element: FoundElement, collector: Collector): void {
  for (const name of readdirSync(element.directory).sort(compareBytes)) {
    const path = join(element.directory, name);
    if (name.startsWith('.') || EXCLUDED_DIRECTORIES.has(name)) continue;
    const status = statSync(path, { throwIfNoEntry: false });
    if (status === undefined) danglingLink(element, path, collector.problems);
    else if (!status.isDirectory()) {
      if (status.isFile() && !EXCLUDED_FILES.test(name)) addFile(element, name, path, collector);
    } else if (isPhase(name)) collectPhase(element, name, path, collector);
    else {
      warnAboutForeignPhase(element, name, path, collector.problems);
      collectDirectory(element, name, path, collector);
    }
  }
}

function isPhase(name: string): name is Phase {
  return (PHASES as readonly string[]).includes(name);
}

/** A directory whose name looks like a misspelt phase, or like one that dib does not have, would never run. */
function warnAboutForeignPhase(element: FoundElement, name: string, path: string, problems: Problems): void {
  const guess = name === 'block-device.d' ? undefined : didYouMean(name, [...PHASES].sort());
  if (name !== 'block-device.d' && guess === undefined) return;
  problems.warning({
    code: 'DIB_ELEMENT_FOREIGN_PHASE',
    summary: `The scripts in ${quoted(name)} of element ${quoted(element.name)} never run`,
    detail:
      name === 'block-device.d'
        ? 'Legacy block-device hooks are not supported: the layout is declared with `block_device` or a `block-device-*.yaml` file.'
        : `There is no phase ${quoted(name)}. The phases are ${listOf(PHASES)}.`,
    help: guess === undefined ? undefined : `Did you mean ${quoted(guess)}?`,
    range: startOfFile(path),
  });
}

function collectPhase(element: FoundElement, phase: Phase, directory: string, collector: Collector): void {
  for (const name of readdirSync(directory).sort(compareBytes)) {
    const path = join(directory, name);
    const status = statSync(path, { throwIfNoEntry: false });
    if (status === undefined) danglingLink(element, path, collector.problems);
    else if (status.isDirectory()) collectPhaseDirectory(element, phase, name, path, collector);
    else if (status.isFile()) collectPhaseFile(element, phase, name, path, (status.mode & 0o111) !== 0, collector);
  }
}

function collectPhaseFile(
  element: FoundElement,
  phase: Phase,
  name: string,
  path: string,
  executable: boolean,
  collector: Collector,
): void {
  const list = PACKAGE_LIST.exec(name)?.[1];
  if (list !== undefined && !executable) {
    collector.packageLists.push({ phase, element: element.name, path, text: readFileSync(path, 'utf8') });
    return;
  }
  if (executable && HOOK_NAME.test(name)) {
    addHook(element, phase, name, path, collector);
    return;
  }
  addFile(element, `${phase}/${name}`, path, collector);
  if (name.startsWith('.') || /^README|\.(md|rst)$/.test(name)) return;
  const bad = name.replace(/[0-9A-Za-z_-]/g, '');
  collector.problems.warning({
    code: executable ? 'DIB_ELEMENT_HOOK_NAME' : 'DIB_ELEMENT_HOOK_NOT_EXECUTABLE',
    summary: `The hook ${quoted(`${phase}/${name}`)} of element ${quoted(element.name)} never runs`,
    detail: executable
      ? `The name of a hook has letters, digits, \`-\` and \`_\` only; this one has ${quoted([...new Set(bad)].join(''))}.`
      : 'It is not executable.',
    help: executable
      ? `Rename it to ${quoted(name.replace(/\.[A-Za-z]+$/, '').replace(/[^0-9A-Za-z_-]/g, '-'))}.`
      : `Run ${quotedPath(`chmod +x ${path}`)}.`,
    range: startOfFile(path),
  });
}

/** A directory in a phase directory: either scripts for the chosen install type, or data for hooks. */
function collectPhaseDirectory(element: FoundElement, phase: Phase, name: string, directory: string, collector: Collector): void {
  const match = INSTALL_TYPE_DIRECTORY.exec(name);
  const subject = match?.[1];
  if (phase !== 'install.d' || subject === undefined || collector.installType(subject) !== match?.[2]) {
    collectDirectory(element, `${phase}/${name}`, directory, collector);
    return;
  }
  for (const file of readdirSync(directory).sort(compareBytes)) {
    const path = join(directory, file);
    const status = statSync(path, { throwIfNoEntry: false });
    if (status === undefined) danglingLink(element, path, collector.problems);
    else if (status.isFile()) collectPhaseFile(element, phase, file, path, (status.mode & 0o111) !== 0, collector);
  }
}

function collectDirectory(element: FoundElement, prefix: string, directory: string, collector: Collector): void {
  for (const name of readdirSync(directory).sort(compareBytes)) {
    const path = join(directory, name);
    const target = `${prefix}/${name}`;
    if (prefix.split('/')[0] === 'static' && isLeftOut(name, lstatSync(path).isDirectory())) {
      collector.problems.warning({
        code: 'DIB_ELEMENT_STATIC_LEFT_OUT',
        summary: `${quotedPath(target)} of element ${quoted(element.name)} is not installed`,
        detail: 'Names of this sort count as leftovers of editors, compilers and version control, as under diskimage-builder.',
        help: 'Install it by a hook, if it is wanted.',
        range: startOfFile(path),
      });
      continue;
    }
    if (prefix.split('/')[0] === 'static' && lstatSync(path).isSymbolicLink()) {
      addLink(element, target, path, collector);
      continue;
    }
    const status = statSync(path, { throwIfNoEntry: false });
    if (status === undefined) danglingLink(element, path, collector.problems);
    else if (status.isDirectory()) collectDirectory(element, target, path, collector);
    else if (status.isFile()) addFile(element, target, path, collector);
  }
}

function addHook(element: FoundElement, phase: Phase, name: string, path: string, collector: Collector): void {
  if (!staysInside(element, path, collector.problems)) return;
  const bytes = readFileSync(path);
  checkScript(element, phase, name, path, bytes, collector.problems);
  noteReads(`${phase}/${name}`, bytes, true, collector);
  const hook: Hook = { phase, name, element: element.name, path, sha256: sha256(bytes) };
  const key = `${phase}/${name}`;
  const other = collector.hooks.get(key) ?? collector.files.get(key);
  if (other !== undefined)
    duplicate(key, other.element, 'path' in other && 'source' in other ? other.source : other.path, hook, collector);
  else collector.hooks.set(key, hook);
}

function addFile(element: FoundElement, target: string, path: string, collector: Collector): void {
  if (!staysInside(element, path, collector.problems)) return;
  const bytes = readFileSync(path);
  const executable = (statSync(path).mode & 0o111) !== 0;
  noteReads(target, bytes, executable, collector);
  const file: HookFile = { path: target, element: element.name, source: path, sha256: sha256(bytes), executable };
  const mode = target.startsWith('static/') ? statSync(path).mode & 0o777 & ~UMASK : undefined;
  const usual = executable ? 0o755 : 0o644;
  put(mode === undefined || mode === usual ? file : { ...file, mode }, collector);
}

/** What upstream's install-static takes from the modes of files. */
const UMASK = 0o022;

/** Links below `static/` are installed as they are: their target is a path of the image. */
function addLink(element: FoundElement, target: string, path: string, collector: Collector): void {
  const link = readlinkSync(path);
  put({ path: target, element: element.name, source: path, sha256: sha256(link), executable: false, link }, collector);
}

/**
 * Files directly in a first-level directory must have different names in different elements (as upstream); deeper files may be
 * replaced by an element that comes later, that is, by one that depends on the first, and that is said.
 */
function put(file: HookFile, collector: Collector): void {
  const files = file.path.startsWith('environment.d/') ? collector.environment : collector.files;
  const other = files.get(file.path);
  const hook = collector.hooks.get(file.path);
  if (hook !== undefined || (other !== undefined && file.path.split('/').length === 2)) {
    duplicate(
      file.path,
      (hook ?? other)?.element ?? '',
      hook?.path ?? other?.source ?? '',
      { element: file.element, path: file.source },
      collector,
    );
    return;
  }
  if (other !== undefined && (other.sha256 !== file.sha256 || other.link !== file.link)) {
    collector.problems.warning({
      code: 'DIB_ELEMENT_FILE_REPLACED',
      summary: `The element ${quoted(file.element)} replaces ${quotedPath(file.path)} of element ${quoted(other.element)}`,
      detail: 'Both have a file of that name with different content; the element that comes later in dependency order wins.',
      range: startOfFile(file.source),
      related: [{ message: `the file of ${quoted(other.element)}`, range: startOfFile(other.source) }],
    });
  }
  files.set(file.path, file);
}

function duplicate(
  name: string,
  firstElement: string,
  firstPath: string,
  second: { readonly element: string; readonly path: string },
  collector: Collector,
): void {
  collector.problems.error({
    code: 'DIB_ELEMENT_DUPLICATE_HOOK',
    summary: `The elements ${quoted(firstElement)} and ${quoted(second.element)} both have ${quoted(name, 200)}`,
    detail: `All elements share one directory per phase, so one of the two would be lost: ${quotedPath(firstPath)} and ${quotedPath(second.path)}.`,
    help: 'Rename one of them, or leave out one of the elements.',
    range: startOfFile(second.path),
    related: [{ message: 'the other file', range: startOfFile(firstPath) }],
  });
}

function noteReads(target: string, bytes: Buffer, executable: boolean, { variables, scans }: Collector): void {
  scans.set(target, scanBytes(target, bytes, executable));
  if (bytes.length > LARGEST_SCRIPT) return;
  for (const [name] of bytes.toString('latin1').matchAll(/\bDIB_[A-Z0-9_]*[A-Z0-9]/g)) variables.add(name);
}

/** What the kernel would answer with "no such file or directory" or "exec format error" only in the middle of a build. */
function checkScript(element: FoundElement, phase: Phase, name: string, path: string, bytes: Buffer, problems: Problems): void {
  const isElf = bytes.length > 4 && bytes.readUInt32BE(0) === 0x7f454c46;
  if (isElf) return;
  const firstLine = bytes.subarray(0, Math.max(0, bytes.indexOf(0x0a))).toString('latin1');
  const where = OUTSIDE_PHASES.includes(phase) ? 'on the builder' : 'in the image';
  if (firstLine.endsWith('\r')) {
    problems.error({
      code: 'DIB_ELEMENT_HOOK_CRLF',
      summary: `The hook ${quoted(`${phase}/${name}`)} of element ${quoted(element.name)} has Windows line ends`,
      detail: `Its interpreter would be looked for ${where} under a name that ends with a carriage return.`,
      help: `Run \`sed -i 's/\\r$//' ${printable(path)}\`.`,
      range: startOfFile(path),
    });
  } else if (!firstLine.startsWith('#!')) {
    problems.error({
      code: 'DIB_ELEMENT_HOOK_NO_SHEBANG',
      summary: `The hook ${quoted(`${phase}/${name}`)} of element ${quoted(element.name)} does not say what runs it`,
      detail: 'A hook is a program or a script that begins with a line such as `#!/bin/bash`.',
      help: 'Make `#!/bin/bash` its first line.',
      range: startOfFile(path),
    });
  }
}

function danglingLink(element: FoundElement, path: string, problems: Problems): void {
  problems.error({
    code: 'DIB_ELEMENT_DANGLING_LINK',
    summary: `A symbolic link of element ${quoted(element.name)} leads nowhere: ${quotedPath(path)}`,
    range: startOfFile(path),
  });
}

/** Links may lead to other elements of the same tree, but not out of it: the build would depend on files that nobody declared. */
function staysInside(element: FoundElement, path: string, problems: Problems): boolean {
  const root = dirname(realpathSync(element.directory));
  const target = realpathSync(path);
  if (target.startsWith(root + sep)) return true;
  problems.error({
    code: 'DIB_ELEMENT_LINK_ESCAPES',
    summary: `A symbolic link of element ${quoted(element.name)} leads out of its directory tree: ${quotedPath(path)}`,
    detail: `It leads to ${quotedPath(target)}, outside of ${quotedPath(root)}.`,
    help: 'Put a copy of the file into the element.',
    range: startOfFile(path),
  });
  return false;
}
