import { existsSync, mkdirSync, readdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { fail } from '../diagnostics/errors.ts';
import { listOf } from '../diagnostics/suggest.ts';

/** Makes the directory that hooks put files for the user into, in the directory of a layer that is being built. */
export function makeExtraOutputs(layer: string): string {
  const directory = join(layer, 'outputs');
  mkdirSync(directory, { mode: 0o755 });
  return directory;
}

/**
 * Checks what hooks made for the user, after the last of them. Throws DIB_OUTPUT_NOT_MADE for a declared file that is not there; gives the
 * names of those that nothing declares. An empty directory is removed.
 */
export function checkExtraOutputs(directory: string, declared: readonly string[], address: string): string[] {
  const missing = declared.filter((name) => !existsSync(join(directory, name)));
  if (missing.length > 0) {
    fail({
      code: 'DIB_OUTPUT_NOT_MADE',
      address,
      summary: `No hook of \`cleanup.d\` made ${listOf(missing)}`,
      detail: 'The element.yaml of an element declares it under `outputs`.',
      help: 'A hook of that element in `cleanup.d` has to write it to `$DIB_EXTRA_OUTPUTS/${IMAGE_NAME}...`; else remove it from `outputs`.',
    });
  }
  const names = readdirSync(directory).sort();
  if (names.length === 0) rmdirSync(directory);
  return names.filter((name) => !declared.includes(name));
}
