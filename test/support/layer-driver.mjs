// Builds the layers of an image in this process, as a worker does, and prints what came of it as JSON.
// usage: node layer-driver.mjs REQUEST.json   (inside the namespaces of a worker)
import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const request = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const load = (path) => import(pathToFileURL(join(request.dist, path)).href);
const [
  { loadElements },
  { baseDigest, bootstrapInputs, layerResources },
  { layerKind },
  { LayerCache },
  { chooseSnapshotter },
  { createRunner },
  { resourceKey },
  { findBase },
  { openScratch },
] = await Promise.all(
  [
    'elements/load.js',
    'kinds/layer-graph.js',
    'kinds/layer.js',
    'rootfs/cache.js',
    'rootfs/snapshot.js',
    'exec/run.js',
    'plan/keys.js',
    'rootfs/cache-layout.js',
    'rootfs/scratch.js',
  ].map(load),
);
const { treeManifest } = await import('./tree-manifest.mjs');

const log = [];
const result = { layers: {}, seconds: {}, keys: {} };
// In a pid namespace every worker is process 1.
const scratch = join(request.cache, 'scratch', `driver-${randomUUID()}`);
const held = await openScratch(scratch);
const runner = createRunner({
  log: { path: '', write: (data) => log.push(String(data)), close() {} },
});
try {
  const cache = await LayerCache.open(request.cache);
  const snapshotter = await chooseSnapshotter(request.cache, scratch, runner, (reason) => log.push(reason));
  if (request.prune) {
    result.pruned = (await cache.prune(request.prune)).map((layer) => layer.description);
  } else {
    await build(cache, snapshotter);
  }
  await snapshotter.close();
} catch (error) {
  result.error = error.diagnostics ?? [{ summary: String(error.stack) }];
} finally {
  await held.close();
}
process.stdout.write(`${JSON.stringify({ ...result, log: log.join('\n').slice(-200_000) })}\n`);
// Pins last as long as the process.
if (request.hold) await new Promise((resolve) => process.stdin.once('end', resolve).resume());

async function build(cache, snapshotter) {
  const image = request.image;
  const checked = await loadElements({
    named: image.elements.map((name) => ({ name })),
    searchPath: request.searchPath,
    builtinDirectory: request.builtinDirectory,
    imageDirectory: request.imageDirectory ?? '/',
    distro: image.distro,
    arch: 'amd64',
    environment: image.environment,
    packages: image.packages,
    skipBase: request.skipBase,
  });
  if (checked.value === undefined) throw new Error(JSON.stringify(checked.diagnostics));
  const elementSet = checked.value;
  // As the planner does: a base that the cache has is used.
  const known = findBase(request.cache, baseDigest(bootstrapInputs(image.distro)));
  const options = {
    systemFiles: { '/etc/fstab': 'LABEL=root / ext4 defaults 0 1\n' },
    initramfsFiles: [],
    layout: request.layout,
    mirrorDigest: known?.mirrorDigest,
  };
  const kind = layerKind({ elementSet, image, layout: request.layout, cache, snapshotter, libexec: request.libexec });
  const outputs = new Map();
  let last;
  for (const resource of layerResources(elementSet, image, options)) {
    const started = performance.now();
    const made = await kind.create(resource.inputs, {
      address: resource.address,
      paths: { cache: request.cache, scratch, image: '/', state: scratch, work: scratch },
      signal: new AbortController().signal,
      outputs: (address) => outputs.get(address),
      attachment: () => ({}),
      progress: (message) => log.push(`# ${message}`),
      log: (text) => log.push(text),
      warn: (diagnostic) => log.push(diagnostic.summary),
      profile: () => {},
      openShell: async () => {},
      intend: async () => {},
      run: (command) => runner.run(command),
    });
    outputs.set(resource.address, made);
    result.layers[resource.address] = made;
    result.seconds[resource.address] = (performance.now() - started) / 1000;
    const keyed = {
      ...resource,
      inputs: made.mirrorDigest ? { ...resource.inputs, mirrorDigest: made.mirrorDigest } : resource.inputs,
    };
    result.keys[resource.address] = resourceKey(keyed, (address) => outputs.get(address)?.key)?.key;
    last = made;
  }
  if (request.manifest) {
    const tree = await snapshotter.mountTree(last.layers);
    result.manifest = treeManifest(tree);
    result.texts = Object.fromEntries((request.read ?? []).map((path) => [path, readText(join(tree, path))]));
  }
}

function readText(path) {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}
