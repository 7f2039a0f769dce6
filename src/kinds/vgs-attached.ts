import { setTimeout as sleep } from 'node:timers/promises';
import { fail } from '../diagnostics/errors.ts';
import { quoted } from '../diagnostics/printable.ts';
import type { ActionMachine } from '../exec/machine.ts';
import type { JsonObject } from '../util/json.ts';
import { attachedDevice } from './attached-device.ts';
import { listMappings, type Mapping, standsOn, volumeMapping } from './device-mapper.ts';
import type { VgsInputs } from './disk-inputs.ts';
import type { ActionContext, RecordedResource } from './kind.ts';
import {
  createGroupCommand,
  deactivateGroupCommand,
  type FoundGroup,
  LIST_OWN_GROUPS,
  listGroupsCommand,
  parseGroups,
  removeGroupCommand,
  renameGroupCommand,
} from './lvm-commands.ts';
import { privateName } from './private-name.ts';

/** What attaching `vgs.NAME` gives: where its volumes are activated. */
export interface GroupAttachment extends JsonObject {
  /** Name that the group has while it is attached. */
  readonly group: string;
  /** Name that it has in the image. */
  readonly finalName: string;
  /** Device nodes of its physical volumes. */
  readonly devices: readonly string[];
}

const TRIES = 20;
const PAUSE_MS = 250;

/** Makes the group; gives the UUID that LVM chose. */
export async function createGroup(inputs: VgsInputs, context: ActionContext): Promise<string> {
  const machine = await context.machine();
  const devices = await groupDevices(inputs, context);
  const name = machine.shared ? privateName(context.paths, context.address) : inputs.name;
  // Left by an interrupted try, under whatever name.
  for (const left of await groupsOn(machine, devices)) {
    if (machine.shared) await refuseCopy(machine, { found: left, wanted: name, devices }, context);
    await machine.run(removeGroupCommand(devices, left.id));
  }
  await machine.run(createGroupCommand(inputs, name, devices));
  const found = (await groupsOn(machine, devices)).find((group) => group.name === name);
  if (found === undefined) throw new Error(`vgcreate made no group ${name}`);
  if (machine.shared) await machine.run(renameGroupCommand(devices, found.id, inputs.name));
  return found.id;
}

/**
 * Gives the group its private name on a machine that has groups of others, so that neither names nor device nodes can be confused. One that is only
 * looked at keeps its name, because a new one would have to be written: refused where this machine knows a group of that name.
 */
export async function attachGroup(recorded: RecordedResource, id: string, context: ActionContext): Promise<GroupAttachment> {
  const inputs = recorded.inputs as VgsInputs;
  const machine = await context.machine();
  const devices = await groupDevices(inputs, context);
  const finalName = inputs.name;
  const mine = machine.shared ? privateName(context.paths, context.address) : finalName;
  const found = (await groupsOn(machine, devices)).find((group) => group.id === id);
  if (found === undefined) failMissing(context, finalName);
  const group = context.readOnly === true ? found.name : mine;
  if (machine.shared) {
    await refuseCopy(machine, { found, wanted: group, devices }, context);
    if (group !== mine) await refuseKnownName(machine, { name: group, id }, context);
  }
  // Not before: what is refused is not ours to detach.
  await context.intend({ group, finalName, devices });
  if (found.name !== group) await machine.run(renameGroupCommand(devices, id, group));
  return { group, finalName, devices };
}

/** Deactivates what is active in the group and gives it the name that it has in the image. */
export async function detachGroup(recorded: RecordedResource, context: ActionContext): Promise<void> {
  const { attachment } = recorded;
  const place = { ...attachment?.marker, ...attachment?.outputs } as Partial<GroupAttachment>;
  const { group, finalName, devices } = place;
  if (group === undefined || finalName === undefined || devices === undefined) return;
  const machine = await context.machine();
  const found = (await groupsOn(machine, devices)).find(({ name }) => name === group || name === finalName);
  if (found === undefined) return;
  if (machine.shared && group !== finalName) {
    if ((await copiesOf(machine, { found, wanted: group, devices })).length > 0 && found.name === finalName) return;
    await refuseCopy(machine, { found, wanted: group, devices }, context);
  }
  await deactivate(machine, { group: found.name, devices }, context);
  if (found.name === finalName || attachment?.readOnly === true) return;
  await machine.run(renameGroupCommand(devices, found.id, finalName));
}

