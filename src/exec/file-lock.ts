import { close, constants, fstat, open, stat } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { inherit } from './child.ts';
import { minimalEnvironment } from './environment.ts';
import { cannotStartError, notFoundError } from './errors.ts';

export interface FileLockOptions {
  /** Shared locks exclude only exclusive ones. */
  readonly shared?: boolean | undefined;
  /** Milliseconds to wait for the lock; default 0: try once. */
  readonly timeout?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called once, when the lock was not to be had for 400 milliseconds. */
  readonly onWait?: (() => void) | undefined;
}

export interface FileLock {
  /** A process that inherits this descriptor holds the lock too, until both have closed it. */
  readonly fd: number;
  release(): Promise<void>;
}

const openFile = promisify(open);
const closeFile = promisify(close);
const CONFLICT = 75;
/** Milliseconds without the lock after which people are told. */
const SLOW = 400;

/**
 * Takes a kernel lock (flock(2)) on a file, which is made if needed. Gives undefined when another process has it and the time is up.
 * The lock belongs to the open file, not to a process: flock(1) gets our descriptor, locks it and ends, and we keep the lock.
 */
export async function acquireFileLock(path: string, options: FileLockOptions = {}): Promise<FileLock | undefined> {
  const started = performance.now();
  const deadline = started + (options.timeout ?? 0);
  let told = false;
  for (let pause = 50; ; pause = Math.min(pause * 2, 1000)) {
    const fd = await openFile(path, constants.O_RDWR | constants.O_CREAT, 0o600);
    try {
      if ((await lockDescriptor(fd, options.shared === true)) && (await isStillAt(fd, path))) {
        return { fd, release: () => closeFile(fd) };
      }
    } catch (error) {
      await closeFile(fd);
      throw error;
    }
    await closeFile(fd);
    const now = performance.now();
    if (now >= deadline || options.signal?.aborted) return undefined;
    if (!told && now - started >= SLOW) {
      told = true;
      options.onWait?.();
    }
    await delay(Math.min(pause, deadline - now), undefined, { signal: options.signal }).catch(() => {});
  }
}

/** flock(2) on an open file, without waiting. Gives whether it is locked now; closing the file unlocks it. */
export async function lockDescriptor(fd: number, shared: boolean): Promise<boolean> {
  const argv = ['flock', shared ? '--shared' : '--exclusive', '--nonblock', '--conflict-exit-code', String(CONFLICT), '3'];
  const { execa } = await import('execa');
  const result = await execa('flock', argv.slice(1), {
    stdio: ['ignore', 'ignore', 'pipe', inherit(fd)],
    extendEnv: false,
    env: minimalEnvironment(),
    reject: false,
  });
  if (result.exitCode === 0) return true;
  if (result.exitCode === CONFLICT) return false;
  if (result.code === 'ENOENT') throw notFoundError({ argv });
  throw cannotStartError({ argv }, result.stderr || (result.originalMessage ?? 'unknown reason'));
}

/** Whoever removes a lock file does so while holding it; what is locked then is a file that nobody else will open. */
async function isStillAt(fd: number, path: string): Promise<boolean> {
  try {
    const [mine, there] = await Promise.all([promisify(fstat)(fd), promisify(stat)(path)]);
    return mine.ino === there.ino && mine.dev === there.dev;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}
