import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { statFile } from './adopt.ts';
import { syncParent } from './disk-file.ts';
import { known, type LocalLoopInputs, type LocalLoopOutputs } from './disk-inputs.ts';
import type { Kind, Paths, Presence, RecordedResource } from './kind.ts';
import { attachLoop, detachLoops, isLoopOf, loopIdentity, loopRequirements } from './loop.ts';

/** Where the disk file of a `local_loop` lies. */
export function diskFile(paths: Paths, name: string): string {
  return join(paths.work, `${name}.raw`);
}

async function createFile(inputs: LocalLoopInputs, paths: Paths): Promise<LocalLoopOutputs> {
  const file = diskFile(paths, inputs.name);
  const size = known(inputs.size, `size of ${inputs.name}`);
  await mkdir(paths.work, { recursive: true });
  const temporary = `${file}.new`;
  const handle = await open(temporary, 'w', 0o600);
  try {
    await handle.truncate(size);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, file);
  await syncParent(file);
  const { dev, ino } = await stat(file);
  return { file, size, sectorSize: inputs.sectorSize, dev, ino };
}

function recordedFile(recorded: RecordedResource, paths: Paths): string {
  const file = recorded.outputs['file'];
  return typeof file === 'string' ? file : diskFile(paths, recorded.name);
}

async function probeFile(recorded: RecordedResource, file: string): Promise<Presence> {
  const outputs = recorded.outputs as LocalLoopOutputs;
  const found = await stat(file, { bigint: true }).catch(() => undefined);
  if (found === undefined) return { state: 'absent' };
  if (!found.isFile()) return { state: 'drifted', reason: `${file} is not a file any more` };
  const now = { size: Number(found.size), ino: Number(found.ino) };
  const changed = changeTime(found);
  const drifted = (reason: string): Presence => ({
    state: 'drifted',
    reason,
    found: { outputs: { ...now, dev: Number(found.dev) }, ...(recorded.stamp !== undefined && { stamp: { changed } }) },
  });
  if (now.size !== outputs.size) return drifted(`${file} has ${now.size} bytes instead of ${outputs.size}`);
  if (now.ino !== outputs.ino) return drifted(`${file} was replaced by another file`);
  if (recorded.stamp !== undefined && recorded.stamp['changed'] !== changed)
    return drifted(`its content was changed at ${changed.slice(0, 19).replace('T', ' ')}Z`);
  return { state: 'present' };
}

/** Time of the last change of the content, UTC, to the nanosecond as the kernel has it. */
function changeTime({ mtimeNs }: { readonly mtimeNs: bigint }): string {
  const date = new Date(Number(mtimeNs / 1_000_000n)).toISOString().slice(0, 19);
  return `${date}.${(mtimeNs % 1_000_000_000n).toString().padStart(9, '0')}Z`;
}

/** A sparse disk file; attached, a loop device on the whole of it. */
export const localLoop: Kind = {
  kind: 'local_loop',
  pool: 'io',
  requires: (inputs) => loopRequirements((inputs as LocalLoopInputs).realisation),
  // The file is made by dib itself; there is no command to show.
  commands: () => [],

  probe: (recorded, paths) => probeFile(recorded, recordedFile(recorded, paths)),

  async adopt(inputs, id) {
    const { sectorSize } = inputs as LocalLoopInputs;
    const { size, dev, ino } = await statFile(id);
    return { inputs: { ...inputs, size }, outputs: { file: id, size, sectorSize, dev, ino } };
  },

  async stamp(recorded) {
    const { file } = recorded.outputs as LocalLoopOutputs;
    return { changed: changeTime(await stat(file, { bigint: true })) };
  },

  create: (inputs, context) => createFile(inputs as LocalLoopInputs, context.paths),

  async destroy(recorded, context) {
    const file = recordedFile(recorded, context.paths);
    await rm(file, { force: true });
    await rm(`${file}.new`, { force: true });
  },

  async attach(recorded, context) {
    const { file, sectorSize } = recorded.outputs as LocalLoopOutputs;
    return attachLoop(context, file, 0, 0, sectorSize);
  },

  async detach(recorded, context) {
    const outputs = recorded.outputs as Partial<LocalLoopOutputs>;
    const identity = loopIdentity(recorded) ?? loopIdentity({ ...recorded, marker: outputs });
    if (identity === undefined) return;
    await detachLoops(context, isLoopOf(recorded, { ...identity, offset: 0, length: 0 }));
  },
};
