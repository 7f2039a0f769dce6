import { setTimeout as sleep } from 'node:timers/promises';
import { DibError, fail } from '../diagnostics/errors.ts';
import { quoted } from '../diagnostics/printable.ts';
import type { ActionMachine } from '../exec/machine.ts';
import { findMapping, volumeMapping } from './device-mapper.ts';
import type { DeviceAttachment, LvsInputs } from './disk-inputs.ts';
import type { ActionContext, RecordedResource } from './kind.ts';
import {
  activateCommand,
  createLogicalVolumeCommand,
  type GroupPlace,
  listVolumesCommand,
  parseVolumes,
  poolName,
  removeVolumesCommand,
} from './lvm-commands.ts';
import type { VgsOutputs } from './vgs.ts';
import type { GroupAttachment } from './vgs-attached.ts';

/** What attaching `lvs.NAME` gives. */
interface VolumeAttachment extends DeviceAttachment {
  readonly dmUuid: string;
  readonly group: string;
  readonly devices: readonly string[];
}

const TRIES = 20;
const PAUSE_MS = 250;

/** Makes the volume, inactive; gives the UUID that LVM chose. */
export async function createVolume(inputs: LvsInputs, context: ActionContext): Promise<string> {
  const machine = await context.machine();
  const place = context.attachment(inputs.group) as GroupAttachment;
  const { extentSize, volumes } = context.outputs(inputs.group) as VgsOutputs;
  const { metadata } = inputs;
  const geometry = { metadata: (metadata?.extents ?? 0) * extentSize, chunk: metadata?.chunk ?? 0 };
  const command = createLogicalVolumeCommand(inputs, place, geometry);
  try {
    await machine.run(command);
  } catch (error) {
    if (!(error instanceof DibError) || !(await removeLeft(machine, place, inputs, volumes ?? []))) throw error;
    await machine.run(command);
  }
  const made = (await volumesIn(machine, place)).find(({ name }) => name === inputs.volume);
  if (made === undefined) throw new Error(`lvcreate made no volume ${inputs.volume}`);
  return made.id;
}

/** Removes what an interrupted lvcreate left: the volume itself, and those that nobody declared. Gives whether there was anything. */
async function removeLeft(
  machine: ActionMachine,
  place: GroupPlace,
  inputs: LvsInputs,
  declared: readonly string[],
): Promise<boolean> {
  const found = (await volumesIn(machine, place)).map(({ name }) => name);
  const left = found.filter((name) => name === inputs.volume || !declared.includes(name));
  if (left.length === 0) return false;
  // A pool that only a volume of it keeps active counts as inactive for lvremove, which then fails half-way: "Cannot activate thin pool".
  if (inputs.type === 'thin') await machine.run(activateCommand(place, poolName(inputs), 'y'));
  await machine.run(removeVolumesCommand(place, left));
  return true;
}

async function volumesIn(machine: ActionMachine, place: GroupPlace) {
  return parseVolumes((await machine.run(listVolumesCommand(place))).stdout);
}

/** Activates the volume. `id`: that of the volume, without dashes. */
export async function attachVolume(recorded: RecordedResource, id: string, context: ActionContext): Promise<VolumeAttachment> {
  const inputs = recorded.inputs as LvsInputs;
  const machine = await context.machine();
  const { group, devices } = context.attachment(inputs.group) as GroupAttachment;
  const { id: groupId } = context.outputs(inputs.group) as VgsOutputs;
  const name = volumeMapping(group, inputs.volume);
  const attachment = { device: `/dev/mapper/${name}`, dmUuid: `LVM-${groupId}${id}`, group, devices };
  await context.intend({ ...attachment });
  await machine.run(activateCommand({ group, devices }, inputs.volume, 'y'));
  const mapping = await findMapping(machine, name);
  if (mapping?.uuid !== attachment.dmUuid)
    throw new Error(`lvchange activated ${mapping?.uuid} in place of ${attachment.dmUuid}`);
  if (context.readOnly === true) await machine.run({ argv: ['blockdev', '--setro', attachment.device] });
  return attachment;
}

export async function detachVolume(recorded: RecordedResource, context: ActionContext): Promise<void> {
  const { attachment } = recorded;
  const { volume } = recorded.inputs as LvsInputs;
  const { group, devices, dmUuid } = { ...attachment?.marker, ...attachment?.outputs } as Partial<VolumeAttachment>;
  if (group === undefined || devices === undefined) return;
  const machine = await context.machine();
  const name = volumeMapping(group, volume);
  for (let tries = 1; ; tries++) {
    const mapping = await findMapping(machine, name);
    if (mapping === undefined || mapping.uuid !== dmUuid) return;
    await machine.run({ ...activateCommand({ group, devices }, volume, 'n'), okExitCodes: [0, 5] });
    if (tries === TRIES) failBusy(context, name);
    if (tries > 1) await sleep(PAUSE_MS);
  }
}

function failBusy(context: ActionContext, name: string): never {
  fail({
    code: 'DIB_LVM_BUSY',
    summary: `Cannot deactivate ${quoted(`/dev/mapper/${name}`)}: still in use`,
    detail: 'Another process has the volume open, or something on it is mounted or mapped.',
    help: `See who with \`lsblk /dev/mapper/${name}\` and \`fuser -vm /dev/mapper/${name}\`; then run \`dib destroy\` again.`,
    address: context.address,
  });
}
