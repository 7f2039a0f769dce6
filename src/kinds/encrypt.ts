import { open, rm } from 'node:fs/promises';
import { fail } from '../diagnostics/errors.ts';
import { quotedPath } from '../diagnostics/printable.ts';
import type { JsonObject } from '../util/json.ts';
import { statOrUndefined, syncParent } from './disk-file.ts';
import type { ContainerContent, DeviceOutputs, EncryptInputs, FileExtent } from './disk-inputs.ts';
import { freeBlocksCommand } from './ext-free.ts';
import { clearRecordedExtents, extentsOf } from './extents.ts';
import type { ActionContext, Kind, Requirement } from './kind.ts';
import { probeHeader } from './luks.ts';
import { headerFile, isSealed, plainFile } from './luks-file.ts';
import { makeHeader, type VolumeKeys } from './luks-header.ts';
import { usedRanges } from './luks-used.ts';
import { writeContainer } from './luks-write.ts';
import { isExt } from './mkfs-commands.ts';
import type { KeyAccess } from './secret-keys.ts';

export interface EncryptOutputs extends JsonObject {
  /** What destroy clears: the container. */
  readonly container: readonly FileExtent[];
  /** The content's file, now empty. */
  readonly plain: string;
}

/**
 * Offline: encrypts what was written into a container, from the content's file straight into the device that holds it. The content stays whole until the
 * container is, so that an interrupted run is repeated from here.
 */
export function encrypt({ secrets }: KeyAccess, volumeKeys: VolumeKeys): Kind {
  return {
    kind: 'encrypt',
    interruptible: true,
    requires: (inputs) => requirements(inputs as EncryptInputs),
    commands(inputs) {
      // dib itself encrypts and writes.
      const { content } = inputs as EncryptInputs;
      return content.filter(isMeasured).map(({ address }) => freeBlocksCommand(`<${address}>`));
    },
    needsDetached: () => true,

    async probe(recorded) {
      const { container, plain } = recorded.outputs as EncryptOutputs;
      // The container is looked at by the probe of luks.NAME: if it is gone, all of its content must be made anew.
      if ((await isSealed(container)) || ((await statOrUndefined(plain))?.size ?? 0) === 0) return { state: 'present' };
      return { state: 'drifted', reason: `the content in ${plain} is not encrypted yet` };
    },

    async create(inputs, context): Promise<EncryptOutputs> {
      const { luks, device, header, content } = inputs as EncryptInputs;
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
      await needContent(plain, size, name, context);
      const volumeKey = volumeKeys.get(name) ?? (await makeHeader({ name, header, size }, await secrets.key(name), context));
      volumeKeys.delete(name);
      try {
        const used = await usedRanges(plain, size, content, context);
        await writeContainer({ header, headerFile: headerFile(context.paths, name), container, plain, used }, volumeKey, context);
      } catch (error) {
        // Where it was the builder's disk that is full, not even the state can be written before there is room again.
        await clearRecordedExtents(context, container).catch(() => {});
        throw error;
      } finally {
        volumeKey.fill(0);
      }
      await rm(headerFile(context.paths, name), { force: true });
      await (await open(plain, 'w', 0o600)).close();
      await syncParent(plain);
      return { container, plain };
    },

    async destroy(recorded, context) {
      const { container } = recorded.outputs as Partial<EncryptOutputs>;
      if (container !== undefined) await clearRecordedExtents(context, container);
    },
  };
}

/** Whether the free space of something in a container is asked for. */
function isMeasured({ type }: ContainerContent): boolean {
  return type !== undefined && isExt(type);
}

function requirements({ content }: EncryptInputs): readonly Requirement[] {
  const needs: Requirement[] = [{ need: 'tool', name: 'fallocate', package: 'util-linux', why: 'clears parts of the disk file' }];
  if (content.some(isMeasured))
    needs.push({ need: 'tool', name: 'dumpe2fs', package: 'e2fsprogs', why: 'tells which blocks of a file system are free' });
  return needs;
}

async function needContent(plain: string, size: number, name: string, context: ActionContext): Promise<void> {
  if ((await statOrUndefined(plain))?.size === size) return;
  fail({
    code: 'DIB_LUKS_CONTENT_MISSING',
    summary: `The content of the LUKS container is not in ${quotedPath(plain)}`,
    detail: 'It is encrypted already, or something else removed it.',
    help: `Make the container anew: \`dib apply --replace luks.${name}\`.`,
    address: context.address,
  });
}
