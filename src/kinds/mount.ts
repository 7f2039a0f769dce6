import { mkdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { FilesystemType } from '../blockdev/devices.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { DibError } from '../diagnostics/errors.ts';
import { quoted } from '../diagnostics/printable.ts';
import type { JsonObject } from '../util/json.ts';
import { attachedDevice } from './attached-device.ts';
import type { MountInputs } from './disk-inputs.ts';
import type { ActionContext, Kind, Paths, RecordedResource } from './kind.ts';
import { isMounted, kernelKnows, mountCommand, unmount } from './mount-filesystem.ts';

/** Where the finished image is mounted for inspection. */
export function inspectionPoint(paths: Paths, mountPoint: string): string {
  return join(paths.work, 'mnt', mountPoint).replace(/\/$/, '');
}

/**
 * A mounted file system. Creating it does nothing. Attached, it is mounted below `work/mnt` for inspection (`--keep-attached`);
 * its parents in the image are dependencies and so mounted before.
 */
export const mount: Kind = {
  kind: 'mount',
  requires: () => [],
  commands: () => [],
  probe: async () => ({ state: 'present' }),
  create: async (inputs) => ({ mountPoint: (inputs as MountInputs).mountPoint }),
  destroy: async () => {},
  attach: (recorded, context) => attachMount(recorded.inputs as MountInputs, context),
  detach: (recorded, context) => detachMount(recorded, context),
};

async function attachMount(inputs: MountInputs, context: ActionContext): Promise<JsonObject> {
  if (inputs.type === 'swap' || inputs.mountPoint === 'none') return { mounted: false };
  const target = inspectionPoint(context.paths, inputs.mountPoint);
  await context.intend({ target });
  const machine = await context.machine();
  if (await isMounted(machine, target)) return { mounted: true, target };
  const device = await attachedDevice(context, inputs.device);
  await mkdir(target, { recursive: true });
  const options = context.readOnly === true ? [...inputs.options, 'ro'] : inputs.options;
  try {
    await machine.run(mountCommand(inputs.type, options, device, target));
  } catch (error) {
    if (!(error instanceof DibError)) throw error;
    if (!(await kernelKnows(machine, inputs.type))) {
      context.progress(`${inputs.mountPoint} is not mounted: this kernel has no ${inputs.type} driver`);
      return { mounted: false };
    }
    const more = WITHOUT_LOG[inputs.type];
    if (context.readOnly !== true || more === undefined) throw error;
    // Where that fails too, the first failure says why.
    const command = mountCommand(inputs.type, [...options, more], device, target);
    if ((await machine.run({ ...command, okExitCodes: [0, 32] })).exitCode !== 0) throw error;
    context.warn(unreplayedLog(inputs, context));
  }
  return { mounted: true, target };
}

/** Has a file system mounted although its log is still to be replayed, which would write: ext4(5), xfs(5), btrfs(5). */
const WITHOUT_LOG: Partial<Record<FilesystemType, string>> = {
  ext3: 'noload',
  ext4: 'noload',
  xfs: 'norecovery',
  btrfs: 'rescue=nologreplay',
};

function unreplayedLog({ mountPoint }: MountInputs, { address }: ActionContext): Diagnostic {
  return {
    code: 'DIB_MOUNT_LOG',
    severity: 'warning',
    summary: `The file system of ${quoted(mountPoint)} was not unmounted when it was last written to`,
    detail: 'It is shown without what is only in its log: to replay that, something would have to be written.',
    help: 'To have all of it, attach the image with `--read-write`.',
    address,
  };
}

async function detachMount(recorded: RecordedResource, context: ActionContext): Promise<void> {
  const recordedTarget =
    recorded.attachment?.outputs['target'] ?? recorded.attachment?.marker?.['target'] ?? recorded.marker?.['target'];
  const inputs = recorded.inputs as MountInputs;
  const target = typeof recordedTarget === 'string' ? recordedTarget : inspectionPoint(context.paths, inputs.mountPoint);
  await unmount(context, target);
  // The directory of the root file system is ours; those below are part of the image.
  if (inputs.mountPoint === '/') await rmdir(target).catch(() => {});
}
