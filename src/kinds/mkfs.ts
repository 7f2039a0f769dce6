import type { Command } from '../exec/command.ts';
import type { JsonObject } from '../util/json.ts';
import { attachedDevice, writeDevice } from './attached-device.ts';
import { clearTraces } from './disk-file.ts';
import { type FileExtent, known, type MkfsInputs, type Place } from './disk-inputs.ts';
import { clearExtents, clearRecordedExtents, copyIntoExtents, extentsOf, extentsOfPlace } from './extents.ts';
import { type ActionContext, type Kind, UNKNOWN } from './kind.ts';
import { isExt, type MkfsTarget, mkfsCommand, mkfsRequirements, needsTemporaryFile, SWAP_HEADER_BYTES } from './mkfs-commands.ts';
import { makeEmptyExt, makeExt, withFilledImage } from './mkfs-file.ts';
import { probeFilesystem } from './mkfs-probe.ts';
import { asFarAsReadable } from './probing.ts';
import type { TreeAccess } from './tree-view.ts';
import { fillCommands } from './vfat-fill.ts';

export interface MkfsOutputs extends JsonObject {
  readonly uuid: string;
  readonly label: string;
  readonly type: string;
  /** Bytes. */
  readonly length: number;
  /** Where it lies; absent where only the kernel knows. */
  readonly extents?: readonly FileExtent[] | undefined;
}

/** Makes a file system and fills it from the merged tree, unless tree.root fills it through a mount. */
export function mkfs(access: TreeAccess): Kind {
  return {
    kind: 'mkfs',
    interruptible: true,
    requires: (inputs) => mkfsRequirements(inputs as MkfsInputs),
    commands: (inputs) => plannedCommands(inputs as MkfsInputs),
    needsAttached: (inputs) => (inputs as MkfsInputs).realisation === 'attached',
    needsDetached: (inputs) => (inputs as MkfsInputs).realisation === 'offline',

    probe: (recorded) => asFarAsReadable(() => probeFilesystem(recorded.outputs as MkfsOutputs)),

    async create(inputs, context): Promise<MkfsOutputs> {
      const typed = { ...(inputs as MkfsInputs) };
      known(typed.opts, `options of ${context.address}`);
      const length = known(typed.length, `size of ${typed.device}`);
      const { uuid, label, type } = typed;
      if (typed.realisation === 'attached') {
        await createOnDevice(typed, context, access);
        return { uuid, label, type, length, ...plainExtents(context, typed.device) };
      }
      const place = known<Place>(typed.place ?? UNKNOWN, `place of ${context.address}`);
      const extents = extentsOfPlace(place, (address) => context.outputs(address));
      await createInExtents(typed, extents, context, access);
      return { uuid, label, type, length, extents };
    },

    async destroy(recorded, context) {
      const { extents } = recorded.outputs as Partial<MkfsOutputs>;
      if (extents !== undefined) await clearRecordedExtents(context, extents);
    },
  };
}

/** Of a partition or disk that was attached: where it lies in the file, for probing. */
function plainExtents(context: ActionContext, device: string): { extents?: readonly FileExtent[] } {
  const extents = extentsOf(context.outputs(device));
  return extents === undefined ? {} : { extents };
}

function plannedCommands(planned: MkfsInputs): Command[] {
  const inputs = planned.opts === UNKNOWN ? { ...planned, opts: ['<options>'] } : planned;
  const filled = inputs.fill !== undefined;
  const made = mkfsCommand(inputs, plannedTarget(inputs), filled && isExt(inputs.type) ? '<tree>' : undefined);
  if (inputs.type !== 'vfat' || !filled) return [made];
  const content = { directories: ['<directories>'], files: ['<files>'], stripped: [] };
  return [made, ...fillCommands('<temporary file>', '<tree>', content, inputs.epoch)];
}

function plannedTarget(inputs: MkfsInputs): MkfsTarget {
  if (onDevice(inputs)) return { device: '<device>' };
  const [only, more] = Array.isArray(inputs.place) ? inputs.place : [];
  if (inputs.realisation === 'attached' || needsTemporaryFile(inputs.type) || more !== undefined)
    return { file: '<temporary file>', offset: 0 };
  return { file: only === undefined ? '<disk file>' : shownContainer(only.container), offset: only?.offset ?? UNKNOWN };
}

/** The file of a container as the plan names it. */
function shownContainer(address: string): string {
  const [kind, ...name] = address.split('.');
  return kind === 'local_loop' ? `<work>/${name.join('.')}.raw` : `<${address}>`;
}

/** Made on the device itself, by the kernel's own tool: filled later through a mount, or not at all. */
function onDevice({ realisation, type }: MkfsInputs): boolean {
  return realisation === 'attached' && (type === 'xfs' || type === 'btrfs');
}

async function createOnDevice(inputs: MkfsInputs, context: ActionContext, access: TreeAccess): Promise<void> {
  const device = await attachedDevice(context, inputs.device);
  const machine = await context.machine();
  if (onDevice(inputs)) {
    await machine.run(mkfsCommand(inputs, { device }));
    return;
  }
  const length = inputs.type === 'swap' ? SWAP_HEADER_BYTES : (inputs.length as number);
  await withFilledImage(inputs, context, access, (image) => writeDevice(context, image, device, length));
}

async function createInExtents(
  inputs: MkfsInputs,
  extents: readonly FileExtent[],
  context: ActionContext,
  access: TreeAccess,
): Promise<void> {
  const [only, more] = extents;
  try {
    if (isExt(inputs.type) && only !== undefined && more === undefined) {
      await clearTraces(context, only.file, only.offset, only.length);
      if (inputs.fill === undefined) await makeEmptyExt(inputs, only.file, only.offset, context);
      else await makeExt(inputs, only.file, only.offset, context, access);
      return;
    }
    const limit = inputs.type === 'swap' ? SWAP_HEADER_BYTES : undefined;
    if (limit === undefined) await clearExtents(context, extents);
    else for (const { file, offset, length } of extents) await clearTraces(context, file, offset, length);
    await withFilledImage(inputs, context, access, (image) => copyIntoExtents(image, extents, limit));
  } catch (error) {
    // Where it was the builder's disk that is full, not even the state can be written before there is room again.
    await clearRecordedExtents(context, extents).catch(() => {});
    throw error;
  }
}
