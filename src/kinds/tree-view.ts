import type { Stats } from 'node:fs';
import { chmod, chown, lstat, mkdir, rm, utimes } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fail } from '../diagnostics/errors.ts';
import { quotedPath } from '../diagnostics/printable.ts';
import type { LayerOutputs, TreeMounter } from '../rootfs/tree.ts';
import type { FillInputs } from './disk-inputs.ts';
import type { ActionContext } from './kind.ts';

/** A directory of the merged tree as one file system shall hold it. */
export interface TreeView {
  /** Absolute path on this machine; absent if the tree has no such directory, so that the file system stays empty. */
  readonly directory?: string | undefined;
  /** Mount points below it that the tree lacks, relative to it and without a leading slash: to be made as directories. */
  readonly missing: readonly string[];
}

/** What kinds that read the merged tree are given. */
export interface TreeAccess {
  readonly trees: TreeMounter;
}

/** The merged tree of the layers that end at the resource `address`. */
export async function mountedTree(context: ActionContext, { trees }: TreeAccess, address: string): Promise<string> {
  return trees.mountTree((context.outputs(address) as LayerOutputs).layers);
}

/**
 * Mount points strictly below `path`, relative to it, without those below another one: what must not be seen of the tree.
 */
export function hiddenBelow(path: string, hide: readonly string[]): string[] {
  const prefix = path === '/' ? '/' : `${path}/`;
  const inside = hide.filter((point) => point.startsWith(prefix) && point !== path).map((point) => point.slice(prefix.length));
  return inside.filter((point) => !inside.some((other) => point.startsWith(`${other}/`))).sort();
}

/**
 * Calls `use` with the part of the merged tree that belongs to one file system. Where others are mounted, it sees empty directories
 * with the owner, mode and time of those in the tree. Nothing is copied and the tree itself stays untouched: the view is a bind mount of its own.
 */
export async function withTreeView<T>(
  context: ActionContext,
  access: TreeAccess,
  fill: FillInputs,
  use: (view: TreeView) => Promise<T>,
): Promise<T> {
  const tree = await mountedTree(context, access, fill.tree);
  const top = await directoryInTree(tree, fill.path, context.address);
  const hidden = hiddenBelow(fill.path, fill.hide);
  if (top === undefined) return use({ missing: hidden });
  const present: { point: string; stats: Stats }[] = [];
  const missing: string[] = [];
  for (const point of hidden) {
    const found = await directoryInTree(tree, join(fill.path, point), context.address);
    if (found === undefined) missing.push(point);
    else present.push({ point, stats: found.stats });
  }
  if (present.length === 0) return use({ directory: top.path, missing });
  return withHidden(context, top.path, present, (directory) => use({ directory, missing }));
}

async function withHidden<T>(
  context: ActionContext,
  top: string,
  present: readonly { point: string; stats: Stats }[],
  use: (directory: string) => Promise<T>,
): Promise<T> {
  const place = join(context.paths.scratch, `view-${basename(context.address)}`);
  const view = join(place, 'view');
  await mkdir(view, { recursive: true });
  const mounted: string[] = [];
  const bind = async (from: string, to: string): Promise<void> => {
    await context.run({ argv: ['mount', '--no-mtab', '--bind', from, to] });
    mounted.push(to);
  };
  try {
    await bind(top, view);
    for (const [index, { point, stats }] of present.entries()) {
      const empty = join(place, `empty-${index}`);
      await copyDirectory(stats, empty);
      await bind(empty, join(view, point));
    }
    return await use(view);
  } finally {
    for (const point of mounted.reverse()) await context.run({ argv: ['umount', '--no-mtab', point] });
    // Not recursively below a mount: if umount failed, the line above has thrown.
    await rm(place, { recursive: true, force: true });
  }
}

/** Makes an empty directory with the owner, mode and times of another. */
export async function copyDirectory(like: Stats, path: string): Promise<void> {
  await mkdir(path, { recursive: true });
  await chown(path, like.uid, like.gid);
  await chmod(path, like.mode & 0o7777);
  await utimes(path, like.atime, like.mtime);
}

/**
 * A directory inside the tree, or undefined if nothing is there. Symbolic links are not followed: seen from outside the image they
 * would lead into the build machine.
 */
export async function directoryInTree(
  tree: string,
  path: string,
  address: string,
): Promise<{ path: string; stats: Stats } | undefined> {
  let current = tree;
  let stats = await lstat(current);
  for (const part of path.split('/').filter((each) => each !== '')) {
    current = join(current, part);
    try {
      stats = await lstat(current);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
    if (!stats.isDirectory()) notDirectory(path, current.slice(tree.length), stats, address);
  }
  return { path: current, stats };
}

function notDirectory(path: string, part: string, stats: Stats, address: string): never {
  const what = stats.isSymbolicLink() ? 'a symbolic link' : 'not a directory';
  fail({
    code: 'DIB_MOUNT_POINT_NOT_DIRECTORY',
    summary: `The mount point ${quotedPath(path)} cannot be used: ${quotedPath(part)} is ${what} in the image`,
    detail: 'A file system is filled from, and mounted on, a real directory of the image.',
    help: 'Use the path that the link leads to as `mount_point`, or make a directory there in an element.',
    address,
  });
}
