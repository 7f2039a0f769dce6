import { setTimeout as sleep } from 'node:timers/promises';
import type { FilesystemType } from '../blockdev/devices.ts';
import { DibError, fail } from '../diagnostics/errors.ts';
import { quotedPath } from '../diagnostics/printable.ts';
import type { Command, Runner } from '../exec/command.ts';
import type { ActionContext } from './kind.ts';

const UMOUNT_TRIES = 20;
const UMOUNT_PAUSE_MS = 250;

/** The command that mounts a file system of the image. */
export function mountCommand(type: FilesystemType, options: readonly string[], device: string, target: string): Command {
  const given = options.length === 0 ? [] : ['-o', options.join(',')];
  return { argv: ['mount', '--no-mtab', '-t', type, ...given, device, target] };
}

/** Whether something is mounted at a directory: mountpoint(1). */
export async function isMounted(runner: Runner, target: string): Promise<boolean> {
  return (await runner.run({ argv: ['mountpoint', '--quiet', target], okExitCodes: [0, 1, 32] })).exitCode === 0;
}

/** Whether a kernel can mount a file system type, possibly after loading its module: asked after mount failed. */
export async function kernelKnows(runner: Runner, type: string): Promise<boolean> {
  const { stdout } = await runner.run({ argv: ['cat', '/proc/filesystems'] });
  return stdout.split('\n').some((line) => line.split('\t')[1] === type);
}

/** Unmounts what is mounted at `target`, trying for some seconds while it is busy. Nothing mounted there is success. */
export async function unmount(context: ActionContext, target: string): Promise<void> {
  const machine = await context.machine();
  for (let tries = 0; await isMounted(machine, target); tries++) {
    if (tries === UMOUNT_TRIES) failBusy(context, target);
    if (tries > 0) await sleep(UMOUNT_PAUSE_MS);
    await machine.run({ argv: ['umount', '--no-mtab', target], okExitCodes: [0, 1, 32] });
  }
}

function failBusy(context: ActionContext, target: string): never {
  fail({
    code: 'DIB_MOUNT_BUSY',
    summary: `Cannot unmount ${quotedPath(target)}: still in use`,
    detail: 'A process has a file or its working directory there, or something else is mounted below it.',
    help: `See who with \`fuser -vm ${target}\`; then run \`dib destroy\` again.`,
    address: context.address,
  });
}

/** Writes everything to the device, and gives back unused blocks so that the disk file stays sparse. */
export async function settle(runner: Runner, target: string): Promise<void> {
  await runner.run({ argv: ['sync', '--file-system', target] });
  try {
    // Best effort: not every file system and loop device can discard, and the image is right without it.
    await runner.run({ argv: ['fstrim', target], okExitCodes: [0, 1, 32] });
  } catch (error) {
    if (!(error instanceof DibError) || !error.diagnostics.some((each) => each.code === 'DIB_EXEC_NOT_FOUND')) throw error;
  }
}
