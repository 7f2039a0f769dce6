import { basename } from 'node:path';
import type { ActionMachine } from '../exec/machine.ts';

/** A device as the kernel knows it. */
export interface KernelDevice {
  /** As in /proc/mdstat and below /sys/class/block, such as `loop5` or `dm-2`. */
  readonly name: string;
  /** `major:minor`. */
  readonly number: string;
}

/**
 * What the kernel calls the devices of these nodes. By their numbers: where there is no udev, what LVM and cryptsetup make in /dev/mapper are nodes,
 * not links to `dm-N`. The numbers that stat(1) prints are hexadecimal.
 */
export async function kernelDevices(machine: ActionMachine, nodes: readonly string[]): Promise<KernelDevice[]> {
  const { stdout } = await machine.run({ argv: ['stat', '--dereference', '--format=%t:%T', '--', ...nodes] });
  const decimal = (pair: string) => pair.split(':').map((part) => Number.parseInt(part, 16));
  const numbers = stdout
    .trim()
    .split('\n')
    .map((pair) => decimal(pair).join(':'));
  const places = numbers.map((number) => `/sys/dev/block/${number}`);
  const paths = (await machine.run({ argv: ['readlink', '--canonicalize', '--', ...places] })).stdout.trim().split('\n');
  return numbers.map((number, index) => ({ number, name: basename(paths[index] ?? '') }));
}
