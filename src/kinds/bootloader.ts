import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GRUB_DIRECTORIES } from '../blockdev/boot-disks.ts';
import { fail } from '../diagnostics/errors.ts';
import type { JsonObject } from '../util/json.ts';
import { clearExtent, clearRecorded, statOrUndefined, writePieces } from './disk-file.ts';
import { type BootloaderInputs, type BootloaderPlace, known, type LocalLoopOutputs } from './disk-inputs.ts';
import { embedGrub, GrubImageError } from './grub-image.ts';
import type { ActionContext, Kind } from './kind.ts';
import { BOOT_CODE_BYTES } from './partitioning.ts';
import { directoryInTree, mountedTree, type TreeAccess } from './tree-view.ts';

/** Where an element leaves GRUB's images. */
const PLACES = GRUB_DIRECTORIES.map((directory) => `${directory}/i386-pc`);
const SECTOR = 512;

interface BootloaderOutputs extends JsonObject {
  readonly installed: boolean;
  readonly file?: string | undefined;
  /** What destroy clears besides the boot code. */
  readonly offset?: number | undefined;
  readonly length?: number | undefined;
}

/** GRUB for the BIOS: boot code in the first sector, the core image in the BIOS boot partition or the gap after the master boot record. */
export function bootloader(access: TreeAccess): Kind {
  return {
    kind: 'bootloader',
    requires: () => [{ need: 'tool', name: 'fallocate', package: 'util-linux', why: 'clears parts of the disk file' }],
    // The bytes are written by dib itself; there is no command to show.
    commands: () => [],
    needsDetached: () => true,
    async probe(recorded) {
      const { installed, file } = recorded.outputs as BootloaderOutputs;
      if (!installed || file === undefined) return { state: 'present' };
      return (await statOrUndefined(file)) === undefined ? { state: 'absent' } : { state: 'present' };
    },
    create: (inputs, context) => install(inputs as BootloaderInputs, context, access),
    async destroy(recorded, context) {
      const { file, offset, length } = recorded.outputs as BootloaderOutputs;
      if (file === undefined || offset === undefined || length === undefined) return;
      await clearRecorded(context, file, 0, BOOT_CODE_BYTES);
      await clearRecorded(context, file, offset, length);
    },
  };
}

async function install(inputs: BootloaderInputs, context: ActionContext, access: TreeAccess): Promise<BootloaderOutputs> {
  if (inputs.place === undefined) return skip(context, inputs.reason ?? 'the disk has no room for it');
  const place = known<BootloaderPlace>(inputs.place, `place of ${context.address}`);
  const tree = await mountedTree(context, access, inputs.tree);
  const images = await findImages(tree, context);
  if (images === undefined) return skip(context, `the image has no core.img in ${PLACES.join(' or ')}`);
  const pieces = embedOrFail(images, place, context.address);
  const { file } = context.outputs(inputs.disk) as LocalLoopOutputs;
  const offset = place.startSector * SECTOR;
  const length = place.sectors * SECTOR;
  await clearExtent(context, file, offset, length);
  await writePieces(file, pieces);
  return { installed: true, file, offset, length };
}

function skip(context: ActionContext, reason: string): BootloaderOutputs {
  context.progress(`not bootable by BIOS: ${reason}`);
  return { installed: false };
}

interface Images {
  /** Path in the image. */
  readonly directory: string;
  readonly boot: Buffer;
  readonly core: Buffer;
}

async function findImages(tree: string, context: ActionContext): Promise<Images | undefined> {
  for (const directory of PLACES) {
    const found = await directoryInTree(tree, directory, context.address);
    const boot = found && (await readImage(join(found.path, 'boot.img')));
    const core = found && (await readImage(join(found.path, 'core.img')));
    if (boot !== undefined && core !== undefined) return { directory, boot, core };
  }
  return undefined;
}

async function readImage(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function embedOrFail({ directory, boot, core }: Images, place: BootloaderPlace, address: string) {
  try {
    return embedGrub(boot, core, place);
  } catch (error) {
    if (!(error instanceof GrubImageError)) throw error;
    const where = place.kind === 'mbr-gap' ? 'gap before the first partition' : 'BIOS boot partition';
    fail({
      code: error.tooLarge ? 'DIB_BOOTLOADER_NO_ROOM' : 'DIB_BOOTLOADER_IMAGE',
      summary: error.tooLarge ? `GRUB does not fit into the ${where}: ${error.message}` : `${directory}: ${error.message}`,
      detail: error.tooLarge
        ? undefined
        : 'dib writes sector numbers into known fields of these images, and they are not as expected.',
      help: error.tooLarge
        ? place.kind === 'mbr-gap'
          ? 'Use `align: 1MiB` (the default) in the partitioning, so that the first partition starts at 1 MiB.'
          : 'Make the partition of type EF02 larger; 1 MiB is enough.'
        : 'Use the GRUB of the image’s own distribution (package grub-pc-bin, grub2-pc-modules or grub2-i386-pc), or report this with its version.',
      address,
    });
  }
}
