import { hostMachine } from '../exec/host-machine.ts';
import type { ActionMachine, Machine } from '../exec/machine.ts';
import type { RunnerOptions } from '../exec/run.ts';

/** The kernels that a run works with: where it attaches, and where an earlier run may have. */
export interface Machines {
  /** Where this run attaches; a virtual machine is booted at the first call. */
  open(): Promise<Machine>;
  /** The machine that an attachment of this boot is on; undefined when that boot is over, and with it the attachment. */
  ofBoot(bootId: string): Machine | undefined;
  close(): Promise<void>;
}

/** `boot`: starts the virtual machine of the run; absent, it attaches to the host itself. */
export function createMachines(hostBootId: string, boot?: () => Promise<Machine>): Machines {
  const host = hostMachine(hostBootId);
  let booting: Promise<Machine> | undefined;
  let booted: Machine | undefined;
  const start = async (): Promise<Machine> => {
    booted = await boot?.();
    return booted ?? host;
  };
  return {
    open() {
      if (boot === undefined) return Promise.resolve(host);
      booting ??= start();
      return booting;
    },
    ofBoot: (bootId) => [host, booted].find((machine) => machine?.bootId === bootId),
    async close() {
      await booting?.catch(() => {});
      await booted?.close();
      await host.close();
    },
  };
}

/** A machine whose commands go to the log of one action and end with its signals. */
export function forAction(machine: Machine, options: RunnerOptions): ActionMachine {
  const { name, bootId, shared, hold, release } = machine;
  return {
    name,
    bootId,
    shared,
    run: (command) => machine.run(command, options),
    see: (file) => machine.see(file),
    ...(hold && { hold: (device: string) => hold(device) }),
    ...(release && { release: (device: string) => release(device) }),
  };
}
