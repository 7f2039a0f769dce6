import { mkdir, readdir, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from '../exec/command.ts';
import { attachedDevice } from './attached-device.ts';
import type { TreeInputs } from './disk-inputs.ts';
import type { ActionContext, Kind, Requirement } from './kind.ts';
import { mountCommand, settle, unmount } from './mount-filesystem.ts';
import { explainNoSpace } from './no-space.ts';
import { below, extractTree, topParts } from './tree-archive.ts';
import { copyDirectory, directoryInTree, mountedTree, type TreeAccess, withTreeView } from './tree-view.ts';

/**
 * The command that copies a tree into mounted file systems: owners, modes with ACLs, times, hard links, extended attributes with
 * file capabilities, holes, and the names that start with a dot.
 */
export function copyCommand(source: string, target: string): Command {
  const preserve = '--preserve=mode,ownership,timestamps,links,xattr';
  return {
    argv: [
      'cp',
      '--recursive',
      '--no-dereference',
      preserve,
      '--sparse=auto',
      '--no-target-directory',
      '--',
      `${source}/.`,
      target,
    ],
  };
}

/**
 * Copies the merged tree into the file systems of attached disks. They are mounted for the time of the copy only, in the worker's
 * private mount namespace: nothing is mounted any more when an output is made of the disk file.
 */
export function treeRoot(access: TreeAccess): Kind {
  return {
    kind: 'tree',
    interruptible: true,
    pool: 'io',
    requires: (inputs) => treeRequirements(inputs as TreeInputs),
    commands: (inputs) => plannedCommands(inputs as TreeInputs),
    probe: async () => ({ state: 'present' }),
    needsAttached: () => true,
    async create(inputs, context) {
      const { name } = await context.machine();
      const copy = name === 'host' ? copyTree : extractTree;
      await copy(inputs as TreeInputs, context, access);
      return {};
    },
    // The copy lies in the file systems and goes with them; only mounts of an interrupted copy may be left.
    destroy: async (recorded, context) => unmountAll(recorded.inputs as TreeInputs, context),
  };
}

function treeRequirements(inputs: TreeInputs): Requirement[] {
  const types = [...new Set(inputs.mounts.map(({ type }) => type))];
  return [
    ...types.map((name): Requirement => ({ need: 'filesystem', name, why: `the ${name} file systems of the image are mounted` })),
    { need: 'tool', name: 'mount', package: 'mount', why: 'mounts the file systems of the image' },
  ];
}

function plannedCommands(inputs: TreeInputs): Command[] {
  const target = '<work>/tree';
  return [
    ...inputs.mounts.map((each) => mountCommand(each.type, each.options, '<device>', below(target, each.mountPoint))),
    copyCommand('<tree>', target),
    ...[...inputs.mounts].reverse().map((each) => ({ argv: ['umount', '--no-mtab', below(target, each.mountPoint)] })),
  ];
}

async function unmountAll(inputs: TreeInputs, context: ActionContext): Promise<void> {
  const target = join(context.paths.work, 'tree');
  for (const { mountPoint } of [...inputs.mounts].reverse()) await unmount(context, below(target, mountPoint));
}

async function copyTree(inputs: TreeInputs, context: ActionContext, access: TreeAccess): Promise<void> {
  const target = join(context.paths.work, 'tree');
  await context.intend({ target });
  await unmountAll(inputs, context);
  const tree = await mountedTree(context, access, inputs.tree);
  try {
    await mountAll(inputs, context, tree, target);
    await withTreeView(context, access, { tree: inputs.tree, path: '/', hide: inputs.hide }, async (view) => {
      await makeHidden(inputs, target, view.missing);
      await copyInto(inputs, context, view.directory ?? tree, target);
    });
    for (const { mountPoint } of inputs.mounts) await settle(context, below(target, mountPoint));
  } finally {
    await unmountAll(inputs, context);
  }
  await rm(target, { recursive: true, force: true });
}

/** Mount points that the tree lacks, for file systems that are filled by others. */
async function makeHidden(inputs: TreeInputs, target: string, missing: readonly string[]): Promise<void> {
  const hasRoot = inputs.mounts.some(({ mountPoint }) => mountPoint === '/');
  if (hasRoot) for (const point of missing) await mkdir(join(target, point), { recursive: true });
}

async function mountAll(inputs: TreeInputs, context: ActionContext, tree: string, target: string): Promise<void> {
  for (const { device, type, mountPoint, options } of inputs.mounts) {
    const point = below(target, mountPoint);
    const node = await attachedDevice(context, device);
    await mkdir(point, { recursive: true });
    const like = await directoryInTree(tree, mountPoint, context.address);
    if (like !== undefined) await copyDirectory(like.stats, point);
    await context.run(mountCommand(type, options, node, point));
    await empty(point);
  }
}

/** Removes what an interrupted copy left; lost+found belongs to the file system. */
async function empty(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (name !== 'lost+found') await rm(join(directory, name), { recursive: true, force: true });
  }
}

async function copyInto(inputs: TreeInputs, context: ActionContext, source: string, target: string): Promise<void> {
  if (!inputs.mounts.some(({ mountPoint }) => mountPoint === '/')) await copyParts(inputs, context, source, target);
  else await copyOne(context, source, target);
}

/** Without a root file system among the attached ones, each is filled for itself. */
async function copyParts(inputs: TreeInputs, context: ActionContext, source: string, target: string): Promise<void> {
  for (const mountPoint of topParts(inputs)) {
    const part = await directoryInTree(source, mountPoint, context.address);
    if (part !== undefined) await copyOne(context, part.path, below(target, mountPoint));
  }
}

async function copyOne(context: ActionContext, source: string, target: string): Promise<void> {
  try {
    await context.run(copyCommand(source, target));
  } catch (error) {
    const { blocks, bsize } = await statfs(target);
    await explainNoSpace(error, { context, directory: source, capacity: blocks * bsize, type: 'mounted' });
    throw error;
  }
}
