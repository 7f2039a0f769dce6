import { existsSync } from 'node:fs';
import { type HeldDevice, holdDevice } from './device-lock.ts';
import type { Machine } from './machine.ts';
import { createRunner } from './run.ts';

/** This machine's own kernel. `bootId`: of its present boot (random(4)). */
export function hostMachine(bootId: string): Machine {
  const held = new Map<string, HeldDevice>();
  const release = async (device: string): Promise<void> => {
    const lock = held.get(device);
    held.delete(device);
    await lock?.release();
  };
  return {
    name: 'host',
    bootId,
    shared: true,
    run: (command, options) => createRunner({ ...options, env: { ...udevEnvironment(), ...options.env } }).run(command),
    see: (file) => Promise.resolve(file),
    async hold(device) {
      if (!held.has(device)) held.set(device, await holdDevice(device));
    },
    release,
    async close() {
      for (const device of [...held.keys()]) await release(device);
    },
  };
}

/**
 * What programs that make devices need where no udev runs, as in a container: they then make the nodes themselves and wait for nobody (lvm(8),
 * dmsetup(8), mdadm(8)).
 */
export function udevEnvironment(): Readonly<Record<string, string>> {
  // systemd-udevd(8) listens there; it is what LVM asks for as well.
  return existsSync('/run/udev/control') ? {} : { DM_DISABLE_UDEV: '1', MDADM_NO_UDEV: '1' };
}
