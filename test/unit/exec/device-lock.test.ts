import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { holdDevice } from '../../../src/exec/device-lock.ts';
import { deviceNodes, isFree } from '../../support/device-locks.ts';

const node = deviceNodes();

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
