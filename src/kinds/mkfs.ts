import { lstat, mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DibError, fail } from '../diagnostics/errors.ts';
import { quotedPath } from '../diagnostics/printable.ts';
import type { Command } from '../exec/command.ts';
import type { JsonObject } from '../util/json.ts';
import { clearExtent, readPiece, spliceInto, statOrUndefined, syncPath } from './disk-file.ts';
import {
  type ExtentOutputs,
  type FillInputs,
  known,
  type LocalLoopOutputs,
  type LoopAttachment,
  type MkfsInputs,
} from './disk-inputs.ts';
import { normaliseExt } from './ext-inodes.ts';
import { type ActionContext, type Kind, UNKNOWN } from './kind.ts';
import { verifyLoop } from './loop.ts';
import { isExt, type MkfsTarget, mkfsCommand, mkfsRequirements, needsTemporaryFile } from './mkfs-commands.ts';
import { explainNoSpace } from './no-space.ts';
import { type TreeAccess, type TreeView, withTreeView } from './tree-view.ts';
import { fillCommands, reportStripped, scanForVfat } from './vfat-fill.ts';

interface MkfsOutputs extends JsonObject {
  readonly uuid: string;
  readonly label: string;
  readonly type: string;
  readonly file: string;
  readonly offset: number;
  readonly length: number;
}

/** A made mkswap header ends with its first page; the rest of the temporary file is empty. */
const SWAP_HEADER_BYTES = 65_536;
/** Signatures of file systems lie here: enough to see that one is still there. */
const PROBE_BYTES = 128 * 1024;

/** The piece of a disk file that a partition, or the whole disk, gives. */
export function extentOf(context: ActionContext, device: string): ExtentOutputs {
  const outputs = context.outputs(device);
  if (typeof outputs['offset'] === 'number') return outputs as ExtentOutputs;
  const { file, size, sectorSize } = outputs as LocalLoopOutputs;
  return { file, offset: 0, length: size, sectorSize };
}

/** Makes a file system; offline also fills it from the merged tree. */
export function mkfs(access: TreeAccess): Kind {
  return {
    kind: 'mkfs',
    interruptible: true,
    requires: (inputs) => mkfsRequirements(inputs as MkfsInputs),
    commands: (inputs) => plannedCommands(inputs as MkfsInputs),
    needsAttached: (inputs) => (inputs as MkfsInputs).realisation === 'attached',
    needsDetached: (inputs) => (inputs as MkfsInputs).realisation === 'offline',

    async probe(recorded) {
      const { file, offset, length, type } = recorded.outputs as MkfsOutputs;
      if ((await statOrUndefined(file)) === undefined) return { state: 'absent' };
      const head = await readPiece(file, offset, Math.min(PROBE_BYTES, length));
      if (head.some((byte) => byte !== 0)) return { state: 'present' };
      return { state: 'drifted', reason: `there is no ${type} file system in ${file} at byte ${offset} any more` };
    },

    async create(inputs, context): Promise<MkfsOutputs> {
      const typed = { ...(inputs as MkfsInputs) };
      known(typed.opts, `options of ${context.address}`);
      const extent = extentOf(context, typed.device);
      if (typed.realisation === 'attached') await createOnDevice(typed, context, access);
      else await createInFile(typed, extent, context, access);
      const { uuid, label, type } = typed;
      return { uuid, label, type, file: extent.file, offset: extent.offset, length: extent.length };
    },

    async destroy(recorded, context) {
      const { file, offset, length } = recorded.outputs as Partial<MkfsOutputs>;
      if (file === undefined || offset === undefined || length === undefined) return;
      if ((await statOrUndefined(file)) !== undefined) await clearExtent(context, file, offset, length);
    },
  };
}

function plannedCommands(planned: MkfsInputs): Command[] {
  const inputs = planned.opts === UNKNOWN ? { ...planned, opts: ['<options>'] } : planned;
  const disk = inputs.disk.slice('local_loop.'.length);
  const attached = inputs.realisation === 'attached';
  const target: MkfsTarget = attached ? { device: '<device>' } : { file: `<work>/${disk}.raw`, offset: inputs.offset };
  const filled = inputs.fill !== undefined;
  const made = mkfsCommand(
    inputs,
    temporary(inputs) ? { file: '<temporary file>', offset: 0 } : target,
    filled && isExt(inputs.type) ? '<tree>' : undefined,
  );
  if (inputs.type !== 'vfat' || !filled) return [made];
  const image = attached ? '<device>' : '<temporary file>';
  const content = { directories: ['<directories>'], files: ['<files>'], stripped: [] };
  return [made, ...fillCommands(image, '<tree>', content, inputs.epoch)];
}

function temporary(inputs: MkfsInputs): boolean {
  return inputs.realisation === 'offline' && needsTemporaryFile(inputs.type);
}

async function createOnDevice(inputs: MkfsInputs, context: ActionContext, access: TreeAccess): Promise<void> {
  const attachment = context.attachment(inputs.device) as LoopAttachment;
  await verifyLoop(context, attachment);
  await context.run(mkfsCommand(inputs, { device: attachment.device }));
  if (inputs.fill === undefined || inputs.type !== 'vfat') return;
  await withTreeView(context, access, inputs.fill, (view) => fillVfat(inputs, attachment.device, view, context));
}