async function groupDevices({ pvs }: VgsInputs, context: ActionContext): Promise<string[]> {
  const devices: string[] = [];
  for (const { device } of pvs) devices.push(await attachedDevice(context, device));
  return devices;
}

/** Groups on these devices; nothing else is looked at. */
async function groupsOn(machine: ActionMachine, devices: readonly string[]): Promise<FoundGroup[]> {
  return parseGroups((await machine.run(listGroupsCommand(devices))).stdout);
}

async function deactivate(
  machine: ActionMachine,
  place: { readonly group: string; readonly devices: readonly string[] },
  context: ActionContext,
): Promise<void> {
  for (let tries = 1; ; tries++) {
    const { exitCode } = await machine.run({ ...deactivateGroupCommand(place), okExitCodes: [0, 5] });
    if (exitCode === 0) return;
    if (tries === TRIES) failBusy(context, place.group);
    await sleep(PAUSE_MS);
  }
}

/** A group that was found on our devices, and the name that it has while it is attached. */
interface OwnGroup {
  readonly found: FoundGroup;
  readonly wanted: string;
  readonly devices: readonly string[];
}

/**
 * LVM knows active volumes by their UUIDs: it would take those of another copy of the group for ours, and rename, deactivate or remove them. What is
 * active on our own devices under another name (udev was quicker) is deactivated.
 */
async function refuseCopy(machine: ActionMachine, own: OwnGroup, context: ActionContext): Promise<void> {
  const [foreign] = await copiesOf(machine, own);
  if (foreign === undefined) {
    if ((await othersOf(machine, own)).length > 0)
      await deactivate(machine, { group: own.found.name, devices: own.devices }, context);
    return;
  }
  fail({
    code: 'DIB_LVM_ID_IN_USE',
    summary: `Another copy of this volume group is active on this machine: ${quoted(`/dev/mapper/${foreign.name}`)}`,
    detail: 'Both have the same UUIDs, so LVM would take one for the other. Nothing was changed.',
    help: 'Deactivate the other one, or let a virtual machine do it: `--worker vm`.',
    address: context.address,
  });
}

/** Active volumes of the group that are not on our devices. */
async function copiesOf(machine: ActionMachine, own: OwnGroup): Promise<Mapping[]> {
  const copies: Mapping[] = [];
  for (const other of await othersOf(machine, own)) if (!(await standsOn(machine, other, own.devices))) copies.push(other);
  return copies;
}

/** Active volumes of the group, wherever, that do not have the name that ours have while it is attached. */
async function othersOf(machine: ActionMachine, { found, wanted }: OwnGroup): Promise<Mapping[]> {
  const prefix = volumeMapping(wanted, '');
  return (await listMappings(machine)).filter(({ name, uuid }) => uuid.startsWith(`LVM-${found.id}`) && !name.startsWith(prefix));
}

async function refuseKnownName(machine: ActionMachine, { name, id }: FoundGroup, context: ActionContext): Promise<void> {
  const groups = parseGroups((await machine.run(LIST_OWN_GROUPS)).stdout);
  const known = groups.some((group) => group.name === name && group.id !== id);
  const prefix = volumeMapping(name, '');
  const active = (await listMappings(machine)).some(
    (mapping) => mapping.uuid.startsWith('LVM-') && mapping.name.startsWith(prefix),
  );
  if (!known && !active) return;
  fail({
    code: 'DIB_LVM_NAME_IN_USE',
    summary: `This machine has a volume group of the same name: ${quoted(name)}`,
    detail: 'The image is attached for looking only, so its group cannot be given another name. Nothing was changed.',
    help: 'Attach it with `--read-write`: then the group has a name of its own as long as it is attached.',
    address: context.address,
  });
}

function failMissing(context: ActionContext, name: string): never {
  fail({
    code: 'DIB_LVM_GROUP_MISSING',
    summary: `The volume group ${quoted(name)} is not on its devices any more`,
    detail: 'Something else removed it or made another one.',
    help: `Make it anew: \`dib apply --replace ${context.address}\`.`,
    address: context.address,
  });
}

function failBusy(context: ActionContext, group: string): never {
  fail({
    code: 'DIB_LVM_BUSY',
    summary: `Cannot deactivate the volume group ${quoted(group)}: a volume of it is still in use`,
    detail: 'Another process has a volume open, or something on it is mounted or mapped.',
    help: 'See who with `lsblk` and `fuser -vm /dev/mapper/...`; then run `dib destroy` again.',
    address: context.address,
  });
}
