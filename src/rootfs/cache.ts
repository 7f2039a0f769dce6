import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, utimesSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DibError, fail } from '../diagnostics/errors.ts';
import { quoted, quotedPath } from '../diagnostics/printable.ts';
import { acquireFileLock, type FileLock } from '../exec/file-lock.ts';
import { syncDirectory, writeFileAtomic } from '../util/atomic-file.ts';
import type { JsonObject } from '../util/json.ts';
import {
  bootId,
  CACHEDIR_TAG,
  type CachedLayer,
  type LayerMeta,
  layerId,
  layersDirectory,
  listLayers,
  makeCacheDirectories,
  ownMapping,
  readLayer,
} from './cache-layout.ts';
import { diskUsage } from './disk-usage.ts';
import { type CachedDownload, listDownloads, removeDownload } from './package-pool.ts';
import { collectScratch } from './scratch.ts';

/** A layer that is being built: nobody else sees it before it is committed, and it is collected if its builder dies. */
export interface Building {
  /** Holds `tree` (the layer's content) and whatever its builder puts beside it. */
  readonly directory: string;
  readonly tree: string;
}

/** What commit is told of a layer; the rest of its metadata is measured. */
export type NewLayer = Pick<
  LayerMeta,
  'key' | 'description' | 'base' | 'mirrorDigest' | 'revision' | 'epoch' | 'usage' | 'form'
> & {
  /** Ids of the layers below, from the lowest. */
  readonly below: readonly string[];
  readonly keyDocument: JsonObject;
};

/** Milliseconds that another build may take to write two small files. */
const MARKS_TIMEOUT = 30_000;

/** What a new cache says of itself; two builds may find it new at the same time. */
async function writeMarks(directory: string, record: string, mapping: string): Promise<void> {
  const lock = await acquireFileLock(join(directory, 'locks/new'), { timeout: MARKS_TIMEOUT });
  try {
    if (existsSync(record)) return;
    await writeFileAtomic(join(directory, 'CACHEDIR.TAG'), CACHEDIR_TAG, 0o644);
    await writeFileAtomic(record, `${mapping}\n`, 0o644);
  } finally {
    await lock?.release();
  }
}

/**
 * The directory of finished layers, shared by all builds of one user-id mapping. Every method may run in several processes at once:
 * they keep out of each other's way with flock(2), so that what a dead process held is free again at once.
 */
export class LayerCache {
  readonly directory: string;
  readonly #pins = new Map<string, FileLock>();
  readonly #buildings = new Map<string, FileLock>();
  readonly #forgotten = new Set<string>();

  private constructor(directory: string) {
    this.directory = directory;
  }

  /**
   * Opens the cache for building, from inside the worker, and makes it if need be.
   * Throws DIB_CACHE_UNUSABLE, or DIB_CACHE_MAPPING when its files belong to another mapping of user ids.
   */
  static async open(directory: string): Promise<LayerCache> {
    makeCacheDirectories(directory);
    const mapping = ownMapping();
    const record = join(directory, 'mapping');
    if (!existsSync(record)) await writeMarks(directory, record, mapping);
    const recorded = readFileSync(record, 'utf8').trim();
    if (recorded !== mapping) {
      fail({
        code: 'DIB_CACHE_MAPPING',
        summary: `The cache ${quotedPath(directory)} belongs to another mapping of user ids`,
        detail: `It was made with ${recorded}; this worker has ${mapping}. The owners of its files would be misread.`,
        help: 'Set `DIB_IMAGE_CACHE` to another directory, or remove this one with the user (or as root) that made it.',
      });
    }
    const cache = new LayerCache(directory);
    await cache.collect();
    return cache;
  }

  /** The layer of a key, if the cache has it whole. */
  find(key: string): CachedLayer | undefined {
    const layer = readLayer(this.directory, layerId(key));
    return layer?.key === key && layer.layers.every((id) => readLayer(this.directory, id) !== undefined) ? layer : undefined;
  }

  has(key: string): boolean {
    return this.find(key) !== undefined;
  }

  list(): CachedLayer[] {
    return listLayers(this.directory);
  }

  tree(id: string): string {
    return join(layersDirectory(this.directory), id, 'tree');
  }

  /** A fresh directory for a layer, on the same file system as the finished ones. */
  async begin(): Promise<Building> {
    for (;;) {
      // As diskimage-builder names it: elements take what follows the last dot of TMP_MOUNT_PATH for the name of the build.
      const directory = join(this.directory, 'building', `dib_build.${randomBytes(8).toString('hex')}`);
      const lock = await this.#lock(`${directory}.lock`, 'exclusive', false);
      if (lock === undefined) continue;
      this.#buildings.set(directory, lock);
      mkdirSync(join(directory, 'tree'), { recursive: true, mode: 0o755 });
      return { directory, tree: join(directory, 'tree') };
    }
  }

