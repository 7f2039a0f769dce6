import { basename } from 'node:path';
import type { ActionMachine } from '../exec/machine.ts';

/** A mapping of the kernel's device-mapper (dmsetup(8)). */
export interface Mapping {
  /** Below /dev/mapper. */
  readonly name: string;
  /** `LVM-...` or `CRYPT-...`: says whose it is. */
  readonly uuid: string;
}

const INFO = ['dmsetup', 'info', '--columns', '--noheadings', '--separator', '/', '--options', 'name,uuid'];

/** All mappings of a machine; none where its kernel has no device-mapper. */
export async function listMappings(machine: ActionMachine): Promise<Mapping[]> {
  return parseMappings((await machine.run({ argv: INFO, okExitCodes: [0, 1] })).stdout);
}

/** The mapping of a name, if there is one. */
export async function findMapping(machine: ActionMachine, name: string): Promise<Mapping | undefined> {
  const { stdout } = await machine.run({ argv: [...INFO, name], okExitCodes: [0, 1] });
  return parseMappings(stdout).find((mapping) => mapping.name === name);
}

/** Whether a mapping stands on any of these devices, directly or not. */
export async function standsOn(machine: ActionMachine, { name }: Mapping, devices: readonly string[]): Promise<boolean> {
  const below = await machine.run({
    argv: ['lsblk', '--inverse', '--list', '--noheadings', '--output', 'KNAME', `/dev/mapper/${name}`],
  });
  const ours = await machine.run({ argv: ['readlink', '--canonicalize', '--', ...devices] });
  const names = new Set(below.stdout.split(/\s+/));
  return ours.stdout
    .trim()
    .split('\n')
    .some((device) => names.has(basename(device)));
}

/** Neither names nor UUIDs have slashes. */
export function parseMappings(text: string): Mapping[] {
  return text.split('\n').flatMap((line) => {
    const [name, uuid] = line.trim().split('/');
    return name === undefined || uuid === undefined ? [] : [{ name, uuid }];
  });
}

/** Name of the mapping of a logical volume: dashes in its parts are doubled (lvm2, libdm/libdm-string.c, dm_build_dm_name). */
export function volumeMapping(group: string, volume: string): string {
  return [group, volume].map((part) => part.replaceAll('-', '--')).join('-');
}
