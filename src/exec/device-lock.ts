import { type FileHandle, open } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { ExitCode, fail } from '../diagnostics/errors.ts';
import { quotedPath } from '../diagnostics/printable.ts';
import { lockDescriptor } from './file-lock.ts';

/** A block device that systemd-udevd leaves alone. */
export interface HeldDevice {
  /**
   * Gives it back. Before it is detached: the kernel detaches a loop, and stops an array, only when nobody has it open.
   */
  release(): Promise<void>;
}

/** udev has its own lock for as long as it looks into a device: well below a second. */
const HOLD_TIME = 10_000;
const PAUSE = 100;

/**
 * Keeps systemd-udevd from looking into a block device, and from starting what it finds there, while it is worked with: flock(2) on the node of
 * the whole device, not of a partition (https://systemd.io/BLOCK_DEVICE_LOCKING). The lock ends with this process. It is opened for reading,
 * because udev looks at a device that was closed by someone who could write.
 * Throws DIB_EXEC_DEVICE_LOCKED when another process has the lock for longer than `timeout` milliseconds.
 */
export async function holdDevice(device: string, timeout = HOLD_TIME): Promise<HeldDevice> {
  const handle = await open(device, 'r');
  try {
    await lockWithin(handle, device, timeout);
  } catch (error) {
    await handle.close();
    throw error;
  }
  return { release: () => handle.close() };
}

async function lockWithin(handle: FileHandle, device: string, timeout: number): Promise<void> {
  const deadline = performance.now() + timeout;
  while (!(await lockDescriptor(handle.fd, false))) {
    if (performance.now() >= deadline) {
      fail(
        {
          code: 'DIB_EXEC_DEVICE_LOCKED',
          summary: `Another process has locked ${quotedPath(device)}`,
          detail: 'It is udev, or somebody who keeps udev away as dib does.',
          help: `See who has it with ${quotedPath(`fuser -v ${device}`)}.`,
        },
        ExitCode.LockHeld,
      );
    }
    await delay(PAUSE);
  }
}
