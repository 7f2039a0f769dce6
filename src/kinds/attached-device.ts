import { basename } from 'node:path';
import { fail } from '../diagnostics/errors.ts';
import { quoted } from '../diagnostics/printable.ts';
import type { ActionMachine } from '../exec/machine.ts';
import { findMapping } from './device-mapper.ts';
import { clearTraces } from './disk-file.ts';
import type { DeviceAttachment, LoopAttachment } from './disk-inputs.ts';
import { extentsOf } from './extents.ts';
import type { ActionContext } from './kind.ts';
import { verifyLoop } from './loop.ts';
import { describeArrayCommand, describedUuid } from './mdadm-commands.ts';

/** Bytes that are read at once; and those that are left out when all of them are zero: also the least chunk of a thin volume (lvmthin(7)). */
const BLOCKS = ['ibs=4M', 'obs=64K'];

/** The device node of an attached dependency, on the machine of the run; only if it is still what was attached. */
export async function attachedDevice(context: ActionContext, address: string): Promise<string> {
  const attachment = context.attachment(address) as DeviceAttachment;
  const { device, dmUuid, mdUuid } = attachment;
  if (typeof attachment['ino'] === 'number') await verifyLoop(context, attachment as LoopAttachment);
  if (typeof dmUuid === 'string') {
    const mapping = await findMapping(await context.machine(), basename(device));
    if (mapping?.uuid !== dmUuid) failForeign(context, address, device, mapping?.uuid);
  }
  if (typeof mdUuid === 'string') {
    const found = describedUuid((await (await context.machine()).run(describeArrayCommand(device))).stdout);
    if (found !== mdUuid) failForeign(context, address, device, found);
  }
  return device;
}

function failForeign(context: ActionContext, address: string, device: string, found: string | undefined): never {
  fail({
    code: 'DIB_DEVICE_FOREIGN',
    summary: `${quoted(device)} is not ${quoted(address, 200)} any more`,
    detail: found === undefined ? 'It is gone.' : `It is ${quoted(found, 200)} instead.`,
    help: 'Something else on this machine changed the device; nothing was written to it. Run `dib destroy`, then `dib apply`.',
    address: context.address,
  });
}

/**
 * Takes away what stands on an attached device, before something is made on it that would not overwrite all of it. What lies in a disk file is cleared
 * there: that costs nothing, and the rest of the device reads as zeroes.
 */
export async function emptyDevice(context: ActionContext, address: string, device: string): Promise<void> {
  const machine = await context.machine();
  const extents = extentsOf(context.outputs(address));
  for (const { file, offset, length } of extents ?? []) await clearTraces(context, file, offset, length);
  await machine.run({ argv: ['blockdev', '--flushbufs', device] });
  if (extents === undefined) await machine.run({ argv: ['wipefs', '--all', '--quiet', device] });
}

/**
 * Writes the first `length` bytes of a file of this machine to an attached device. Zeroes are not written where the device reads as zeroes
 * anyway, so that a thin volume or a sparse file stays thin.
 */
export async function writeDevice(context: ActionContext, file: string, device: string, length: number): Promise<void> {
  const machine = await context.machine();
  const source = await machine.see(file);
  const size = String(length);
  const zero = await clearDevice(machine, device, size);
  const conversion = `conv=notrunc,nocreat,fsync${zero ? ',sparse' : ''}`;
  const amount = [`count=${size}`, 'iflag=count_bytes,fullblock'];
  await machine.run({ argv: ['dd', `if=${source}`, `of=${device}`, ...BLOCKS, conversion, ...amount, 'status=none'] });
}

/** Makes the start of a device read as zeroes where that costs no writing, and tells whether it does. */
async function clearDevice(machine: ActionMachine, device: string, size: string): Promise<boolean> {
  const succeeds = async (argv: string[]) => (await machine.run({ argv, okExitCodes: [0, 1] })).exitCode === 0;
  if (await succeeds(['fallocate', '--punch-hole', '--offset', '0', '--length', size, device])) return true;
  if (!device.startsWith('/dev/mapper/')) return false;
  // A thin volume gives discarded blocks back to its pool and reads zeroes there, which other devices do not promise.
  const { stdout } = await machine.run({ argv: ['dmsetup', 'table', '--target', 'thin', device] });
  return stdout.trim() !== '' && (await succeeds(['blkdiscard', '--force', '--length', size, device]));
}
