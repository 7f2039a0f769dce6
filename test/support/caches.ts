import { spawnSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ordinaryUserIds } from './privileges.ts';

/** Of root's builds, so that a base is made once. `npm test` gives a run directories of its own. */
export const CACHE = process.env['DIB_IMAGE_CACHE'] ?? '/var/tmp/dib-test-cache/root';

/** Of the ordinary user's builds. */
export function ordinaryUserCache(): string {
  const directory = process.env['TEST_USER_CACHE'] ?? '/var/tmp/dib-test-cache/user';
  mkdirSync(join(directory, '..'), { recursive: true });
  mkdirSync(directory, { recursive: true });
  const { uid, gid } = ordinaryUserIds();
  chownSync(directory, uid, gid);
  return directory;
}

/** What is half-made in a cache, or a directory of a run there, and belongs to no living process: those hold locks, perhaps for other tests. */
export function abandonedIn(cache: string): string[] {
  const found = ['building', 'scratch'].flatMap((directory) => {
    const names = existsSync(join(cache, directory)) ? readdirSync(join(cache, directory)) : [];
    return names.map((name) => join(cache, directory, name)).filter(isAbandoned);
  });
  // A lock file that another build has made and not locked yet, or unlocked and not removed yet, looks the same for a moment.
  if (found.length > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);
  return found.filter(isAbandoned);
}

function isAbandoned(path: string): boolean {
  const lock = path.endsWith('.lock') ? path : `${path}.lock`;
  const held = existsSync(lock) && spawnSync('flock', ['--nonblock', lock, 'true']).status !== 0;
  return !held && existsSync(path);
}
