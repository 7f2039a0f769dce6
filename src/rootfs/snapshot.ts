import { mkdirSync, readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { DibError } from '../diagnostics/errors.ts';
import type { Command, Runner } from '../exec/command.ts';
import type { Building } from './cache.ts';
import { layersDirectory, layerTree, readLayer } from './cache-layout.ts';
import type { TreeMounter } from './tree.ts';

/** A tree that can be written to, seen as the stack below it with the changes on top. */
export interface Snapshot {
  readonly root: string;
  /** Undoes what was mounted; the layer's content then stands in the building's `tree`, ready to be committed. */
  close(): Promise<void>;
}

/** How a layer is kept, and how a stack of them becomes one tree. */
export interface Snapshotter extends TreeMounter {
  readonly form: 'overlay' | 'copy';
  /** Starts a layer on top of others (ids from the lowest). */
  write(building: Building, below: readonly string[]): Promise<Snapshot>;
}

/** Layers from the topmost that is a whole tree upwards: what lies below it is hidden. */
function visible(cache: string, layers: readonly string[]): readonly string[] {
  const whole = layers.map((id) => readLayer(cache, id)?.form === 'copy').lastIndexOf(true);
  return whole === -1 ? layers : layers.slice(whole);
}

/**
 * Arguments of mount(8) for a writable overlay (kernel: Documentation/filesystems/overlayfs.rst). Paths are relative to the building:
 * short, because mount options must fit a page, and free of the characters (`:`, `,`, `\`) that options give a meaning.
 * userxattr, also for root, keeps one format that user namespaces can write; volatile leaves out every fsync of package managers:
 * a layer whose builder dies is thrown away anyhow, and finished ones are flushed together.
 */
export function overlayWriteArguments(lower: readonly string[]): readonly string[] {
  const options = ['userxattr', 'volatile', `lowerdir=${[...lower].reverse().join(':')}`, 'upperdir=tree', 'workdir=work'];
  return ['mount', '-t', 'overlay', '-o', options.join(','), 'overlay', 'merged'];
}

/** Arguments of mount(8) for a read-only view of a stack; the kernel wants two directories at least. */
export function overlayReadArguments(lower: readonly string[], target: string): readonly string[] {
  const stack = [...lower].reverse();
  return ['mount', '-t', 'overlay', '-o', `ro,userxattr,lowerdir=${stack.join(':')}`, 'overlay', target];
}

abstract class Mounts {
  protected readonly cache: string;
  protected readonly scratch: string;
  protected readonly runner: Runner;
  readonly #mounted = new Map<string, Promise<string>>();
  readonly #targets: string[] = [];

  constructor(cache: string, scratch: string, runner: Runner) {
    this.cache = cache;
    this.scratch = scratch;
    this.runner = runner;
  }

  mountTree(layers: readonly string[]): Promise<string> {
    const name = layers.at(-1);
    if (name === undefined) throw new RangeError('no layers');
    let mounted = this.#mounted.get(name);
    if (mounted === undefined) {
      mounted = this.#mount(layers, join(this.scratch, 'trees', name));
      this.#mounted.set(name, mounted);
      mounted.catch(() => this.#mounted.delete(name));
    }
    return mounted;
  }

  async #mount(layers: readonly string[], target: string): Promise<string> {
    mkdirSync(target, { recursive: true });
    await this.runner.run(this.readCommand(visible(this.cache, layers), target));
    this.#targets.push(target);
    return target;
  }

  async close(): Promise<void> {
    for (const target of this.#targets.splice(0).reverse()) {
      await this.runner.run({ argv: ['umount', target] });
      await rm(target, { recursive: true, force: true });
    }
    this.#mounted.clear();
  }

  protected abstract readCommand(layers: readonly string[], target: string): Command;
}

/** Layers are upper directories of overlay mounts: each holds only what it changed. */
export class OverlaySnapshotter extends Mounts implements Snapshotter {
  readonly form = 'overlay';

  async write(building: Building, below: readonly string[]): Promise<Snapshot> {
    if (below.length === 0) return { root: building.tree, close: () => Promise.resolve() };
    const merged = join(building.directory, 'merged');
    const work = join(building.directory, 'work');
    mkdirSync(merged);
    mkdirSync(work);
    const lower = visible(this.cache, below).map((id) => relative(building.directory, layerTree(this.cache, id)));
    await this.runner.run({ argv: overlayWriteArguments(lower), cwd: building.directory });
    return {
      root: merged,
      close: async () => {
        await this.runner.run({ argv: ['umount', merged] });
        await rm(work, { recursive: true, force: true });
        await rm(merged, { recursive: true, force: true });
      },
    };
  }

  protected readCommand(layers: readonly string[], target: string): Command {
    const empty = join(this.scratch, 'empty');
    mkdirSync(empty, { recursive: true });
    const cwd = layersDirectory(this.cache);
    const lower = [...(layers.length === 1 ? [relative(cwd, empty)] : []), ...layers.map((id) => join(id, 'tree'))];
    return { argv: overlayReadArguments(lower, target), cwd };
  }
}

/** Each layer is a whole tree: for file systems that cannot stand below an overlay, such as NFS or another overlay. */
export class CopySnapshotter extends Mounts implements Snapshotter {
  readonly form = 'copy';

  async write(building: Building, below: readonly string[]): Promise<Snapshot> {
    const top = below.at(-1);
    if (top !== undefined) {
      const argv = ['cp', '--archive', '--reflink=auto', '--sparse=auto', `${layerTree(this.cache, top)}/.`, building.tree];
      await this.runner.run({ argv });
    }
    return { root: building.tree, close: () => Promise.resolve() };
  }

  protected readCommand(layers: readonly string[], target: string): Command {
    return { argv: ['mount', '--bind', '-o', 'ro', layerTree(this.cache, layers.at(-1) as string), target] };
  }
}

/**
 * The snapshotter that works where the cache lies, found by trying: an overlay is mounted, written to and unmounted in `scratch`.
 * Falling back costs time and space, so `onFallback` is told why.
 */
export async function chooseSnapshotter(
  cache: string,
  scratch: string,
  runner: Runner,
  onFallback: (reason: string) => void,
): Promise<Snapshotter> {
  const directory = join(scratch, 'probe');
  for (const name of ['lower', 'tree', 'work', 'merged']) mkdirSync(join(directory, name), { recursive: true });
  const hasDeltas = readdirSync(layersDirectory(cache)).some((id) => readLayer(cache, id)?.form === 'overlay');
  try {
    mkdirSync(join(directory, 'lower', 'entry'), { recursive: true });
    await runner.run({ argv: overlayWriteArguments(['lower']), cwd: directory });
    try {
      // Removing and making again needs a whiteout and an opaque directory: what some file systems cannot keep.
      const merged = join(directory, 'merged');
      await rm(join(merged, 'entry'), { recursive: true });
      mkdirSync(join(merged, 'entry'));
    } finally {
      await runner.run({ argv: ['umount', join(directory, 'merged')] });
    }
    return new OverlaySnapshotter(cache, scratch, runner);
  } catch (error) {
    if (hasDeltas) throw error;
    onFallback(error instanceof DibError ? (error.diagnostics[0]?.summary ?? error.message) : (error as Error).message);
    return new CopySnapshotter(cache, scratch, runner);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
