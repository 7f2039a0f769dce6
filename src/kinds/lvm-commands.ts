import { printedLvmId } from '../blockdev/lvm-metadata.ts';
import type { Command } from '../exec/command.ts';
import { type Later, type LvsInputs, type PvsInputs, shown, type VgsInputs } from './disk-inputs.ts';

/**
 * Settings of every LVM command (lvm.conf(5)), in place of those of the machine. Nothing is kept of the metadata, no list of devices is read or written,
 * no daemon is asked, nothing is activated by events; physical volumes may lie on logical volumes.
 */
function config(devices = ''): string {
  return [
    'backup{backup=0 archive=0}',
    `devices{use_devicesfile=0 scan_lvs=1${devices}}`,
    'global{event_activation=0 use_lvmpolld=0}',
    'activation{monitoring=0}',
  ].join(' ');
}

const CONFIG = config();

/**
 * For vgrename, which moves /dev/NAME along and refuses a name that is there already: both would be those of another group of that name. Nothing is
 * in this directory.
 */
const CONFIG_WITHOUT_LINKS = config(' dir="/run/dib/no-links"');

/** LVM's configuration directory: none. The agent of a virtual machine has one of its own, without udev. */
const ENVIRONMENT = { LVM_SYSTEM_DIR: '', LVM_SUPPRESS_FD_WARNINGS: '1' };

/** An LVM command that sees these devices and no others, whatever else is on the machine. */
function lvm(program: string, devices: readonly string[], args: readonly string[], settings = CONFIG): Command {
  return { argv: [program, '--devices', devices.join(','), '--config', settings, ...args], env: ENVIRONMENT };
}

/** Those of our options that the user did not give. */
function defaults(options: readonly string[], ours: Readonly<Record<string, string>>): string[] {
  const given = (name: string) => options.some((option) => option === name || option.startsWith(`${name}=`));
  return Object.entries(ours).flatMap(([name, value]) => (given(name) ? [] : [name, value]));
}

/** pvcreate(8). What stood on the device before, and whose it was, does not matter: it is ours. */
export function createVolumeCommand({ id, options }: PvsInputs, device: string): Command {
  const identity = ['--uuid', printedLvmId(id), '--norestorefile'];
  const ours = defaults(options, { '--dataalignment': '1m' });
  return lvm('pvcreate', [device], ['--yes', '-ff', ...identity, ...ours, ...options, device]);
}

/** vgcreate(8). LVM chooses the UUID of the group. */
export function createGroupCommand({ extentSize, options }: VgsInputs, name: string, devices: readonly string[]): Command {
  const ours = ['--physicalextentsize', bytes(extentSize)];
  return lvm('vgcreate', devices, ['--yes', ...ours, ...options, name, ...devices]);
}

/** Where a command on volumes works: a group, under the name that it has now, and its devices. */
export interface GroupPlace {
  readonly group: string;
  readonly devices: readonly string[];
}

/** Of a thin pool: bytes of its metadata, and of a chunk. */
export interface PoolGeometry {
  readonly metadata: Later | string;
  readonly chunk: Later | string;
}

/** lvcreate(8). The volume stays inactive. Nothing is wiped: its place reads as zeroes, or is the user's own. */
export function createLogicalVolumeCommand(inputs: LvsInputs, { group, devices }: GroupPlace, geometry: PoolGeometry): Command {
  const { volume, type, size, options } = inputs;
  const common = ['--yes', '--activate', 'n', '--name', volume];
  const wanted = shown(size, 'size', (value) => value);
  switch (type) {
    case 'linear':
      return lvm('lvcreate', devices, [
        ...common,
        ...['--zero', 'n', '--wipesignatures', 'n', '--size', bytes(wanted)],
        ...[...options, group],
      ]);
    case 'thin-pool':
      return lvm('lvcreate', devices, [
        ...common,
        ...['--type', 'thin-pool', '--size', bytes(wanted)],
        ...defaults(options, {
          '--poolmetadatasize': bytes(shown(geometry.metadata, 'size of metadata')),
          '--poolmetadataspare': 'y',
          '--chunksize': bytes(shown(geometry.chunk, 'size of a chunk')),
        }),
        ...[...options, group],
      ]);
    case 'thin':
      return lvm('lvcreate', devices, [
        ...common,
        ...['--wipesignatures', 'n', '--type', 'thin', '--virtualsize', bytes(wanted)],
        ...['--thinpool', poolName(inputs), ...options, group],
      ]);
  }
}

