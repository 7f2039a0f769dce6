import { randomUUID } from 'node:crypto';
import { readdir, readFile, rm, unlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { DibError, ExitCode } from '../diagnostics/errors.ts';
import { quotedPath } from '../diagnostics/printable.ts';
import { acquireFileLock } from '../exec/file-lock.ts';
import { writeFileAtomic } from '../util/atomic-file.ts';
import { userName } from '../util/user-name.ts';
import { withReserve } from './reserve.ts';
import { ensureStateDirectory } from './store.ts';

/** Who holds a lock: state.lock.info. For people only: what counts is the kernel's lock. */
export interface LockInfo {
  readonly id: string;
  /** `apply`, `destroy`, ... */
  readonly operation: string;
  /** `user@host`. */
  readonly who: string;
  readonly pid: number;
  /** ISO 8601, UTC. */
  readonly since: string;
}

export interface StateLock {
  /** To be inherited by the worker: the lock is held until both have closed it. */
  readonly fd: number;
  release(): Promise<void>;
}

export interface LockOptions {
  readonly operation: string;
  /** Milliseconds to wait; default 0. */
  readonly timeout?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called once with a line for the user, when the lock is not to be had within 400 milliseconds. */
  readonly onWait?: ((message: string) => void) | undefined;
  readonly now?: (() => Date) | undefined;
}

const lockPath = (directory: string) => join(directory, 'state.lock');
const infoPath = (directory: string) => join(directory, 'state.lock.info');

/** Locks a state directory, which is made if needed. Throws DibError (DIB_STATE_LOCKED, exit status 75) when another dib holds it. */
export async function lockState(directory: string, options: LockOptions): Promise<StateLock> {
  await ensureStateDirectory(directory);
  const now = options.now ?? (() => new Date());
  const lock = await acquireFileLock(lockPath(directory), {
    timeout: options.timeout,
    signal: options.signal,
    onWait: () => {
      void readLockInfo(directory).then((info) =>
        options.onWait?.(`Waiting for the state lock, held by ${describeHolder(info, now())}`),
      );
    },
  });
  if (lock === undefined) throw lockedError(directory, await readLockInfo(directory), now());
  await removeUnfinishedWrites(directory);
  const info: LockInfo = {
    id: randomUUID(),
    operation: options.operation,
    who: `${userName()}@${hostname()}`,
    pid: process.pid,
    since: now().toISOString(),
  };
  await withReserve(directory, options.operation, () => writeFileAtomic(infoPath(directory), `${JSON.stringify(info)}\n`));
  return {
    fd: lock.fd,
    release: async () => {
      await unlink(infoPath(directory)).catch(() => {});
      await lock.release();
    },
  };
}

/** Temporary files of writes that were killed half-way: while we hold the lock, nobody else writes here. */
async function removeUnfinishedWrites(directory: string): Promise<void> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.tmp'));
  for (const name of names) await rm(join(directory, name), { force: true });
}

/** What the holder wrote; undefined when there is nothing readable. */
export async function readLockInfo(directory: string): Promise<LockInfo | undefined> {
  try {
    const value = JSON.parse(await readFile(infoPath(directory), 'utf8')) as Partial<LockInfo>;
    const { id, operation, who, pid, since } = value;
    if (typeof operation !== 'string' || typeof who !== 'string' || typeof pid !== 'number' || typeof since !== 'string')
      return undefined;
    return { id: String(id), operation, who, pid, since };
  } catch {
    return undefined;
  }
}

/** `dib apply of root@vm, process 12, since 2026-11-21 03:00:00Z (5 minutes)`. */
export function describeHolder(info: LockInfo | undefined, now: Date): string {
  if (info === undefined) return 'another process';
  const seconds = Math.max(0, Math.round((now.getTime() - Date.parse(info.since)) / 1000));
  const [amount, unit] =
    seconds < 120
      ? [seconds, 'second']
      : seconds < 7200
        ? [Math.round(seconds / 60), 'minute']
        : [Math.round(seconds / 3600), 'hour'];
  const since = info.since.replace('T', ' ').replace(/\.\d+Z$/, 'Z');
  return `dib ${info.operation} of ${info.who}, process ${info.pid}, since ${since} (${amount} ${unit}${amount === 1 ? '' : 's'})`;
}

function lockedError(directory: string, info: LockInfo | undefined, now: Date): DibError {
  return new DibError(
    {
      code: 'DIB_STATE_LOCKED',
      severity: 'error',
      summary: `The state in ${quotedPath(directory)} is locked`,
      detail: `${describeHolder(info, now)} holds it; two at once would spoil each other's work.`,
      help: 'Wait until it ends, or let dib wait with `--lock-timeout 10m`. The lock ends with the processes that hold it; there is nothing to unlock.',
    },
    ExitCode.LockHeld,
  );
}
