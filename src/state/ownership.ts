import { access } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { fail } from '../diagnostics/errors.ts';
import { quotedPath } from '../diagnostics/printable.ts';
import type { State } from './state.ts';

/**
 * Refuses a state that belongs to another image file which still exists (DIB_STATE_OTHER_IMAGE): planning against it would destroy that image.
 * Where the other file is gone it was renamed, and the state goes with it.
 */
export async function requireStateOf(state: State, imageFile: string, stateDirectory: string): Promise<void> {
  const recorded = resolve(dirname(imageFile), state.image.file);
  if (recorded === resolve(imageFile) || state.resources.length === 0) return;
  try {
    await access(recorded);
  } catch {
    return;
  }
  fail({
    code: 'DIB_STATE_OTHER_IMAGE',
    summary: `The state in ${quotedPath(stateDirectory)} belongs to ${quotedPath(state.image.file)}, not to ${quotedPath(basename(imageFile))}`,
    detail: `Applying ${quotedPath(basename(imageFile))} with it would destroy what was built from ${quotedPath(state.image.file)}.`,
    help: `Give each image its own, such as ${quotedPath(`--state-dir ${stateDirectory}-${basename(imageFile).replace(/\.ya?ml$/, '')}`)}.`,
  });
}
