import { execFileSync, spawn } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { DibError } from '../../../src/diagnostics/errors.ts';
import { seeDevice } from '../../../src/host/existing-device.ts';
import { DeviceGuard, type DevicePermit } from '../../../src/kinds/device-guard.ts';
import { LoopDisk } from '../../support/loop-disk.ts';

let disk: LoopDisk;
beforeEach(() => {
  disk = new LoopDisk({ size: 64 }).plug();
});
afterEach(() => disk.remove());

async function permit(more: Partial<DevicePermit> = {}): Promise<DevicePermit> {
  const sighting = await seeDevice(disk.path);
  if (sighting.state !== 'found' || !sighting.facts.contents.known) throw new Error('the disk is not seen');
  const { identity, contents } = sighting.facts;
  return { address: 'disk.a', identity, contents: contents.digest, wipe: false, ...more };
}

const request = () => ({ address: 'disk.a', path: disk.path, forWriting: true });

async function code(taken: Promise<unknown>): Promise<string | undefined> {
  try {
    await taken;
    return undefined;
  } catch (error) {
    if (error instanceof DibError) return error.diagnostics[0]?.code;
    throw error;
  }
}

/** Holds a lock on the disk, as udev does while it looks into it, until the caller ends it. */
async function lockedByAnother(): Promise<() => Promise<void>> {
  const held = ['--no-fork', '--exclusive', disk.node, 'sh', '-c', 'echo locked; exec sleep 60'];
  const child = spawn('flock', held, { stdio: ['ignore', 'pipe', 'ignore'] });
  await new Promise((resolve) => child.stdout.once('data', resolve));
  return async () => {
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('close', resolve));
  };
}

describe('before the first action on a disk', () => {
  test('what it holds must be what was shown', async () => {
    const shown = await permit();
    execFileSync('mkfs.ext4', ['-q', disk.node]);
    const guard = new DeviceGuard([shown]);
    expect(await code(guard.take(request()))).toBe('DIB_DISK_TOUCHED');
    await guard.close();
    const agreed = new DeviceGuard([{ ...shown, wipe: true }]);
    expect(await agreed.take(request())).toMatchObject({ wipe: true, facts: { contents: { blank: false } } });
    await agreed.close();
  });

  test('it must be the disk that was shown, free and there', async () => {
    const shown = await permit();
    const other = new DeviceGuard([{ ...shown, identity: { ...shown.identity, serial: '1' } }]);
    expect(await code(other.take(request()))).toBe('DIB_DISK_CHANGED');
    execFileSync('mkfs.ext4', ['-q', disk.node]);
    const guard = new DeviceGuard([await permit()]);
    const unmount = disk.mount();
    try {
      expect(await code(guard.take(request()))).toBe('DIB_DISK_IN_USE');
    } finally {
      unmount();
    }
    disk.unplug();
    expect(await code(guard.take(request()))).toBe('DIB_DISK_ABSENT');
    disk.plug();
  });

  test('nobody else may have it locked', async () => {
    const guard = new DeviceGuard([await permit()]);
    const unlock = await lockedByAnother();
    expect(await code(guard.take(request()))).toBe('DIB_DISK_IN_USE');
    await unlock();
    expect(await code(guard.take(request()))).toBeUndefined();
    const second = new DeviceGuard([await permit()]);
    expect(await code(second.take(request()))).toBe('DIB_DISK_IN_USE');
    await guard.close();
    expect(await code(second.take(request()))).toBeUndefined();
    await second.close();
  });

  test('without a permit it is not written to, only looked at', async () => {
    const guard = new DeviceGuard([]);
    await expect(guard.take(request())).rejects.toThrow('nobody allowed to write to disk.a');
    expect(await guard.take({ ...request(), forWriting: false })).toMatchObject({ wipe: false });
    await guard.close();
  });
});

describe('between the actions of a run', () => {
  test('a disk that somebody mounts, or takes away, is not written to any more', async () => {
    execFileSync('mkfs.ext4', ['-q', disk.node]);
    const guard = new DeviceGuard([await permit()]);
    (await guard.take(request())).release();
    const unmount = disk.mount();
    try {
      expect(await code(guard.take(request()))).toBe('DIB_DISK_IN_USE');
    } finally {
      unmount();
    }
    const again = await guard.take(request());
    again.release();
    await guard.close();
  });

  test('another disk under the same name is noticed', async () => {
    const guard = new DeviceGuard([await permit()]);
    (await guard.take(request())).release();
    const stranger = new LoopDisk({ size: 65 }).plug();
    try {
      expect(await code(guard.take({ ...request(), path: stranger.path }))).toBe('DIB_DISK_CHANGED');
    } finally {
      stranger.remove();
    }
    await guard.close();
  });

  test('one action at a time has it, in the order in which they came', async () => {
    const guard = new DeviceGuard([await permit()]);
    const order: string[] = [];
    const act = async (name: string) => {
      const taken = await guard.take(request());
      order.push(`${name} begins`);
      // An exclusive open as mke2fs does it: two at once would fail.
      execFileSync('mkfs.ext4', ['-q', '-F', disk.node]);
      order.push(`${name} ends`);
      taken.release();
    };
    await Promise.all([act('first'), act('second'), act('third')]);
    expect(order).toEqual(['first begins', 'first ends', 'second begins', 'second ends', 'third begins', 'third ends']);
    await guard.close();
  });
});
