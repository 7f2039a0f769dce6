// What the set-up scripts know of this machine. Plain Node.js without dependencies: node_modules may not be there yet.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Directory of this checkout. */
export const TOP = fileURLToPath(new URL('..', import.meta.url));
export const ROOT = process.getuid?.() === 0;

/** The table that `dib doctor` shows: see src/exec/tools.ts. */
export const TOOLS = JSON.parse(readFileSync(join(TOP, 'src/exec/tools.json'), 'utf8'));

/** Where programs are looked for: PATH, and where it lacks them, the directories of programs for root. */
export const SEARCH_PATH = [
  ...new Set([
    ...(process.env.PATH ?? '').split(':').filter((directory) => directory.startsWith('/')),
    '/usr/local/sbin',
    '/usr/sbin',
    '/sbin',
  ]),
];

/** A problem that the person at the keyboard can mend: printed without a stack. */
export class SetupError extends Error {}

/** Prints one line of what is being done. */
export function say(text) {
  process.stdout.write(`${text}\n`);
}

/** Runs a command with its output on this terminal; throws SetupError when it fails. */
export function run(argv, options = {}) {
  const status = tryRun(argv, options);
  if (status !== 0)
    throw new SetupError(`\`${argv.join(' ')}\` ended with ${status === undefined ? 'a signal' : `exit status ${status}`}.`);
}

/** The same, giving the exit status: undefined when a signal ended it. */
export function tryRun([file, ...args], { env = {}, cwd = TOP } = {}) {
  const result = spawnSync(file, args, { stdio: 'inherit', cwd, env: { ...process.env, PATH: SEARCH_PATH.join(':'), ...env } });
  if (result.error) throw new SetupError(`\`${file}\` could not be started: ${result.error.message}`);
  return result.status ?? undefined;
}

/** Runs the body of a script; an expected failure is one message and exit status 1. */
export async function main(body) {
  try {
    process.exitCode = (await body()) ?? 0;
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    process.stderr.write(`\n${error.message}\n`);
    process.exitCode = 1;
  }
}

/** The tools of the given kinds that are not on this machine. */
export function missingTools(kinds) {
  return TOOLS.filter(
    (tool) => kinds.includes(tool.kind) && !(ROOT && tool.unprivilegedOnly && !kinds.includes('test')) && !isPresent(tool),
  );
}

function isPresent({ name, file }) {
  if (file?.endsWith('*')) return namesIn(dirname(file)).some((found) => found.startsWith(basename(file).slice(0, -1)));
  if (file !== undefined) return existsSync(file);
  return SEARCH_PATH.some((directory) => isExecutable(join(directory, name)));
}

function namesIn(directory) {
  return existsSync(directory) ? readdirSync(directory) : [];
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** Whether apt knows any packages yet: on a fresh machine its lists are missing. */
export function aptHasLists() {
  try {
    return readdirSync('/var/lib/apt/lists').some((name) => /_Packages(\.\w+)?$/.test(name));
  } catch {
    return false;
  }
}
