import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect } from 'vitest';

/** Makes nodes for a test file: locks are of files, so a file stands for the node of a device. */
export function deviceNodes(): (name: string) => string {
  const directory = mkdtempSync(join(tmpdir(), 'dib-device-nodes-'));
  afterAll(() => rmSync(directory, { recursive: true }));
  return (name) => {
    const path = join(directory, name);
    writeFileSync(path, '');
    return path;
  };
}

/** Whether udev, which does not wait, would look into it: flock(1) ends with 1 when the lock is taken. */
export function isFree(path: string): boolean {
  const { status } = spawnSync('flock', ['--exclusive', '--nonblock', path, 'true']);
  expect([0, 1]).toContain(status);
  return status === 0;
}
