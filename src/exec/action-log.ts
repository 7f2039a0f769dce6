import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { isDiskFull, isReadOnly } from '../util/disk-full.ts';

/** The log of one action: everything its processes print, in the order of arrival. Mode 0600; opened at the first write. */
export interface ActionLog {
  readonly path: string;
  write(data: string | Uint8Array): void;
  close(): void;
}

/**
 * Appends to `path`. Writes are synchronous, so that the log is whole when the process is killed. What a full disk has no room for, or one that
 * became read-only does not take, is left out: a log must not end what it tells of.
 */
export function openActionLog(path: string): ActionLog {
  let fd: number | undefined;
  const append = (bytes: Uint8Array) => {
    if (fd === undefined) {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      fd = openSync(path, 'a', 0o600);
    }
    for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
  };
  return {
    path,
    write(data) {
      try {
        append(typeof data === 'string' ? Buffer.from(data) : data);
      } catch (error) {
        if (!isDiskFull(error) && !isReadOnly(error)) throw error;
      }
    },
    close() {
      if (fd !== undefined) closeSync(fd);
      fd = undefined;
    },
  };
}