/** Name of the pool that a thin volume is in. */
export function poolName({ pool }: LvsInputs): string {
  return (pool ?? '').replace(/^lvs\./, '');
}

/** A size that lvm(8) takes as it is: `b` for bytes. */
function bytes(size: number | string): string {
  return `${size}b`;
}

/** Removes volumes, active or not. */
export function removeVolumesCommand({ group, devices }: GroupPlace, volumes: readonly string[]): Command {
  return lvm('lvremove', devices, ['--yes', '--force', ...volumes.map((volume) => `${group}/${volume}`)]);
}

/** Removes a group with all its volumes; its physical volumes stay. */
export function removeGroupCommand(devices: readonly string[], id: string): Command {
  return lvm('vgremove', devices, ['--yes', '--force', '--force', '--select', `vg_uuid=${printedLvmId(id)}`]);
}

/** Renames a group that is known by its UUID (vgrename(8)) and in which nothing is active. */
export function renameGroupCommand(devices: readonly string[], id: string, name: string): Command {
  return lvm('vgrename', devices, [printedLvmId(id), name], CONFIG_WITHOUT_LINKS);
}

/** Makes a volume a device, or undoes that. */
export function activateCommand({ group, devices }: GroupPlace, volume: string, state: 'y' | 'n'): Command {
  return lvm('lvchange', devices, ['--activate', state, `${group}/${volume}`]);
}

/** Deactivates all volumes of a group, those that LVM itself made included. */
export function deactivateGroupCommand({ group, devices }: GroupPlace): Command {
  return lvm('vgchange', devices, ['--activate', 'n', group]);
}

/** A group that LVM finds. */
export interface FoundGroup {
  readonly name: string;
  /** 32 characters without dashes. */
  readonly id: string;
}

/** A volume that LVM finds; hidden ones are not listed. */
export interface FoundVolume {
  readonly name: string;
  /** 32 characters without dashes. */
  readonly id: string;
}

/** Lists the groups on these devices. */
export function listGroupsCommand(devices: readonly string[]): Command {
  return lvm('vgs', devices, ['--reportformat', 'json', '--options', 'vg_name,vg_uuid']);
}

/** Lists the groups that a machine itself sees, by its own configuration. */
export const LIST_OWN_GROUPS: Command = {
  argv: ['vgs', '--reportformat', 'json', '--options', 'vg_name,vg_uuid'],
  env: { LVM_SUPPRESS_FD_WARNINGS: '1' },
  okExitCodes: [0, 5],
};

export function listVolumesCommand({ group, devices }: GroupPlace): Command {
  return lvm('lvs', devices, ['--reportformat', 'json', '--options', 'lv_name,lv_uuid', group]);
}

/** Reads what listGroupsCommand prints. */
export function parseGroups(text: string): FoundGroup[] {
  return rows(text, 'vg').map((row) => ({ name: row['vg_name'] ?? '', id: (row['vg_uuid'] ?? '').replaceAll('-', '') }));
}

/** Reads what listVolumesCommand prints. */
export function parseVolumes(text: string): FoundVolume[] {
  return rows(text, 'lv').map((row) => ({ name: row['lv_name'] ?? '', id: (row['lv_uuid'] ?? '').replaceAll('-', '') }));
}

function rows(text: string, table: string): Record<string, string>[] {
  if (text.trim() === '') return [];
  const { report = [] } = JSON.parse(text) as { report?: Record<string, Record<string, string>[]>[] };
  return report.flatMap((part) => part[table] ?? []);
}
