import { resolve } from 'node:path';

/** Whether a location is a path of this machine: no URL, and not git's `host:path` (gitrevisions are no part of it; git-clone(1), "GIT URLS"). */
export function isLocal(location: string): boolean {
  return location.startsWith('file://') || !(/^[A-Za-z][A-Za-z0-9+.-]*:\/\//.test(location) || /^[^/]+:/.test(location));
}

/** The absolute path of a local location; a relative one starts from `directory`. */
export function localPath(location: string, directory: string): string {
  return resolve(directory, location.startsWith('file://') ? decodeURIComponent(location.slice('file://'.length)) : location);
}

/**
 * A location without what must not be shown or stored: user and password of http and ftp (a token often stands in the user's place), of other schemes the
 * password.
 */
export function publicLocation(location: string): string {
  return location.replace(/^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^/@]*)@/, (_, scheme: string, user: string) => {
    if (/^(https?|ftps?)$/i.test(scheme)) return `${scheme}://`;
    return `${scheme}://${user.replace(/:.*$/, '')}@`;
  });
}

/** User and password that a location of http or ftp holds, percent-encoded as they stand there. */
export function credentialsOf(location: string): string | undefined {
  return /^(?:https?|ftps?):\/\/([^/@]+)@/i.exec(location)?.[1];
}
