import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fail } from '../diagnostics/errors.ts';
import { quotedPath } from '../diagnostics/printable.ts';
import type { JsonObject } from '../util/json.ts';
import type { MountUsage } from './tree.ts';

/** What is known of one layer in the cache. */
export interface LayerMeta extends JsonObject {
  /** Full key of the resource (64 hex digits). */
  readonly key: string;
  /** For people: `layer.packages of web`. */
  readonly description: string;
  /** Digest of the inputs of a base without the mirror's digest (of a source: without its revision): by it one is found before anybody was asked. */
  readonly base?: string | undefined;
  readonly mirrorDigest?: string | undefined;
  /** Of a source: its commit, or the SHA-256 of the download. */
  readonly revision?: string | undefined;
  /** Of a base: seconds since 1970, the newest date of its package index. */
  readonly epoch?: number | undefined;
  /** Of a last layer: what each file system has to hold, by mount point. */
  readonly usage?: { readonly [mountPoint: string]: MountUsage } | undefined;
  /** How the tree is kept: `overlay` is a delta, `copy` all of it. */
  readonly form: 'overlay' | 'copy';
  /** Ids of the layers from the lowest to this one. */
  readonly layers: readonly string[];
  /** Bytes on disk of this layer alone, and its entries. */
  readonly size: number;
  readonly inodes: number;
  /** ISO 8601. */
  readonly created: string;
  /** /proc/sys/kernel/random/boot_id when it was committed, until its content was flushed to disk: after a power cut it cannot be trusted. */
  readonly unflushed?: string | undefined;
}

/** A layer as the cache lists it. */
export interface CachedLayer extends LayerMeta {
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly lastUsed: number;
}

/** The part of a key that names a layer's directory. */
export function layerId(key: string): string {
  return key.slice(0, 32);
}

export function layersDirectory(cache: string): string {
  return join(cache, 'layers');
}

/** Where the tree of a layer stands. */
export function layerTree(cache: string, id: string): string {
  return join(cache, 'layers', id, 'tree');
}

/** Where files stand that hooks made for the user while this layer was built. */
export function layerExtraOutputs(cache: string, id: string): string {
  return join(cache, 'layers', id, 'outputs');
}

export function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

/** A layer of the cache, or undefined where there is none that can be trusted. Needs no root. */
export function readLayer(cache: string, id: string): CachedLayer | undefined {
  const directory = join(layersDirectory(cache), id);
  try {
    const meta = JSON.parse(readFileSync(join(directory, 'meta.json'), 'utf8')) as LayerMeta;
    if (meta.unflushed !== undefined && meta.unflushed !== bootId()) return undefined;
    return { ...meta, id, lastUsed: statSync(join(directory, 'used')).mtimeMs };
  } catch {
    return undefined;
  }
}

/** All layers of the cache, the one that was used last first; a cache that does not exist has none. Needs no root. */
export function listLayers(cache: string): CachedLayer[] {
  let names: string[];
  try {
    names = readdirSync(layersDirectory(cache));
  } catch {
    return [];
  }
  return names.flatMap((name) => readLayer(cache, name) ?? []).sort((a, b) => b.lastUsed - a.lastUsed || (a.id < b.id ? -1 : 1));
}

/** The keys of all layers of which every layer below is there too: what a plan can reuse. Needs no root. */
export function cachedKeys(cache: string): Set<string> {
  const layers = listLayers(cache);
  const ids = new Set(layers.map((layer) => layer.id));
  return new Set(layers.filter((layer) => layer.layers.every((id) => ids.has(id))).map((layer) => layer.key));
}

/** The newest base or source whose inputs, leaving out the mirror's digest or the revision, have this digest. Needs no root. */
export function findBase(cache: string, partialKeyDigest: string): CachedLayer | undefined {
  return listLayers(cache)
    .filter((layer) => layer.base === partialKeyDigest)
    .sort((a, b) => (a.created < b.created ? 1 : -1))[0];
}

/** The uid and gid map of this process: by it the owners of files in the cache are to be read. */
export function ownMapping(): string {
  const read = (name: string) =>
    readFileSync(`/proc/self/${name}`, 'utf8')
      .trim()
      .split('\n')
      .map((line) => line.trim().split(/\s+/).join(' '))
      .join('; ');
  return `uid ${read('uid_map')}; gid ${read('gid_map')}`;
}

/** The signature that backup programs look for (bford.info/cachedir). */
export const CACHEDIR_TAG =
  'Signature: 8a477f597d28d172789f06886806bc55\n# This directory is a cache of dib: it can be deleted.\n';

/** Makes a cache directory, or throws the diagnostic that says why it cannot be one. */
export function makeCacheDirectories(cache: string): void {
  try {
    mkdirSync(cache, { recursive: true, mode: 0o755 });
    for (const name of ['layers', 'building', 'locks', 'scratch', 'elements', 'lockfiles'])
      mkdirSync(join(cache, name), { recursive: true, mode: 0o755 });
  } catch (error) {
    fail({
      code: 'DIB_CACHE_UNUSABLE',
      summary: `The cache ${quotedPath(cache)} cannot be made or written to: ${(error as Error).message}`,
      detail: 'Layers of the root file system are built in the cache.',
      help: 'Set `DIB_IMAGE_CACHE` to a directory that you can write to, on a local file system.',
    });
  }
}
