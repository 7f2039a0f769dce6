import { randomUUID } from 'node:crypto';
import { chmod, copyFile, mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fail } from '../diagnostics/errors.ts';
import { quotedPath } from '../diagnostics/printable.ts';
import { syncDirectory, writeFileAtomic } from '../util/atomic-file.ts';
import { isDiskFull, isReadOnly } from '../util/disk-full.ts';
import { canonicalJson, type Json } from '../util/json.ts';
import { formatState, parseState } from './format.ts';
import { backupPath, withReserve } from './reserve.ts';
import { emptyState, type Host, type State, type StateImage } from './state.ts';

/** The state of one image: what is in memory is what is on disk. */
export interface StateStore {
  readonly current: State;
  /**
   * Changes the state, one change after another; resolves when it is durable. Nothing is written when nothing changed.
   * When it cannot be written (DIB_STATE_WRITE) the state stays as it was.
   */
  update(change: (state: State) => State): Promise<State>;
}

export function statePath(directory: string): string {
  return join(directory, 'state.json');
}

/** The state in a directory; undefined where there is none. Throws DibError when it cannot be trusted. */
export async function readState(directory: string): Promise<State | undefined> {
  const path = statePath(directory);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    return fail({
      code: 'DIB_STATE_READ',
      summary: `${quotedPath(path)} cannot be read: ${(error as Error).message}`,
      help: 'Run dib as the user who built the image, or give another directory with `--state-dir`.',
    });
  }
  const { validateState } = await import('../generated/validate-state.ts');
  return parseState(text, path, validateState);
}

/** Makes the state directory, closed to others. One that exists is left as it is. */
export async function ensureStateDirectory(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
  } catch (error) {
    fail({
      code: 'DIB_STATE_DIRECTORY',
      summary: `The directory of the state, ${quotedPath(directory)}, cannot be made: ${(error as Error).message}`,
      help: 'Make it writable for you, or give another directory with `--state-dir`.',
    });
  }
}

export interface OpenOptions {
  readonly dibVersion: string;
  readonly image: StateImage;
  readonly host: Host;
  /** `apply`, `destroy`, ... */
  readonly operation?: string | undefined;
}

/** Opens the state for changes, which the caller's lock must protect. The file is made by the first change. */
export async function openState(directory: string, options: OpenOptions): Promise<StateStore> {
  const found = await readState(directory);
  return new FileStore(directory, found, options);
}

class FileStore implements StateStore {
  readonly #directory: string;
  readonly #options: OpenOptions;
  #state: State;
  #onDisk: boolean;
  #backedUp = false;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(directory: string, found: State | undefined, options: OpenOptions) {
    this.#directory = directory;
    this.#options = options;
    this.#onDisk = found !== undefined;
    this.#state = found ?? emptyState(randomUUID(), options.dibVersion, options.image, options.host);
  }

  get current(): State {
    return this.#state;
  }

  update(change: (state: State) => State): Promise<State> {
    const result = this.#queue.then(() => this.#apply(change));
    this.#queue = result.catch(() => {});
    return result;
  }

  async #apply(change: (state: State) => State): Promise<State> {
    const changed = change(this.#state);
    if (this.#onDisk && sameContent(changed, this.#state)) return this.#state;
    const { dibVersion, image, host } = this.#options;
    const next: State = { ...changed, dibVersion, image, host, lineage: this.#state.lineage, serial: this.#state.serial + 1 };
    await this.#write(next);
    this.#state = next;
    this.#onDisk = true;
    return next;
  }

  async #write(state: State): Promise<void> {
    const path = statePath(this.#directory);
    try {
      await ensureStateDirectory(this.#directory);
      if (this.#onDisk && !this.#backedUp) await this.#backUp(path);
      this.#backedUp = true;
      await withReserve(this.#directory, this.#options.operation, () => writeFileAtomic(path, formatState(state), 0o600));
    } catch (error) {
      fail({
        code: 'DIB_STATE_WRITE',
        summary: `${quotedPath(path)} cannot be written: ${(error as Error).message}`,
        detail: 'What dib does next would not be recorded, so it stops.',
        help: `${isReadOnly(error) ? 'Mount it for writing' : 'Make room or mend the permissions'}, then run the same command again: it goes on from the last recorded step.`,
      });
    }
  }

  /** Keeps a copy of the state before this run, unless the disk is full: what frees it must not need room for a copy. */
  async #backUp(path: string): Promise<void> {
    const copy = backupPath(this.#directory);
    try {
      await copyFile(path, copy);
      await chmod(copy, 0o600);
    } catch (error) {
      if (!isDiskFull(error)) throw error;
      await rm(copy, { force: true });
    }
    await syncDirectory(this.#directory);
  }
}

/** Equal but for what every write sets. */
function sameContent(a: State, b: State): boolean {
  return a === b || canonicalJson(content(a)) === canonicalJson(content(b));
}

function content(state: State): Json {
  return { worker: state.worker, facts: state.facts, resources: state.resources as unknown as Json };
}
