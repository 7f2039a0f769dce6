import type { DeviceAttachment, LoopAttachment } from './disk-inputs.ts';
import type { ActionContext } from './kind.ts';
import { verifyLoop } from './loop.ts';

/** Bytes that are copied at once. */
const BLOCK = '4M';

/** The device node of an attached dependency, on the machine of the run; a loop device only if it still shows our file. */
export async function attachedDevice(context: ActionContext, address: string): Promise<string> {
  const attachment = context.attachment(address) as DeviceAttachment;
  if (typeof attachment['ino'] === 'number') await verifyLoop(context, attachment as LoopAttachment);
  return attachment.device;
}

/**
 * Writes the first `length` bytes of a file of this machine to an attached device. Zeroes are not written where the device reads as zeroes
 * anyway, so that a thin volume or a sparse file stays thin.
 */
export async function writeDevice(context: ActionContext, file: string, device: string, length: number): Promise<void> {
  const machine = await context.machine();
  const source = await machine.see(file);
  const size = String(length);
  const punch = ['fallocate', '--punch-hole', '--offset', '0', '--length', size, device];
  const punched = (await machine.run({ argv: punch, okExitCodes: [0, 1] })).exitCode === 0;
  const compare = ['cmp', '--silent', `--bytes=${size}`, device, '/dev/zero'];
  const zero = punched || (await machine.run({ argv: compare, okExitCodes: [0, 1] })).exitCode === 0;
  const conversion = `conv=notrunc,nocreat,fsync${zero ? ',sparse' : ''}`;
  const amount = [`count=${size}`, 'iflag=count_bytes,fullblock'];
  await machine.run({ argv: ['dd', `if=${source}`, `of=${device}`, `bs=${BLOCK}`, conversion, ...amount, 'status=none'] });
}
