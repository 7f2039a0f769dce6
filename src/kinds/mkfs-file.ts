import { lstat, mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DibError, fail } from '../diagnostics/errors.ts';
import { quotedPath } from '../diagnostics/printable.ts';
import { syncPath } from './disk-file.ts';
import { type FillInputs, known, type MkfsInputs } from './disk-inputs.ts';
import { normaliseExt } from './ext-inodes.ts';
import type { ActionContext } from './kind.ts';
import { isExt, mkfsCommand } from './mkfs-commands.ts';
import { explainNoSpace } from './no-space.ts';
import { type TreeAccess, type TreeView, withTreeView } from './tree-view.ts';
import { fillCommands, reportStripped, scanForVfat } from './vfat-fill.ts';

/** Makes and fills a file system in a temporary file of its size, calls `use` with its path, and removes it. */
export async function withFilledImage(
  inputs: MkfsInputs,
  context: ActionContext,
  access: TreeAccess,
  use: (image: string) => Promise<void>,
): Promise<void> {
  await mkdir(context.paths.scratch, { recursive: true });
  const path = join(context.paths.scratch, `${context.address}.img`);
  try {
    const handle = await open(path, 'w', 0o600);
    await handle.truncate(known(inputs.length, `size of ${inputs.device}`)).finally(() => handle.close());
    if (isExt(inputs.type)) {
      if (inputs.fill === undefined) await makeEmptyExt(inputs, path, 0, context);
      else await makeExt(inputs, path, 0, context, access);
    } else {
      await context.run(mkfsCommand(inputs, { file: path, offset: 0 }));
      if (inputs.type === 'vfat' && inputs.fill !== undefined)
        await withTreeView(context, access, inputs.fill, (view) => fillVfat(inputs, path, view, context));
    }
    await use(path);
  } finally {
    await rm(path, { force: true });
  }
}

/** An ext file system with nothing in it, from byte `offset` of a file on. */
export async function makeEmptyExt(inputs: MkfsInputs, file: string, offset: number, context: ActionContext): Promise<void> {
  await context.run(mkfsCommand(inputs, { file, offset }));
  await normaliseExt(file, offset, known(inputs.epoch, 'epoch'), undefined);
  await syncPath(file);
}

/** An ext file system with its part of the tree, from byte `offset` of a file on. */
export async function makeExt(
  inputs: MkfsInputs,
  file: string,
  offset: number,
  context: ActionContext,
  access: TreeAccess,
): Promise<void> {
  await withTreeView(context, access, inputs.fill as FillInputs, (view) => fillExt(inputs, file, offset, view, context));
  await syncPath(file);
}

async function fillExt(inputs: MkfsInputs, file: string, offset: number, view: TreeView, context: ActionContext): Promise<void> {
  const epoch = known(inputs.epoch, 'epoch');
  try {
    await context.run(mkfsCommand(inputs, { file, offset }, view.directory));
  } catch (error) {
    const capacity = known(inputs.length, `size of ${inputs.device}`);
    await explainNoSpace(error, { context, directory: view.directory, capacity, type: inputs.type });
    throw error;
  }
  await makeDirectories(`${file}?offset=${offset}`, view.missing, context, epoch);
  const root = view.directory === undefined ? undefined : await lstat(view.directory);
  await normaliseExt(file, offset, epoch, root && { ...ownership(root), mtime: Math.floor(root.mtimeMs / 1000) });
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
