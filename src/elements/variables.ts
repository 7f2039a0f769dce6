import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SourceRange } from '../diagnostics/diagnostic.ts';
import { quoted } from '../diagnostics/printable.ts';
import { didYouMean } from '../diagnostics/suggest.ts';
import type { Problems } from './problems.ts';

/** Variables that dib itself reads, whatever the elements do. */
const OWN_VARIABLES: readonly string[] = [
  'DIB_BLOCK_DEVICE_CONFIG',
  'DIB_BLOCK_SIZE',
  'DIB_DEBUG_TRACE',
  'DIB_DEFAULT_INSTALLTYPE',
  'DIB_IMAGE_EXTRA_SIZE',
  'DIB_IMAGE_SIZE',
  'DIB_JOURNAL_SIZE',
  'DIB_PYTHON_VERSION',
  'DIB_RELEASE',
];

/** Families of variables whose names end in the name of something else. */
const PREFIXES = /^DIB_(INSTALLTYPE|REPOTYPE|REPOLOCATION|REPOREF)_/;

/**
 * Warns about variables of image.yaml that look like dib's own, yet no element of the image mentions: most likely they are misspelt.
 * `locate` gives the place of a variable in image.yaml; others come from the caller's environment and concern other images as well.
 */
export function checkVariables(
  names: readonly string[],
  mentioned: ReadonlySet<string>,
  locate: (name: string) => SourceRange | undefined,
  problems: Problems,
): void {
  const known = new Set([...OWN_VARIABLES, ...mentioned]);
  for (const name of names) {
    if (!name.startsWith('DIB_') || known.has(name) || PREFIXES.test(name)) continue;
    const range = locate(name);
    if (range === undefined) continue;
    const guess = didYouMean(name, [...known].sort());
    problems.warning({
      code: 'DIB_ELEMENT_UNKNOWN_VARIABLE',
      summary: `No element of the image reads ${quoted(name)}`,
      detail: 'It has no effect.',
      help: guess === undefined ? 'Remove it, or add the element that it is meant for.' : `Did you mean ${quoted(guess)}?`,
      range,
    });
  }
}

/** The variables that the package lists of an element test. */
export function packageListVariables(directory: string): string[] {
  return ['package-installs.json', 'package-installs.yaml']
    .map((name) => join(directory, name))
    .filter((file) => existsSync(file))
    .flatMap((file) => [...readFileSync(file, 'utf8').matchAll(/\bDIB_[A-Z0-9_]*[A-Z0-9]/g)].map(([name]) => name));
}
