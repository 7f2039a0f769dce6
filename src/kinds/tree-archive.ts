import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from '../exec/command.ts';
import type { ActionMachine } from '../exec/machine.ts';
import { attachedDevice } from './attached-device.ts';
import type { TreeInputs } from './disk-inputs.ts';
import type { ActionContext } from './kind.ts';
import { mountCommand, settle, unmount } from './mount-filesystem.ts';
import { type TreeAccess, type TreeView, withTreeView } from './tree-view.ts';

/** Where a virtual machine mounts the file systems: on its own temporary file system. */
const TARGET = '/run/dib/tree';

/** What tar keeps besides modes and times: owners by number, capabilities and other extended attributes, ACLs, holes. */
const EVERYTHING = ['--numeric-owner', '--xattrs', '--xattrs-include=*', '--acls'];

/** The place of a mount point below the directory where the root file system is mounted. */
export function below(target: string, mountPoint: string): string {
  return join(target, mountPoint).replace(/\/$/, '');
}

/** Mount points that lie in no other of the file systems. */
export function topParts({ mounts }: TreeInputs): string[] {
  const points = mounts.map(({ mountPoint }) => mountPoint);
  const inside = (point: string, other: string) => point !== other && (other === '/' || point.startsWith(`${other}/`));
  return points.filter((point) => !points.some((other) => inside(point, other)));
}

/**
 * Brings the merged tree into file systems that a virtual machine has attached. Each part travels as one archive, made here: file by file
 * through a shared file system would be slow, and lose extended attributes.
 */
export async function extractTree(inputs: TreeInputs, context: ActionContext, access: TreeAccess): Promise<void> {
  const machine = await context.machine();
  try {
    for (const { device, type, mountPoint, options } of inputs.mounts) {
      const node = await attachedDevice(context, device);
      const point = below(TARGET, mountPoint);
      await machine.run({ argv: ['mkdir', '--parents', point] });
      await machine.run(mountCommand(type, options, node, point));
    }
    for (const part of topParts(inputs)) {
      const fill = { tree: inputs.tree, path: part, hide: inputs.hide };
      await withTreeView(context, access, fill, (view) => extractPart(view, below(TARGET, part), context, machine));
    }
    for (const { mountPoint } of inputs.mounts) await settle(machine, below(TARGET, mountPoint));
  } finally {
    for (const { mountPoint } of [...inputs.mounts].reverse()) await unmount(context, below(TARGET, mountPoint));
  }
}

async function extractPart(view: TreeView, target: string, context: ActionContext, machine: ActionMachine): Promise<void> {
  if (view.directory !== undefined) {
    await mkdir(context.paths.scratch, { recursive: true });
    const archive = join(context.paths.scratch, `${context.address}.tar`);
    try {
      await context.run(archiveCommand(view.directory, archive));
      await machine.run(extractCommand(await machine.see(archive), target));
    } finally {
      await rm(archive, { force: true });
    }
  }
  for (const point of view.missing) await machine.run({ argv: ['mkdir', '--parents', join(target, point)] });
}

function archiveCommand(directory: string, archive: string): Command {
  const content = ['--format=pax', '--sparse', '--warning=no-file-ignored', ...EVERYTHING];
  return { argv: ['tar', '--create', `--file=${archive}`, `--directory=${directory}`, ...content, '.'] };
}

/** Directories that are mount points take the owner, mode and attributes of those in the archive. */
function extractCommand(archive: string, target: string): Command {
  const how = ['--same-owner', '--same-permissions', '--delay-directory-restore', ...EVERYTHING];
  return { argv: ['tar', '--extract', `--file=${archive}`, `--directory=${target}`, ...how] };
}
