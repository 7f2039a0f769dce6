import { randomBytes } from 'node:crypto';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { fail } from '../diagnostics/errors.ts';
import { quotedPath } from '../diagnostics/printable.ts';
import type { JsonObject } from '../util/json.ts';
import { changeKeyCommand, encryptFileCommand, PASSING_KEY_BYTES, REDUCE_BYTES } from './cryptsetup-commands.ts';
import { statOrUndefined, syncParent } from './disk-file.ts';
import type { DeviceOutputs, EncryptInputs, FileExtent, LuksHeader } from './disk-inputs.ts';
import { clearExtents, clearRecordedExtents, copyIntoExtents, extentsOf } from './extents.ts';
import type { ActionContext, Kind } from './kind.ts';
import { probeHeader } from './luks.ts';
import { cipherFile, isSealed, plainFile } from './luks-file.ts';
import type { KeyAccess } from './secret-keys.ts';

interface EncryptOutputs extends JsonObject {
  /** What destroy clears: the container. */
  readonly container: readonly FileExtent[];
  /** The content's file, now empty. */
  readonly plain: string;
}

/**
 * Offline: encrypts what was written into a container and puts it into the device that holds it. cryptsetup does it in the content's file
 * itself, which is faster than a copy and leaves nothing in clear.
 */
export function encrypt({ secrets }: KeyAccess): Kind {
  return {
    kind: 'encrypt',
    interruptible: true,
    pool: 'io',
    requires: () => [
      { need: 'tool', name: 'cryptsetup', package: 'cryptsetup-bin', why: 'encrypts the content of LUKS containers' },
      { need: 'tool', name: 'fallocate', package: 'util-linux', why: 'clears parts of the disk file' },
    ],
    commands(inputs) {
      const { header } = inputs as EncryptInputs;
      return [encryptFileCommand(header, '<content>'), changeKeyCommand(header, '<content>')];
    },
    needsDetached: () => true,

    async probe(recorded) {
      const { container, plain } = recorded.outputs as EncryptOutputs;
      // The container is looked at by the probe of luks.NAME: if it is gone, all of its content must be made anew.
      if ((await isSealed(container)) || ((await statOrUndefined(plain))?.size ?? 0) === 0) return { state: 'present' };
      return { state: 'drifted', reason: `the content in ${plain} is not encrypted yet` };
    },

    async create(inputs, context): Promise<EncryptOutputs> {
      const { luks, device, header } = inputs as EncryptInputs;
      const name = luks.slice('luks.'.length);
      const container = extentsOf(context.outputs(device));
      if (container === undefined) throw new Error(`${device} is no file`);
      const { size } = context.outputs(luks) as DeviceOutputs;
      const plain = plainFile(context.paths, name);
      // A run that was killed between its last step here and the record of it has done all.
      if (
        (await isSealed([{ file: plain, offset: 0, length: size }])) &&
        (await probeHeader(container, header.uuid)).state === 'present'
      )
        return { container, plain };
      const key = await secrets.key(name);
      const cipher = cipherFile(context.paths, name);
      try {
        await encryptContent({ name, size, header, cipher }, key, context);
        await clearExtents(context, container);
        await copyIntoExtents(
          cipher,
          container,
          container.reduce((sum, { length }) => sum + length, 0),
        );
      } finally {
        await rm(cipher, { force: true });
      }
      await (await open(plain, 'w', 0o600)).close();
      await syncParent(plain);
      return { container, plain };
    },

    async destroy(recorded, context) {
      const { container } = recorded.outputs as Partial<EncryptOutputs>;
      await rm(cipherFile(context.paths, recorded.name), { force: true });
      if (container !== undefined) await clearRecordedExtents(context, container);
    },
  };
}

interface Content {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  readonly header: LuksHeader;
  readonly cipher: string;
}

async function encryptContent({ name, size, header, cipher }: Content, key: Uint8Array, context: ActionContext): Promise<void> {
  const plain = plainFile(context.paths, name);
  if ((await statOrUndefined(plain))?.size !== size) {
    fail({
      code: 'DIB_LUKS_CONTENT_MISSING',
      summary: `The content of the LUKS container is not in ${quotedPath(plain)}`,
      detail: 'It is encrypted already, or something else removed it.',
      help: `Make the container anew: \`dib apply --replace luks.${name}\`.`,
      address: context.address,
    });
  }
  // From here on it is no content any more: if this is interrupted, the next plan finds none and makes it anew.
  await rename(plain, cipher);
  await syncParent(cipher);
  const handle = await open(cipher, 'r+');
  const length = size + REDUCE_BYTES;
  await handle.truncate(length).finally(() => handle.close());
  await reserve(cipher, length, context);
  // cryptsetup keeps the header in a file of its working directory meanwhile.
  await mkdir(context.paths.scratch, { recursive: true });
  const passing = randomBytes(PASSING_KEY_BYTES);
  await context.run({ ...encryptFileCommand(header, cipher), input: passing, cwd: context.paths.scratch });
  await context.run({ ...changeKeyCommand(header, cipher), input: Buffer.concat([passing, key]) });
}

/**
 * Every byte of the file will be written. cryptsetup does not say why it cannot write, so the room is taken before it starts. Where the file system
 * cannot promise room (fallocate(2)), it is left to chance.
 */
async function reserve(file: string, length: number, context: ActionContext): Promise<void> {
  const { exitCode, stderr } = await context.run({
    argv: ['fallocate', '--length', String(length), file],
    okExitCodes: [0, 1],
  });
  if (exitCode === 0 || !/No space left|quota/i.test(stderr)) return;
  fail({
    code: 'DIB_DISK_FULL',
    summary: `No space is left on this machine, where the LUKS container is encrypted: ${quotedPath(context.paths.work)}`,
    detail: `All of it is written, in ${length} bytes; afterwards these are free again.`,
    help: 'Make room, or keep state and work files elsewhere with `--state-dir`; then run `dib apply` again.',
    address: context.address,
  });
}
