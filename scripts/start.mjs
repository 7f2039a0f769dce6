// `npm start`: from a fresh clone to a bootable image.
import { createHash } from 'node:crypto';
import { createReadStream, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { main, ROOT, run, SetupError, say, TOP } from './host.mjs';
import { setUp } from './setup.mjs';

const IMAGE = 'examples/quickstart/image.yaml';

await main(async () => {
  setUp(['build', 'optional']);
  if (!ROOT) say('Not root: the image is built in a user namespace.');
  say(`\nnode bin/dib.js apply --auto-approve ${IMAGE}`);
  run(['node', 'bin/dib.js', 'apply', '--auto-approve', IMAGE]);
  for (const path of builtImages()) {
    say(`\nImage:   ${relative(process.cwd(), path)}`);
    say(`Size:    ${describeSize(statSync(path))}`);
    say(`SHA-256: ${await sha256(path)}`);
  }
  say(`Boot it: node bin/dib.js boot ${IMAGE}`);
});

/** Paths of the outputs that the state records. */
function builtImages() {
  const directory = dirname(join(TOP, IMAGE));
  const { resources } = JSON.parse(readFileSync(join(directory, '.dib/state.json'), 'utf8'));
  const outputs = Object.values(resources).filter(({ kind }) => kind === 'output');
  if (outputs.length === 0) throw new SetupError(`${IMAGE} was applied, but its state records no output.`);
  return outputs.map(({ outputs: { path } }) => resolve(directory, path));
}

function describeSize({ size, blocks }) {
  const mebibytes = (bytes) => `${(bytes / 1024 ** 2).toFixed(1)} MiB`;
  return `${mebibytes(size)} (${mebibytes(blocks * 512)} on disk)`;
}

async function sha256(path) {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest('hex');
}
