import { readFile } from 'node:fs/promises';
import type { Host } from './state.ts';

/** This machine and its present boot: machine-id(5), random(4). */
export async function readHost(): Promise<Host> {
  const [machineId, bootId] = await Promise.all([
    readFile('/etc/machine-id', 'utf8').catch(() => ''),
    readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => ''),
  ]);
  return { machineId: machineId.trim(), bootId: bootId.trim() };
}
