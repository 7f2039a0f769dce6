import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { holdDevice } from '../../../src/exec/device-lock.ts';

const directory = mkdtempSync(join(tmpdir(), 'dib-device-lock-'));
afterAll(() => rmSync(directory, { recursive: true }));

/** Locks are of files, so a file stands for the node of a device. */
function node(name: string): string {
  const path = join(directory, name);
  writeFileSync(path, '');
  return path;
}

/** Whether udev, which does not wait, would look into it: flock(1) ends with 1 when the lock is taken. */
function isFree(path: string): boolean {
  const { status } = spawnSync('flock', ['--exclusive', '--nonblock', path, 'true']);
  expect([0, 1]).toContain(status);
  return status === 0;
}

describe('holdDevice', () => {
  it('keeps others away until it is released', async () => {
    const device = node('held');
    expect(isFree(device)).toBe(true);
    const held = await holdDevice(device);
    expect(isFree(device)).toBe(false);
    await held.release();
    expect(isFree(device)).toBe(true);
  });

  it('tells who may have a device that stays locked', async () => {
    const device = node('taken');
    const held = await holdDevice(device);
    await expect(holdDevice(device, 0)).rejects.toMatchObject({
      exitCode: 75,
      diagnostics: [
        {
          code: 'DIB_EXEC_DEVICE_LOCKED',
          summary: `Another process has locked \`${device}\``,
          help: `See who has it with \`fuser -v ${device}\`.`,
        },
      ],
    });
    await held.release();
    execFileSync('flock', ['--nonblock', device, 'true']);
  });

  it('waits for one who has it for a moment', async () => {
    const device = node('moment');
    const first = await holdDevice(device);
    const second = holdDevice(device);
    await first.release();
    await (await second).release();
  });
});
