import { existsSync } from 'node:fs';
import { type ExitCode, fail } from '../diagnostics/errors.ts';
import { quotedPath } from '../diagnostics/printable.ts';
import type { StateLock } from '../state/lock.ts';
import type { State } from '../state/state.ts';
import type { Location } from './session.ts';

/** Locks the state of an image and reads it. Throws DIB_STATE_NONE where there is none, DIB_STATE_LOCKED when another dib holds it. */
export async function withLockedState(
  { paths }: Location,
  operation: string,
  options: { readonly lockTimeout?: number },
  body: (lock: StateLock, state: State) => Promise<ExitCode>,
): Promise<ExitCode> {
  // Locking would make the directory.
  if (!existsSync(paths.state)) failWithoutState(paths.state);
  const [{ lockState }, { readState }] = await Promise.all([import('../state/lock.ts'), import('../state/store.ts')]);
  const onWait = (message: string) => void process.stderr.write(`${message}\n`);
  const lock = await lockState(paths.state, { operation, timeout: options.lockTimeout, onWait });
  try {
    return await body(lock, (await readState(paths.state)) ?? failWithoutState(paths.state));
  } finally {
    await lock.release();
  }
}

/** There is nothing that dib knows of an image. */
export function failWithoutState(directory: string): never {
  fail({
    code: 'DIB_STATE_NONE',
    summary: `There is no state in ${quotedPath(directory)}`,
    help: 'The first `dib apply` makes one. Give the image, or `--state-dir`, if it lies elsewhere.',
  });
}
