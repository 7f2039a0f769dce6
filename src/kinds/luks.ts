import { mkdir, open, rename, rm } from 'node:fs/promises';
import { readSignatures } from '../blockdev/signatures.ts';
import { luksFormatCommand } from './cryptsetup-commands.ts';
import { statOrUndefined, syncParent } from './disk-file.ts';
import { type DeviceOutputs, type FileExtent, known, type LuksInputs } from './disk-inputs.ts';
import { clearRecordedExtents, extentsOf, readFromExtents } from './extents.ts';
import type { ActionContext, Kind, Paths, Presence, RecordedResource } from './kind.ts';
import { closeLuks, formatLuks, luksRequirements, openLuks } from './luks-attached.ts';
import { isSealed, plainFile } from './luks-file.ts';
import type { KeyAccess } from './secret-keys.ts';

/** Outputs of `luks.NAME`. */
export interface LuksOutputs extends DeviceOutputs {
  /** Where the container itself lies; absent where only the kernel knows. */
  readonly container?: readonly FileExtent[] | undefined;
}

/** A LUKS2 container. Offline, a file for its content, which encrypt.NAME turns into the container. Attached, a container on a device. */
export function luks({ secrets }: KeyAccess): Kind {
  return {
    kind: 'luks',
    requires: (inputs) => ((inputs as LuksInputs).realisation === 'offline' ? [] : luksRequirements()),
    commands(inputs) {
      const container = inputs as LuksInputs;
      return container.realisation === 'offline' ? [] : [luksFormatCommand(container, `<${container.device}>`)];
    },
    needsAttached: (inputs) => (inputs as LuksInputs).realisation === 'attached',
    probe: (recorded) => probeLuks(recorded),

    create(inputs, context) {
      const container = inputs as LuksInputs;
      return container.realisation === 'offline' ? createPlain(container, context) : formatLuks(container, secrets, context);
    },

    async destroy(recorded, context) {
      const file = plainFile(context.paths, recorded.name);
      for (const each of [file, `${file}.new`]) await rm(each, { force: true });
      const { container } = recorded.outputs as Partial<LuksOutputs>;
      // Offline, the container is what encrypt.NAME wrote.
      if ((recorded.inputs as LuksInputs).realisation === 'attached') await clearRecordedExtents(context, container ?? []);
    },

    attach: (recorded, context) => openLuks(recorded, secrets, context),
    detach: (recorded, context) => closeLuks(recorded, context),
  };
}

async function createPlain(inputs: LuksInputs, context: ActionContext): Promise<LuksOutputs> {
  const size = known(inputs.size, `size of ${context.address}`);
  const file = plainFile(context.paths, inputs.name);
  await makeSparse(file, size, context.paths);
  const container = extentsOf(context.outputs(inputs.device));
  return { size, sectorSize: inputs.sectorSize, extents: [{ file, offset: 0, length: size }], container };
}

/** A file of zeroes that only its owner can read. */
async function makeSparse(file: string, size: number, paths: Paths): Promise<void> {
  await mkdir(paths.work, { recursive: true });
  const handle = await open(`${file}.new`, 'w', 0o600);
  try {
    await handle.truncate(size);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(`${file}.new`, file);
  await syncParent(file);
}

async function probeLuks(recorded: RecordedResource): Promise<Presence> {
  const { extents, container } = recorded.outputs as LuksOutputs;
  const inputs = recorded.inputs as LuksInputs;
  const [plain] = extents ?? [];
  if (plain !== undefined && !(await isSealed([plain]))) {
    const found = await statOrUndefined(plain.file);
    if (found === undefined) return { state: 'absent' };
    if (found.size === plain.length) return { state: 'present' };
    return { state: 'drifted', reason: `${plain.file} has ${found.size} bytes instead of ${plain.length}` };
  }
  return container === undefined || (await isSealed(container))
    ? { state: 'present' }
    : await probeHeader(container, inputs.uuid);
}

/** Whether a container with this UUID lies there. */
export async function probeHeader(container: readonly FileExtent[], uuid: string): Promise<Presence> {
  for (const { file } of container) if ((await statOrUndefined(file)) === undefined) return { state: 'absent' };
  const size = container.reduce((sum, { length }) => sum + length, 0);
  const signatures = await readSignatures((offset, length) => readFromExtents(container, offset, length), size);
  const header = signatures.find(({ type }) => type === 'crypto_LUKS');
  const where = container[0]?.file ?? '';
  if (header === undefined) return { state: 'drifted', reason: `there is no LUKS container in ${where} any more` };
  if (header.uuid !== uuid) return { state: 'drifted', reason: `the LUKS container in ${where} has the UUID ${header.uuid}` };
  return { state: 'present' };
}
