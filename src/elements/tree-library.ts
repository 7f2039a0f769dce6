import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { sha256 } from '../util/hash.ts';
import type { HookFile } from './element.ts';
import { compareBytes } from './order.ts';
import type { FoundElement } from './search.ts';

/** The file by which the library of a diskimage-builder installation is known. */
const MARKER = 'common-functions';

/**
 * What hooks find at `$_LIB`: diskimage-builder's tree has `lib` beside `elements`, and hooks of its elements source files of it
 * (`img-functions`, `ramdisk-functions`) or copy them into the image. The first tree that has one wins; dib's own elements need none.
 */
export function treeLibrary(elements: readonly FoundElement[]): HookFile[] {
  for (const element of elements) {
    if (element.builtin) continue;
    const directory = join(dirname(dirname(element.directory)), 'lib');
    if (statSync(join(directory, MARKER), { throwIfNoEntry: false })?.isFile() !== true) continue;
    return readdirSync(directory)
      .sort(compareBytes)
      .filter((name) => statSync(join(directory, name), { throwIfNoEntry: false })?.isFile() === true)
      .map((name) => libraryFile(element.name, join(directory, name), name));
  }
  return [];
}

function libraryFile(element: string, source: string, name: string): HookFile {
  const executable = (statSync(source).mode & 0o111) !== 0;
  return { path: `.dib/lib/${name}`, element, source, sha256: sha256(readFileSync(source)), executable };
}
