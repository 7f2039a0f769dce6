import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Job } from '../../../src/engine/job.ts';
import { buildRuntime } from '../../../src/engine/runtime.ts';
import { runWorker } from '../../../src/engine/worker-process.ts';
import { deadlyStore } from './deadly-store.ts';

// The worker of the product, but for this: the file `kill` beside image.yaml says at which write of the state it is to be killed,
// and the file `writes` gets their number. It goes on when the file `killed` says that another was killed, or `pictured` that a picture was taken.
// argv: job file.
const [, , jobFile = ''] = process.argv;
const { paths } = JSON.parse(readFileSync(jobFile, 'utf8')) as Job;
const order = join(paths.image, 'kill');
const pictured = join(paths.image, 'pictured');
const point = existsSync(order) ? readFileSync(order, 'utf8') : '-';

process.exitCode = await runWorker(jobFile, buildRuntime, {
  stdin: process.stdin,
  stdout: process.stdout,
  wrapStore: (store) =>
    deadlyStore(
      store,
      point,
      (writes) => writeFileSync(join(paths.image, 'writes'), String(writes)),
      () => existsSync(join(paths.image, 'killed')),
      () => (existsSync(pictured) ? readFileSync(pictured, 'utf8').split('\n') : []),
    ),
});
