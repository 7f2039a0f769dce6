import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';

/**
 * Names of the modules that a kernel can load or has built in, with `_` for `-`, which the kernel takes for the same. `directory`: the one
 * with its modules.dep(5); undefined when that is not there.
 */
export async function readModuleNames(directory: string): Promise<Set<string> | undefined> {
  const dep = await readFile(join(directory, 'modules.dep'), 'utf8').catch(() => undefined);
  if (dep === undefined) return undefined;
  const builtin = await readFile(join(directory, 'modules.builtin'), 'utf8').catch(() => '');
  const files = `${dep}\n${builtin}`.split('\n').map((line) => line.split(':')[0] ?? '');
  return new Set(files.map((file) => moduleName(basename(file).replace(/\.ko(\.\w+)?$/, ''))));
}

/** A module's name as in `readModuleNames`. */
export function moduleName(name: string): string {
  return name.replaceAll('-', '_');
}

/** Order of versions, or of names that end in one. */
export function newestFirst(a: string, b: string): number {
  return b.localeCompare(a, 'en', { numeric: true });
}
