import { setTimeout as sleep } from 'node:timers/promises';
import type { RaidLevel } from '../blockdev/devices.ts';
import { readSignatures } from '../blockdev/signatures.ts';
import { fail } from '../diagnostics/errors.ts';
import { quoted } from '../diagnostics/printable.ts';
import type { ActionMachine } from '../exec/machine.ts';
import { attachedDevice, emptyDevice } from './attached-device.ts';
import { statOrUndefined } from './disk-file.ts';
import { type DeviceAttachment, type DeviceOutputs, type FileExtent, known, type RaidInputs } from './disk-inputs.ts';
import { clearRecordedExtents, extentsOf, readFromExtents } from './extents.ts';
import { kernelDevices } from './kernel-devices.ts';
import type { ActionContext, Kind, Presence, RecordedResource, Requirement } from './kind.ts';
import {
  assembleArrayCommand,
  createArrayCommand,
  describeArrayCommand,
  describedUuid,
  parseMdstat,
  type RunningArray,
  stopArrayCommand,
  uuidDigits,
} from './mdadm-commands.ts';
import { privateName } from './private-name.ts';
import { startForReading, stopForReading } from './raid-for-reading.ts';

/** Outputs of `raid.NAME`. */
interface RaidOutputs extends DeviceOutputs {
  readonly uuid: string;
  /** Where the members lie, as far as that is in files. */
  readonly areas: readonly (readonly FileExtent[])[];
}

/** What attaching `raid.NAME` gives. */
interface RaidAttachment extends DeviceAttachment {
  /** Digits of the array's UUID; absent of one that was started without metadata. */
  readonly mdUuid?: string;
  /** Name under /dev/md. */
  readonly node: string;
  /** Device nodes of the members, in order. */
  readonly members: readonly string[];
}

const STOP_TRIES = 20;
const STOP_PAUSE_MS = 250;

/** Kernel module of each level. */
const PERSONALITY: Readonly<Record<RaidLevel, string>> = { 0: 'raid0', 1: 'raid1', 5: 'raid456', 6: 'raid456', 10: 'raid10' };

/** What an array needs of the machine that it is made on. */
export function raidRequirements(level: RaidLevel): readonly Requirement[] {
  const why = `makes RAID ${level}`;
  return [
    { need: 'kernel', name: PERSONALITY[level], why: `the kernel ${why}` },
    { need: 'tool', name: 'mdadm', package: 'mdadm', why },
  ];
}

/** A Linux software RAID (md(4)) over attached devices. */
export const raid: Kind = {
  kind: 'raid',
  requires: (inputs) => raidRequirements((inputs as RaidInputs).level),
  commands(inputs) {
    const { name, members } = inputs as RaidInputs;
    return [
      createArrayCommand(
        inputs as RaidInputs,
        `/dev/md/<${name}>`,
        members.map((member) => `<${member}>`),
      ),
    ];
  },
  needsAttached: () => true,
  attachesWhileCreating: true,
  probe: (recorded) => probeArray(recorded),
  create: (inputs, context) => createArray(inputs as RaidInputs, context),

  async destroy(recorded, context) {
    const { areas } = recorded.outputs as Partial<RaidOutputs>;
    for (const area of areas ?? []) await clearRecordedExtents(context, area);
  },

  attach: (recorded, context) => attachArray(recorded, context),

  async detach(recorded, context) {
    const { attachment } = recorded;
    const { members, node } = { ...attachment?.marker, ...attachment?.outputs } as Partial<RaidAttachment>;
    if (members === undefined || node === undefined) return;
    await stopArrays(context, members);
    if (attachment?.readOnly === true) await stopForReading(await context.machine(), privateName(context.paths, context.address));
    // Where there is no udev, mdadm leaves its link behind.
    await (await context.machine()).run({ argv: ['rm', '--force', node] });
  },
};

async function probeArray(recorded: RecordedResource): Promise<Presence> {
  const { areas, uuid } = recorded.outputs as RaidOutputs;
  for (const area of areas) {
    for (const { file } of area) if ((await statOrUndefined(file)) === undefined) return { state: 'absent' };
    const size = area.reduce((sum, { length }) => sum + length, 0);
    const signatures = await readSignatures((offset, length) => readFromExtents(area, offset, length), size);
    const found = signatures.find(({ type }) => type === 'linux_raid_member');
    const where = area[0]?.file ?? '';
    if (found === undefined) return { state: 'drifted', reason: `there is no RAID member in ${where} any more` };
    if (uuidDigits(found.uuid ?? '') !== uuidDigits(uuid))
      return { state: 'drifted', reason: `the RAID member in ${where} is of the array ${found.uuid}` };
  }
  return { state: 'present' };
}

async function createArray(inputs: RaidInputs, context: ActionContext): Promise<RaidOutputs> {
  const machine = await context.machine();
  const members = await attachedMembers(inputs, context);
  const node = nodeOf(context);
  await context.intend({ members, node });
  await stopArrays(context, members);
  for (const [index, member] of inputs.members.entries()) await emptyDevice(context, member, members[index] ?? '');
  await machine.run(createArrayCommand(inputs, node, members));
  const size = known(inputs.size, `size of ${context.address}`);
  const found = Number((await machine.run({ argv: ['blockdev', '--getsize64', node] })).stdout);
  if (found !== size) failSize(context, found, size);
  const areas = inputs.members.flatMap((member) => {
    const extents = extentsOf(context.outputs(member));
    return extents === undefined ? [] : [extents];
  });
  return { size, sectorSize: inputs.sectorSize, uuid: inputs.uuid, areas };
}

