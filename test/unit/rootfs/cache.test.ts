import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LayerCache } from '../../../src/rootfs/cache.ts';
import { cachedKeys, findBase, layerId, listLayers } from '../../../src/rootfs/cache-layout.ts';
import { sha256 } from '../../../src/util/hash.ts';

let directory: string;
let cache: LayerCache;

beforeEach(async () => {
  directory = join(mkdtempSync(join(tmpdir(), 'dib-cache-')), 'cache');
  cache = await LayerCache.open(directory);
});
afterEach(async () => {
  await cache.unpin();
  rmSync(dirname(directory), { recursive: true, force: true });
});

async function add(name: string, below: readonly string[] = [], options: { base?: string; mirrorDigest?: string } = {}) {
  const building = await cache.begin();
  writeFileSync(join(building.tree, 'file'), name.repeat(10_000));
  return await cache.commit(building, {
    key: sha256(name),
    keyDocument: { name },
    description: name,
    form: 'overlay',
    below,
    base: options.base,
    mirrorDigest: options.mirrorDigest,
  });
}

const used = (id: string, seconds: number) => utimesSync(join(directory, 'layers', id, 'used'), seconds, seconds);

describe('a layer', () => {
  test('is found by its key once committed, with its readable key document', async () => {
    expect(cache.has(sha256('a'))).toBe(false);
    const layer = await add('a');
    expect(layer).toMatchObject({ key: sha256('a'), id: layerId(sha256('a')), layers: [layerId(sha256('a'))], inodes: 2 });
    expect(cache.has(sha256('a'))).toBe(true);
    expect([...cachedKeys(directory)]).toEqual([sha256('a')]);
    expect(JSON.parse(readFileSync(join(directory, 'layers', layer.id, 'key.json'), 'utf8'))).toEqual({ name: 'a' });
    expect(readFileSync(join(directory, 'CACHEDIR.TAG'), 'utf8')).toMatch(/^Signature: 8a477f597d28d172789f06886806bc55\n/);
    expect(readdirSync(join(directory, 'building'))).toEqual([]);
  });

  test('of the same key is made once: the first to commit wins', async () => {
    const first = await add('a');
    const building = await cache.begin();
    writeFileSync(join(building.tree, 'other'), '');
    const document = { key: sha256('a'), keyDocument: {}, description: 'late', form: 'overlay', below: [] } as const;
    expect(await cache.commit(building, document)).toMatchObject({ description: 'a', created: first.created });
    expect(readdirSync(cache.tree(first.id))).toEqual(['file']);
    expect(existsSync(building.directory)).toBe(false);
  });

  test('is no use without those below it', async () => {
    const base = await add('base');
    await add('top', base.layers);
    rmSync(join(directory, 'layers', base.id), { recursive: true });
    expect(cache.has(sha256('top'))).toBe(false);
    expect([...cachedKeys(directory)]).toEqual([]);
  });

  test('that was not flushed before the machine went down is not trusted', async () => {
    const layer = await add('a');
    const path = join(directory, 'layers', layer.id, 'meta.json');
    writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), unflushed: 'another boot' }));
    expect(cache.has(sha256('a'))).toBe(false);
    await cache.unpin();
    await cache.collect();
    expect(existsSync(join(directory, 'layers', layer.id))).toBe(false);
  });

  test('that was flushed is trusted for ever', async () => {
    await add('a');
    await cache.markFlushed();
    expect(listLayers(directory)[0]?.unflushed).toBeUndefined();
    expect(cache.has(sha256('a'))).toBe(true);
  });
});

test('the newest base of a partial key is found without knowing the mirror', async () => {
  await add('old', [], { base: 'partial', mirrorDigest: 'm1' });
  const newer = await add('new', [], { base: 'partial', mirrorDigest: 'm2' });
  const path = join(directory, 'layers', newer.id, 'meta.json');
  writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), created: '2999-01-01T00:00:00.000Z' }));
  expect(findBase(directory, 'partial')?.mirrorDigest).toBe('m2');
  expect(findBase(directory, 'other')).toBeUndefined();
  expect(findBase(join(directory, 'nowhere'), 'partial')).toBeUndefined();
});

describe('buildings', () => {
  test('of the dead are collected, of the living not', async () => {
    const mine = await cache.begin();
    mkdirSync(join(directory, 'building/dead/tree'), { recursive: true });
    writeFileSync(join(directory, 'building/dead.lock'), '');
    mkdirSync(join(directory, 'building/grave'));
    const other = await LayerCache.open(directory);
    expect(readdirSync(join(directory, 'building')).sort()).toEqual(
      [mine.directory, `${mine.directory}.lock`].map((path) => path.slice(join(directory, 'building/').length)).sort(),
    );
    await other.unpin();
    await cache.discard(mine);
    expect(readdirSync(join(directory, 'building'))).toEqual([]);
  });
});

describe('pruning', () => {
  test('takes the least recently used first, and layers before those they stand on', async () => {
    const base = await add('base');
    const old = await add('old', base.layers);
    const fresh = await add('fresh', base.layers);
    await cache.unpin();
    for (const [layer, seconds] of [
      [base, 1],
      [old, 100],
      [fresh, 200],
    ] as const)
      used(layer.id, seconds);
    const removed = await cache.prune({ maxSize: base.size + fresh.size });
    expect(removed.map((layer) => layer.description)).toEqual(['old']);
    expect((await cache.prune({ maxSize: 0 })).map((layer) => layer.description)).toEqual(['fresh', 'base']);
    expect(readdirSync(join(directory, 'layers'))).toEqual([]);
  });

  test('leaves what a build uses, all: true or not', async () => {
    const base = await add('base');
    const top = await add('top', base.layers);
    await cache.unpin();
    const build = await LayerCache.open(directory);
    await build.pin(top.layers);
    expect(await cache.prune({ maxSize: 0, all: true })).toEqual([]);
    await build.unpin();
    expect((await cache.prune({ maxSize: 0, all: true })).length).toBe(2);
    await expect(build.pin(top.layers)).rejects.toThrow(`The layer \`${base.id}\` is no longer in the cache \`${directory}\``);
  });
});

test('a cache of another mapping of user ids is refused', async () => {
  writeFileSync(join(directory, 'mapping'), 'uid 0 1000 1; gid 0 1000 1\n');
  await expect(LayerCache.open(directory)).rejects.toThrow(`The cache \`${directory}\` belongs to another mapping of user ids`);
});

test('several builds may mark the same layers as flushed at once', async () => {
  const layers = [await add('a'), await add('b'), await add('c')];
  const others = await Promise.all([1, 2, 3].map(() => LayerCache.open(directory)));
  await Promise.all([cache, ...others].map((each) => each.markFlushed()));
  expect(cache.list().filter((layer) => layer.unflushed !== undefined)).toEqual([]);
  expect(layers.every(({ key }) => cache.has(key))).toBe(true);
});