  /** Throws a building away: the cache is as if it had never been begun. */
  async discard(building: Building): Promise<void> {
    await removeTree(building.directory);
    await rm(`${building.directory}.lock`, { force: true });
    await this.#release(this.#buildings, building.directory);
  }

  /**
   * Makes a building a layer, pinned for this process. If somebody else committed the same key first, theirs is used and ours thrown away;
   * with `renew`, the old one goes, and with it all that stands on it, unless a running build uses it.
   */
  async commit(building: Building, layer: NewLayer, renew = false): Promise<CachedLayer> {
    const id = layerId(layer.key);
    const usage = diskUsage(building.tree);
    const meta: LayerMeta = {
      key: layer.key,
      description: layer.description,
      base: layer.base,
      mirrorDigest: layer.mirrorDigest,
      revision: layer.revision,
      epoch: layer.epoch,
      usage: layer.usage,
      form: layer.form,
      layers: [...layer.below, id],
      size: usage.bytes,
      inodes: usage.inodes,
      created: new Date().toISOString(),
      unflushed: bootId(),
    };
    await writeFileAtomic(join(building.directory, 'key.json'), `${JSON.stringify(layer.keyDocument, null, 2)}\n`, 0o644);
    await writeFileAtomic(join(building.directory, 'meta.json'), `${JSON.stringify(meta, null, 2)}\n`, 0o644);
    const pin = await this.#lock(join(building.directory, 'used'), 'shared', true);
    if (pin === undefined) throw new Error('a new file is locked by somebody else');
    if (renew) await this.#removeWithDependents(id);
    const place = join(layersDirectory(this.directory), id);
    const exclusion = await this.#exclude(id);
    try {
      if (readLayer(this.directory, id) === undefined) {
        await removeTree(place);
        await rename(building.directory, place);
        await syncDirectory(layersDirectory(this.directory));
        this.#pins.set(id, pin);
      } else {
        await pin.release();
        await this.pin([id]);
      }
    } finally {
      await exclusion.release();
    }
    await this.discard(building);
    const committed = readLayer(this.directory, id);
    if (committed === undefined) throw new Error(`layer ${id} was lost while it was committed`);
    return committed;
  }

