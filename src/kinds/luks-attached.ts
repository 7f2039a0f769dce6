import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fail } from '../diagnostics/errors.ts';
import { quoted } from '../diagnostics/printable.ts';
import type { CommandResult } from '../exec/command.ts';
import type { ActionMachine } from '../exec/machine.ts';
import { attachedDevice, emptyDevice } from './attached-device.ts';
import { luksCloseCommand, luksFormatCommand, luksOpenCommand } from './cryptsetup-commands.ts';
import { findMapping } from './device-mapper.ts';
import { type DeviceAttachment, known, type LuksHeader, type LuksInputs } from './disk-inputs.ts';
import { extentsOf } from './extents.ts';
import type { ActionContext, RecordedResource, Requirement } from './kind.ts';
import type { LuksOutputs } from './luks.ts';
import { privateName } from './private-name.ts';
import type { SecretKeys } from './secret-keys.ts';

/** What attaching `luks.NAME` gives. */
interface LuksAttachment extends DeviceAttachment {
  readonly dmUuid: string;
}

/** Exit statuses of cryptsetup(8). */
const WRONG_KEY = 2;
export const NO_MEMORY = 3;
const NOT_ACTIVE = 4;
const BUSY = 5;

const TRIES = 20;
const PAUSE_MS = 250;

/** What opening a container needs of the machine. */
export function luksRequirements(): readonly Requirement[] {
  return [
    { need: 'kernel', name: 'dm_crypt', why: 'the kernel decrypts LUKS containers' },
    { need: 'tool', name: 'cryptsetup', package: 'cryptsetup-bin', why: 'makes and opens LUKS containers' },
    { need: 'tool', name: 'dmsetup', package: 'dmsetup', why: 'tells whose a mapped device is' },
  ];
}

/** Makes an empty container on an attached device. */
export async function formatLuks(inputs: LuksInputs, secrets: SecretKeys, context: ActionContext): Promise<LuksOutputs> {
  const machine = await context.machine();
  const device = await attachedDevice(context, inputs.device);
  const key = await secrets.key(inputs.name);
  await emptyDevice(context, inputs.device, device);
  const command = { ...luksFormatCommand(inputs, device), input: key, okExitCodes: [0, NO_MEMORY] };
  refuseMemory(await machine.run(command), machine, inputs, context);
  const size = known(inputs.size, `size of ${context.address}`);
  return { size, sectorSize: inputs.sectorSize, container: extentsOf(context.outputs(inputs.device)) };
}

/** Opens the container under a name that nobody else has. */
export async function openLuks(recorded: RecordedResource, secrets: SecretKeys, context: ActionContext): Promise<LuksAttachment> {
  const inputs = recorded.inputs as LuksInputs;
  const machine = await context.machine();
  const mapper = privateName(context.paths, context.address);
  const attachment = { device: `/dev/mapper/${mapper}`, dmUuid: mappingUuid(inputs.uuid, mapper) };
  await context.intend({ ...attachment });
  if ((await findMapping(machine, mapper))?.uuid === attachment.dmUuid) return attachment;
  const device = await attachedDevice(context, inputs.device);
  const key = await secrets.key(inputs.name);
  const command = { ...luksOpenCommand(device, mapper, context.readOnly), input: key };
  const result = await machine.run({ ...command, okExitCodes: [0, WRONG_KEY, NO_MEMORY] });
  if (result.exitCode === WRONG_KEY) failKey(context, inputs);
  refuseMemory(result, machine, inputs, context);
  return attachment;
}

/** As cryptsetup names its mappings (lib/libdevmapper.c). */
function mappingUuid(uuid: string, mapper: string): string {
  return `CRYPT-LUKS2-${uuid.replaceAll('-', '')}-${mapper}`;
}

export async function closeLuks(recorded: RecordedResource, context: ActionContext): Promise<void> {
  const { attachment } = recorded;
  const { device, dmUuid } = { ...attachment?.marker, ...attachment?.outputs } as Partial<LuksAttachment>;
  if (device === undefined) return;
  const machine = await context.machine();
  const mapper = basename(device);
  for (let tries = 1; ; tries++) {
    const mapping = await findMapping(machine, mapper);
    if (mapping === undefined || mapping.uuid !== dmUuid) return;
    await machine.run({ ...luksCloseCommand(mapper), okExitCodes: [0, NOT_ACTIVE, BUSY] });
    if (tries === TRIES) failBusy(context, device);
    if (tries > 1) await sleep(PAUSE_MS);
  }
}

function failKey(context: ActionContext, { key }: LuksInputs): never {
  const given = { file: 'in the key file', env: 'in the environment variable', prompt: 'that was typed' }[key.from];
  fail({
    code: 'DIB_LUKS_KEY_WRONG',
    summary: `The key ${given} does not open ${quoted(context.address)}`,
    detail: 'The container was made with another one.',
    help: `Give that one, or make the container anew: \`dib apply --replace ${context.address}\`.`,
    address: context.address,
  });
}

/** `machine`: where the key was derived. */
export function refuseMemory(
  { exitCode }: CommandResult,
  machine: Pick<ActionMachine, 'shared'>,
  inputs: LuksHeader,
  context: ActionContext,
): void {
  if (exitCode !== NO_MEMORY) return;
  const where = machine.shared ? 'this machine' : 'the virtual machine';
  fail({
    code: 'DIB_LUKS_MEMORY',
    summary: `The key derivation of ${quoted(context.address)} needs ${inputs.pbkdfMemory} KiB of memory, which ${where} does not have free`,
    help: machine.shared
      ? 'Give the container a smaller `pbkdf_memory`.'
      : 'Give the virtual machine more with the environment variable `DIB_VM_MEMORY`, such as `2GiB`, or the container a smaller `pbkdf_memory`.',
    address: context.address,
  });
}

function failBusy(context: ActionContext, device: string): never {
  fail({
    code: 'DIB_LUKS_BUSY',
    summary: `Cannot close ${quoted(device)}: still in use`,
    detail: 'Another process has the container open, or something on it is mounted or mapped.',
    help: `See who with \`lsblk ${device}\` and \`fuser -vm ${device}\`; then run \`dib destroy\` again.`,
    address: context.address,
  });
}
