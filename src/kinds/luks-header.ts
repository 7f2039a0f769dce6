import { randomBytes } from 'node:crypto';
import { mkdir, open, rm } from 'node:fs/promises';
import { keyPipeCommand, LUKS_HEADER_BYTES, luksFormatFileCommand } from './cryptsetup-commands.ts';
import type { DeviceOutputs, LuksHeader, LuksHeaderInputs } from './disk-inputs.ts';
import type { ActionContext, Kind } from './kind.ts';
import { NO_MEMORY, refuseMemory } from './luks-attached.ts';
import { headerFile } from './luks-file.ts';
import type { KeyAccess } from './secret-keys.ts';

/**
 * What containers are encrypted with, by their names: from the making of the header until the content is encrypted, and only in memory. Where it is not
 * there any more, because a run was interrupted between the two, the header is made anew.
 */
export type VolumeKeys = Map<string, Uint8Array>;

/**
 * Offline: the header of a container, in a file of its own. cryptsetup takes seconds to derive the key that opens it, so this is done while others
 * write the content.
 */
export function luksHeader({ secrets }: KeyAccess, volumeKeys: VolumeKeys): Kind {
  return {
    kind: 'luks_header',
    interruptible: true,
    requires: () => [
      { need: 'tool', name: 'cryptsetup', package: 'cryptsetup-bin', why: 'makes the header of LUKS containers' },
      { need: 'tool', name: 'mkfifo', package: 'coreutils', why: 'hands cryptsetup the key of the content' },
    ],
    commands(inputs) {
      const { header } = inputs as LuksHeaderInputs;
      return [keyPipeCommand('<volume key>'), luksFormatFileCommand(header, '<header>', '<volume key>')];
    },
    // The header is good for one container, and encrypt.NAME makes it where it is not there.
    probe: async () => ({ state: 'present' }),

    async create(inputs, context) {
      const { luks, header } = inputs as LuksHeaderInputs;
      const name = luks.slice('luks.'.length);
      const { size } = context.outputs(luks) as DeviceOutputs;
      volumeKeys.set(name, await makeHeader({ name, header, size }, await secrets.key(name), context));
      return {};
    },

    async destroy(recorded, context) {
      const file = headerFile(context.paths, recorded.name);
      for (const path of [file, pipeBeside(file)]) await rm(path, { force: true });
    },
  };
}

function pipeBeside(file: string): string {
  return `${file}.volume-key`;
}

/** A container to be. */
export interface Container {
  readonly name: string;
  readonly header: LuksHeader;
  /** Bytes of its content. */
  readonly size: number;
}

/**
 * Makes an empty container in a sparse file: see headerFile. Gives its volume key, which is ours: cryptsetup reads it from a pipe, so that it never stands
 * on a disk.
 */
export async function makeHeader(
  { name, header, size }: Container,
  key: Uint8Array,
  context: ActionContext,
): Promise<Uint8Array> {
  const file = headerFile(context.paths, name);
  const pipe = pipeBeside(file);
  const volumeKey = randomBytes(header.keySize / 8);
  await mkdir(context.paths.work, { recursive: true });
  for (const path of [file, pipe]) await rm(path, { force: true });
  const handle = await open(file, 'wx', 0o600);
  // cryptsetup warns of a container without room for content.
  await handle.truncate(LUKS_HEADER_BYTES + size).finally(() => handle.close());
  try {
    await context.run(keyPipeCommand(pipe));
    // Open for both, it waits for nobody, and holds what was written until it is closed (fifo(7)).
    const writer = await open(pipe, 'r+');
    try {
      await writer.write(volumeKey);
      const command = { ...luksFormatFileCommand(header, file, pipe), input: key, okExitCodes: [0, NO_MEMORY] };
      refuseMemory(await context.run(command), { shared: true }, header, context);
    } finally {
      await writer.close();
    }
  } finally {
    await rm(pipe, { force: true });
  }
  return volumeKey;
}
