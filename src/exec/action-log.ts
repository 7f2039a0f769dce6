import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

/** The log of one action: everything its processes print, in the order of arrival. Mode 0600; opened at the first write. */
export interface ActionLog {
  readonly path: string;
  write(data: string | Uint8Array): void;
  close(): void;
}

/** Appends to `path`. Writes are synchronous, so that the log is whole when the process is killed. */
export function openActionLog(path: string): ActionLog {
  let fd: number | undefined;
  return {
    path,
    write(data) {
      if (fd === undefined) {
        mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
        fd = openSync(path, 'a', 0o600);
      }
      const bytes = typeof data === 'string' ? Buffer.from(data) : data;
      for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
    },
    close() {
      if (fd !== undefined) closeSync(fd);
      fd = undefined;
    },
  };
}
