import { chownSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { ordinaryUserIds } from './privileges.ts';

/** Of root's builds, so that a base is made once. `npm test` gives a run directories of its own. */
export const CACHE = process.env['DIB_IMAGE_CACHE'] ?? '/var/tmp/dib-test-cache/root';

/** Of the ordinary user's builds. */
export function ordinaryUserCache(): string {
  const directory = process.env['DIB_TEST_USER_CACHE'] ?? '/var/tmp/dib-test-cache/user';
  mkdirSync(join(directory, '..'), { recursive: true });
  mkdirSync(directory, { recursive: true });
  const { uid, gid } = ordinaryUserIds();
  chownSync(directory, uid, gid);
  return directory;
}