function nodeOf({ paths, address }: ActionContext): string {
  return `/dev/md/${privateName(paths, address)}`;
}

async function attachedMembers(inputs: RaidInputs, context: ActionContext): Promise<string[]> {
  const members: string[] = [];
  for (const member of inputs.members) members.push(await attachedDevice(context, member));
  return members;
}

async function attachArray(recorded: RecordedResource, context: ActionContext): Promise<RaidAttachment> {
  const inputs = recorded.inputs as RaidInputs;
  const machine = await context.machine();
  const members = await attachedMembers(inputs, context);
  const node = nodeOf(context);
  await context.intend({ members, node });
  // Another may have been quicker (udev's incremental assembly), under a name and in a mode of its own.
  await stopArrays(context, members);
  if (context.readOnly) {
    const device = await startForReading(machine, inputs, members, privateName(context.paths, context.address));
    if (device !== undefined) return { device, node, members };
  }
  const mdUuid = uuidDigits(inputs.uuid);
  try {
    await machine.run(assembleArrayCommand(inputs.uuid, node, members, context.readOnly));
  } catch (error) {
    await refuseCopy(machine, mdUuid, context);
    throw error;
  }
  const [array] = (await arraysOn(machine, members)).ours;
  const found = array && (await uuidOf(machine, array));
  if (array === undefined || found !== mdUuid) throw new Error(`mdadm assembled ${found ?? 'nothing'} in place of ${mdUuid}`);
  return { device: array.device, mdUuid, node, members };
}

async function uuidOf(machine: ActionMachine, { device }: RunningArray): Promise<string | undefined> {
  return describedUuid((await machine.run(describeArrayCommand(device))).stdout);
}

/** mdadm starts no array while another of the same UUID runs. */
async function refuseCopy(machine: ActionMachine, uuid: string, context: ActionContext): Promise<void> {
  const { stdout } = await machine.run({ argv: ['cat', '/proc/mdstat'], okExitCodes: [0, 1] });
  for (const array of parseMdstat(stdout)) {
    if ((await uuidOf(machine, array)) !== uuid) continue;
    fail({
      code: 'DIB_RAID_ID_IN_USE',
      summary: `Another copy of this array runs on this machine: ${quoted(array.device)}`,
      detail: 'Both have the same UUID, so mdadm does not start the second one. Nothing was changed.',
      help: `Stop it with \`mdadm --stop ${array.device}\` if nobody needs it, or let a virtual machine do it: \`--worker vm\`.`,
      address: context.address,
    });
  }
}

/** Stops the arrays whose members are all among these devices. Throws when one has others too: it is not ours. */
async function stopArrays(context: ActionContext, devices: readonly string[]): Promise<void> {
  const machine = await context.machine();
  for (let tries = 0; ; tries++) {
    const { ours, others } = await arraysOn(machine, devices);
    if (others[0] !== undefined) failForeign(context, others[0]);
    if (ours.length === 0) return;
    if (tries === STOP_TRIES) failBusy(context, ours);
    if (tries > 0) await sleep(STOP_PAUSE_MS);
    for (const { device } of ours) await machine.run({ ...stopArrayCommand(device), okExitCodes: [0, 1] });
  }
}

/**
 * Arrays that have any of these devices as members: `ours` have no others. A device is a member of one array at most, because the kernel holds it.
 */
async function arraysOn(
  machine: ActionMachine,
  devices: readonly string[],
): Promise<{ readonly ours: readonly RunningArray[]; readonly others: readonly RunningArray[] }> {
  const { stdout } = await machine.run({ argv: ['cat', '/proc/mdstat'], okExitCodes: [0, 1] });
  const all = parseMdstat(stdout);
  if (all.length === 0) return { ours: [], others: [] };
  const names = new Set((await kernelDevices(machine, devices)).map(({ name }) => name));
  const touched = all.filter(({ members }) => members.some((member) => names.has(member)));
  const isOurs = ({ members }: RunningArray) => members.every((member) => names.has(member));
  return { ours: touched.filter(isOurs), others: touched.filter((array) => !isOurs(array)) };
}

function failSize(context: ActionContext, found: number, planned: number): never {
  fail({
    code: 'DIB_RAID_SIZE',
    summary: `The array has ${found} bytes, not the ${planned} that were planned`,
    detail: 'mdadm uses its members otherwise than dib reckons with, so what was laid out on the array may not fit.',
    help: 'Leave out `options` that change the layout of the array, and report this if there are none.',
    address: context.address,
  });
}

function failForeign(context: ActionContext, { device, members }: RunningArray): never {
  fail({
    code: 'DIB_RAID_FOREIGN',
    summary: `${quoted(device)} uses a member of the array together with other devices`,
    detail: `Its members are ${members.join(', ')}. dib did not make it and leaves it alone.`,
    help: `Stop it with \`mdadm --stop ${device}\` if nobody needs it; then run the command again.`,
    address: context.address,
  });
}

function failBusy(context: ActionContext, arrays: readonly RunningArray[]): never {
  const device = arrays[0]?.device ?? '';
  fail({
    code: 'DIB_RAID_BUSY',
    summary: `Cannot stop ${quoted(device)}: still in use`,
    detail: 'Another process has the array open, or something on it is mounted or mapped.',
    help: `See who with \`lsblk ${device}\` and \`fuser -vm ${device}\`; then run \`dib destroy\` again.`,
    address: context.address,
  });
}
