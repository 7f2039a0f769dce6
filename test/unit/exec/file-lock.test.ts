import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { spawnChild } from '../../../src/exec/child.ts';
import { minimalEnvironment } from '../../../src/exec/environment.ts';
import { acquireFileLock } from '../../../src/exec/file-lock.ts';

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'dib-lock-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

describe('acquireFileLock', () => {
  it('excludes others until released', async () => {
    const path = join(directory, 'lock');
    const first = await acquireFileLock(path);
    expect(first).toBeDefined();
    expect(await acquireFileLock(path)).toBeUndefined();
    expect(await acquireFileLock(path, { shared: true })).toBeUndefined();
    await first?.release();
    const second = await acquireFileLock(path);
    expect(second).toBeDefined();
    await second?.release();
  });

  it('shares among readers', async () => {
    const path = join(directory, 'lock');
    const [a, b] = [await acquireFileLock(path, { shared: true }), await acquireFileLock(path, { shared: true })];
    expect(a && b).toBeDefined();
    expect(await acquireFileLock(path)).toBeUndefined();
    await a?.release();
    await b?.release();
  });

  it('waits, says so once, and gets the lock', async () => {
    const path = join(directory, 'lock');
    const first = await acquireFileLock(path);
    let waits = 0;
    const second = await acquireFileLock(path, {
      timeout: 30_000,
      onWait: () => {
        waits += 1;
        void first?.release();
      },
    });
    expect(second).toBeDefined();
    expect(waits).toBe(1);
    await second?.release();
  });

  it('does not lock a file that was removed meanwhile', async () => {
    const path = join(directory, 'lock');
    const first = await acquireFileLock(path);
    rmSync(path);
    const second = await acquireFileLock(path);
    expect(second).toBeDefined();
    expect(await acquireFileLock(path)).toBeUndefined();
    await first?.release();
    await second?.release();
  });

  it('lives on in a child that inherited it, until the child dies', async () => {
    const path = join(directory, 'lock');
    const lock = await acquireFileLock(path);
    const child = await spawnChild({ argv: ['cat'], env: minimalEnvironment(), inheritedFd: lock?.fd });
    await lock?.release();
    expect(await acquireFileLock(path)).toBeUndefined();
    child.kill('SIGKILL');
    expect((await child.ended).signal).toBe('SIGKILL');
    const again = await acquireFileLock(path);
    expect(again).toBeDefined();
    await again?.release();
  });
});
