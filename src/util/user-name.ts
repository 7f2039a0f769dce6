import { userInfo } from 'node:os';

/** Name of the user who runs this process; a uid without an entry in passwd(5) is known by its number. */
export function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? '');
  }
}
