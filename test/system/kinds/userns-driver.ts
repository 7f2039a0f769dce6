// Builds a disk and its outputs in this process, as a worker without root does: run inside `unshare --user --map-auto --map-root-user --mount`.
// usage: node userns-driver.js TREE TARGET
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { MiniEngine } from './harness.ts';
import { multiFilesystems } from './layouts.ts';
import { makeTree } from './tree-fixture.ts';

const [tree, target] = process.argv.slice(2) as [string, string];
mkdirSync(tree);
makeTree(tree);
const engine = new MiniEngine({
  blockDevice: multiFilesystems('gpt'),
  tree,
  outputs: [{ format: 'qcow2', compression: 'zstd' }, { format: 'tar' }],
});
await engine.apply();
for (const name of ['web.qcow2', 'web.tar']) copyFileSync(join(engine.paths.image, name), join(target, name));
await engine.close();
