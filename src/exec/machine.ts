import type { Command, CommandResult, Runner } from './command.ts';
import type { RunnerOptions } from './run.ts';

/**
 * The kernel whose block devices, arrays, mappings and mounts actions work with: this machine's own, or that of a virtual machine which the
 * worker started. What is attached in a virtual machine goes with it; files stay outside and are seen through `see`.
 */
export interface Machine {
  readonly name: 'host' | 'uml' | 'qemu';
  /** /proc/sys/kernel/random/boot_id of that kernel: an attachment of another boot is gone. */
  readonly bootId: string;
  /** Others use its devices too: foreign volume groups and arrays, udev, automounters. False in a virtual machine of our own. */
  readonly shared: boolean;
  /** Runs a command there. Throws as Runner.run does, and DIB_VM_DIED when the virtual machine ends meanwhile. */
  run(command: Command, options: RunnerOptions): Promise<CommandResult>;
  /**
   * The path under which a file of this machine (a disk file, an archive) is seen there, as losetup, dd and tar take it.
   * A virtual machine without shared files shows it as a block device of its own.
   */
  see(file: string): Promise<string>;
  /**
   * Keeps udev from looking into a block device, and from starting what it finds there, until it is released or this process ends. Again is no error.
   * Absent where no udev runs. Throws DIB_EXEC_DEVICE_LOCKED.
   */
  hold?(device: string): Promise<void>;
  /** Gives a device back, before it is detached; one that is not held is no error. */
  release?(device: string): Promise<void>;
  /** Ends it; the host gives back what is held. */
  close(): Promise<void>;
}

/** A machine as one action sees it. */
export interface ActionMachine extends Runner, Pick<Machine, 'name' | 'bootId' | 'shared' | 'see' | 'hold' | 'release'> {}