  /**
   * Keeps layers from being pruned, by any process, until this one ends or calls unpin, and marks them as used now.
   * Throws DIB_CACHE_LAYER_GONE for one that is not there (any more).
   */
  async pin(ids: readonly string[]): Promise<void> {
    for (const id of ids) {
      if (this.#pins.has(id)) continue;
      const path = join(layersDirectory(this.directory), id, 'used');
      const lock = existsSync(path) ? await this.#lock(path, 'shared', true) : undefined;
      if (lock === undefined) throw layerGone(id, this.directory);
      this.#pins.set(id, lock);
      this.touch(id);
    }
  }

  /** Marks a layer as used now. */
  touch(id: string): void {
    const now = new Date();
    utimesSync(join(layersDirectory(this.directory), id, 'used'), now, now);
  }

  /** Has the layer of this key, and all that stands on it, removed when the pins are given back: it is good for this build alone. */
  forgetAtEnd(key: string): void {
    this.#forgotten.add(layerId(key));
  }

  /** Gives all pins back. */
  async unpin(): Promise<void> {
    for (const id of [...this.#pins.keys()]) await this.#release(this.#pins, id);
    for (const id of this.#forgotten) await this.#removeWithDependents(id);
    this.#forgotten.clear();
  }

  /** Waits until no other process builds a layer by this name, then holds the right to; call the result when done. */
  async claim(name: string): Promise<() => Promise<void>> {
    const lock = await this.#lock(join(this.directory, 'locks', layerId(name)), 'exclusive', true);
    return async () => lock?.release();
  }

  /** Records that the content of all layers is on disk: call it after syncfs(2) of the cache's file system. */
  async markFlushed(): Promise<void> {
    for (const { id, unflushed } of this.list()) {
      if (unflushed === undefined) continue;
      // Another build may be marking, or removing, the same layer.
      const exclusion = await this.#exclude(id);
      try {
        const layer = readLayer(this.directory, id);
        if (layer?.unflushed === undefined) continue;
        const { id: _, lastUsed: __, unflushed: ___, ...meta } = layer;
        const path = join(layersDirectory(this.directory), id, 'meta.json');
        await writeFileAtomic(path, `${JSON.stringify(meta, null, 2)}\n`, 0o644);
      } finally {
        await exclusion.release();
      }
    }
  }

  /**
   * Removes layers and downloads, least recently used first, until at most `maxSize` bytes are left (`all`: none). A layer goes before those below it.
   * What a running build uses stays. Gives the layers that were removed.
   */
  async prune(options: { readonly maxSize: number; readonly all?: boolean }): Promise<CachedLayer[]> {
    await this.collect();
    const removed: CachedLayer[] = [];
    const kept = new Set(this.list());
    const downloads = listDownloads(this.directory);
    const total = (all: Iterable<{ readonly size: number }>) => [...all].reduce((sum, each) => sum + each.size, 0);
    let size = total(kept) + total(downloads);
    const removeDownloads = (before: number) => {
      while ((options.all === true || size > options.maxSize) && (downloads[0]?.lastUsed ?? Number.POSITIVE_INFINITY) < before) {
        const oldest = downloads.shift() as CachedDownload;
        removeDownload(oldest);
        size -= oldest.size;
      }
    };
    // A layer is of no use without those below it: one is as fresh as the freshest that stands on it.
    const order = [...kept].sort((a, b) => freshness(a, kept) - freshness(b, kept) || b.layers.length - a.layers.length);
    for (const layer of order) {
      removeDownloads(freshness(layer, kept));
      if (options.all !== true && size <= options.maxSize) break;
      if ([...kept].some((other) => other !== layer && other.layers.includes(layer.id))) continue;
      if (!(await this.#remove(layer.id))) continue;
      kept.delete(layer);
      size -= layer.size;
      removed.push(layer);
    }
    removeDownloads(Number.POSITIVE_INFINITY);
    return removed;
  }

  /** Removes what dead builds left: scratch directories and buildings that nobody holds, and layers that cannot be trusted. */
  async collect(): Promise<void> {
    await collectScratch(join(this.directory, 'scratch'));
    const directory = join(this.directory, 'building');
    for (const name of readdirSync(directory)) {
      if (!name.endsWith('.lock')) {
        // A directory is always made after its lock, and removed before it.
        if (!existsSync(join(directory, `${name}.lock`))) await removeTree(join(directory, name));
        continue;
      }
      const path = join(directory, name);
      if (this.#buildings.has(path.slice(0, -'.lock'.length))) continue;
      const lock = existsSync(path) ? await this.#lock(path, 'exclusive', false) : undefined;
      if (lock === undefined) continue;
      await removeTree(path.slice(0, -'.lock'.length));
      await rm(path, { force: true });
      await lock.release();
    }
    for (const id of readdirSync(layersDirectory(this.directory))) {
      if (readLayer(this.directory, id) === undefined) await this.#remove(id);
    }
  }

  async #removeWithDependents(id: string): Promise<void> {
    const doomed = this.list().filter((layer) => layer.layers.includes(id));
    for (const layer of doomed.sort((a, b) => b.layers.length - a.layers.length)) {
      if (!(await this.#remove(layer.id))) return;
    }
  }

  async #remove(id: string): Promise<boolean> {
    const directory = join(layersDirectory(this.directory), id);
    const exclusion = await this.#exclude(id);
    const lock = await this.#lock(join(directory, 'used'), 'exclusive', false).catch(() => undefined);
    try {
      if (lock === undefined && existsSync(join(directory, 'used'))) return false;
      // Renamed first, so that a half-removed tree never carries a layer's name.
      const grave = join(this.directory, 'building', randomBytes(8).toString('hex'));
      await rename(directory, grave);
      await removeTree(grave);
      return true;
    } finally {
      await lock?.release();
      await exclusion.release();
    }
  }

  /** Commit and removal of one id exclude each other. */
  async #exclude(id: string): Promise<FileLock> {
    const lock = await this.#lock(join(this.directory, 'locks', `${id}.commit`), 'exclusive', true);
    if (lock === undefined) throw new Error(`the lock file of layer ${id} went away while it was taken`);
    return lock;
  }

  /** Locks a file; undefined when somebody else holds it. */
  #lock(path: string, mode: 'shared' | 'exclusive', wait: boolean): Promise<FileLock | undefined> {
    return acquireFileLock(path, { shared: mode === 'shared', timeout: wait ? Number.POSITIVE_INFINITY : 0 });
  }

  async #release(locks: Map<string, FileLock>, name: string): Promise<void> {
    const lock = locks.get(name);
    locks.delete(name);
    await lock?.release();
  }
}

function freshness(layer: CachedLayer, all: Iterable<CachedLayer>): number {
  let latest = layer.lastUsed;
  for (const other of all) if (other.layers.includes(layer.id)) latest = Math.max(latest, other.lastUsed);
  return latest;
}

function layerGone(id: string, cache: string): DibError {
  return new DibError({
    code: 'DIB_CACHE_LAYER_GONE',
    severity: 'error',
    summary: `The layer ${quoted(id)} is no longer in the cache ${quotedPath(cache)}`,
    detail: 'It was pruned, or removed by hand, after the plan was made.',
    help: 'Run the command again: the layer is then built anew.',
  });
}

async function removeTree(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true, maxRetries: 3 });
}