async function createInFile(
  inputs: MkfsInputs,
  extent: ExtentOutputs,
  context: ActionContext,
  access: TreeAccess,
): Promise<void> {
  const { file, offset, length } = extent;
  const withView = (use: (view: TreeView) => Promise<void>) => withTreeView(context, access, inputs.fill as FillInputs, use);
  await clearExtent(context, file, offset, length);
  try {
    if (isExt(inputs.type) && inputs.fill === undefined) await makeEmptyExt(inputs, extent, context);
    else if (isExt(inputs.type)) await withView((view) => makeExt(inputs, extent, view, context));
    else {
      await makeAndSplice(inputs, extent, context, async (image) => {
        if (inputs.type === 'vfat' && inputs.fill !== undefined) await withView((view) => fillVfat(inputs, image, view, context));
      });
    }
  } catch (error) {
    // Where it was the builder's disk that is full, not even the state can be written before there is room again.
    await clearExtent(context, file, offset, length).catch(() => {});
    throw error;
  }
  await syncPath(file);
}

async function makeEmptyExt(inputs: MkfsInputs, { file, offset }: ExtentOutputs, context: ActionContext): Promise<void> {
  await context.run(mkfsCommand(inputs, { file, offset }));
  await normaliseExt(file, offset, known(inputs.epoch, 'epoch'), undefined);
}

/** mtools lock the whole image: in a file of its own, no other file system of the disk waits for it, or fails. */
async function makeAndSplice(
  inputs: MkfsInputs,
  { file, offset, length }: ExtentOutputs,
  context: ActionContext,
  fill: (image: string) => Promise<void>,
): Promise<void> {
  await mkdir(context.paths.scratch, { recursive: true });
  const path = join(context.paths.scratch, `${context.address}.img`);
  try {
    const handle = await open(path, 'w', 0o600);
    await handle.truncate(length).finally(() => handle.close());
    await context.run(mkfsCommand(inputs, { file: path, offset: 0 }));
    await fill(path);
    await spliceInto(path, file, offset, inputs.type === 'swap' ? SWAP_HEADER_BYTES : undefined);
  } finally {
    await rm(path, { force: true });
  }
}

async function makeExt(inputs: MkfsInputs, extent: ExtentOutputs, view: TreeView, context: ActionContext): Promise<void> {
  const { file, offset } = extent;
  try {
    await context.run(mkfsCommand(inputs, { file, offset }, view.directory));
  } catch (error) {
    await explainNoSpace(error, { context, directory: view.directory, capacity: extent.length, type: inputs.type });
    throw error;
  }
  await makeDirectories(`${file}?offset=${offset}`, view.missing, context, known(inputs.epoch, 'epoch'));
  const root = view.directory === undefined ? undefined : await lstat(view.directory);
  await normaliseExt(
    file,
    offset,
    known(inputs.epoch, 'epoch'),
    root && { ...ownership(root), mtime: Math.floor(root.mtimeMs / 1000) },
  );
}

function ownership({ mode, uid, gid }: { mode: number; uid: number; gid: number }) {
  return { mode: mode & 0o7777, uid, gid };
}

/** Mount points that the tree lacks. debugfs(8) reports errors only on standard error and goes on, hence the check of what it says. */
async function makeDirectories(image: string, paths: readonly string[], context: ActionContext, epoch: number): Promise<void> {
  for (const path of withParents(paths)) {
    const { stderr } = await context.run({
      argv: ['debugfs', '-w', '-R', `mkdir "/${path}"`, image],
      env: { E2FSPROGS_FAKE_TIME: String(epoch), DEBUGFS_PAGER: 'cat' },
    });
    // A parent may be there already.
    if (/^(?!debugfs \d).*mkdir: (?!.*already exists)/im.test(stderr)) {
      fail({
        code: 'DIB_MKFS_MOUNT_POINT',
        summary: `Cannot make the mount point ${quotedPath(`/${path}`)} in the file system`,
        detail: stderr.trim(),
        help: 'Make the directory in a `finalise.d` hook of an element.',
        address: context.address,
      });
    }
  }
}

/** Every path with the directories above it, parents first, each once. */
export function withParents(paths: readonly string[]): string[] {
  const all = new Set<string>();
  for (const path of paths) {
    const parts = path.split('/');
    for (let count = 1; count <= parts.length; count++) all.add(parts.slice(0, count).join('/'));
  }
  return [...all];
}

async function fillVfat(inputs: MkfsInputs, image: string, view: TreeView, context: ActionContext): Promise<void> {
  const found = view.directory === undefined ? undefined : await scanForVfat(view.directory, context.address);
  const content = found ?? { directories: [], files: [], stripped: [] };
  reportStripped(context, content.stripped);
  const present = new Set(content.directories);
  const directories = [...content.directories, ...withParents(view.missing).filter((path) => !present.has(path))];
  for (const command of fillCommands(image, view.directory ?? '', { ...content, directories }, inputs.epoch)) {
    try {
      await context.run(command);
    } catch (error) {
      if (error instanceof DibError) {
        const capacity = typeof inputs.length === 'number' ? inputs.length : 0;
        await explainNoSpace(error, { context, directory: view.directory, capacity, type: inputs.type });
      }
      throw error;
    }
  }
}
