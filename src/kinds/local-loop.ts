import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { statOrUndefined, syncParent } from './disk-file.ts';
import { known, type LocalLoopInputs, type LocalLoopOutputs } from './disk-inputs.ts';
import type { Kind, Paths, RecordedResource } from './kind.ts';
import { attachLoop, backs, detachLoops, loopIdentity, loopRequirements } from './loop.ts';

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

/** A sparse disk file; attached, a loop device on the whole of it. */
export const localLoop: Kind = {
  kind: 'local_loop',
  pool: 'io',
  requires: (inputs) => loopRequirements((inputs as LocalLoopInputs).realisation),
  // The file is made by dib itself; there is no command to show.
  commands: () => [],

  async probe(recorded, paths) {
    const outputs = recorded.outputs as LocalLoopOutputs;
    const found = await statOrUndefined(recordedFile(recorded, paths));
    if (found === undefined) return { state: 'absent' };
    if (!found.isFile()) return { state: 'drifted', reason: `${outputs.file} is not a file any more` };
    if (found.size !== outputs.size) {
      return { state: 'drifted', reason: `${outputs.file} has ${found.size} bytes instead of ${outputs.size}` };
    }
    if (found.ino !== outputs.ino) return { state: 'drifted', reason: `${outputs.file} was replaced by another file` };
    return { state: 'present' };
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

  /** Takes away every loop device on the file, slices too: nothing may keep it alive after its removal. */
  async detach(recorded, context) {
    const outputs = recorded.outputs as Partial<LocalLoopOutputs>;
    const identity = loopIdentity(recorded) ?? loopIdentity({ ...recorded, marker: outputs });
    if (identity === undefined) return;
    await detachLoops(context, (loop) => backs(loop, identity));
  },
};
