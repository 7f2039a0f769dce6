import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { ElementReads, ElementSet, HookFile } from './element.ts';
import type { HookTree } from './hooks.ts';
import type { InputFile } from './input-files.ts';
import { LARGEST_SCRIPT, type Reads, readsOf, type Scan, scanBytes } from './reads.ts';

/** Where the library of a foreign tree lies in the hook tree; hooks find it at `$_LIB`. */
export const LIBRARY = '.dib/lib/';

/** First level of the hook tree: a directory, or a file in none. */
export function firstLevel(path: string): string {
  return path.split('/', 1)[0] as string;
}

/** Names by which one text finds another: first-level entries of the hook tree, hooks, and the files of a library. */
export function entryNames({ hooks, files }: Pick<ElementSet, 'hooks' | 'files'>): ReadonlySet<string> {
  const all = Object.values(hooks).flat();
  return new Set([
    ...files.map(({ path }) => (path.startsWith(LIBRARY) ? basename(path) : firstLevel(path))),
    ...all.flatMap(({ phase, name }) => [phase, name]),
    '_LIB',
  ]);
}

/** What all texts of a set of elements can read. `library`: files that are no element's own. */
export function elementReads(
  tree: HookTree,
  library: readonly HookFile[],
  inputs: Readonly<Record<string, InputFile>>,
  { helpers, planned }: Pick<ElementReads, 'helpers' | 'planned'>,
): ElementReads {
  const names = entryNames({ hooks: tree.hooks, files: [...tree.files, ...library] });
  const scans = new Map(tree.scans);
  for (const { path, source, executable } of library) scans.set(path, scanBytes(path, readFileSync(source), executable));
  return {
    entries: Object.fromEntries([...scans].map(([path, scan]) => [path, readsOf(scan, names)])),
    inputs: Object.fromEntries(
      Object.entries(inputs).map(([variable, { path }]) => [variable, together(inputScans(path), names)]),
    ),
    helpers,
    planned,
  };
}

function inputScans(path: string): Scan[] {
  const status = statSync(path);
  if (!status.isDirectory()) return status.size > LARGEST_SCRIPT ? [] : [scanBytes(path, readFileSync(path), true)];
  return readdirSync(path, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => statSync(file).size <= LARGEST_SCRIPT)
    .map((file) => scanBytes(file, readFileSync(file), (statSync(file).mode & 0o111) !== 0));
}

function together(scans: readonly Scan[], names: ReadonlySet<string>): Reads {
  const all = scans.map((scan) => readsOf(scan, names));
  return {
    variables: [...new Set(all.flatMap(({ variables }) => variables))].sort(),
    environment: all.some(({ environment }) => environment),
    entries: [...new Set(all.flatMap(({ entries }) => entries))].sort(),
    tree: all.some(({ tree }) => tree),
  };
}
