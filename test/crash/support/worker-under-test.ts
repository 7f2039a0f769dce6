import { runWorker } from '../../../src/engine/worker-process.ts';
import { deadlyStore } from './deadly-store.ts';
import { runtimeFor } from './image.ts';
import type { Spec } from './kinds.ts';

// The real worker with small kinds. argv: SPEC (JSON), KILL (`-`, or `before:N` or `after:N`: the N-th write of the state), job file.
const [, , spec = '{}', kill = '-', jobFile = ''] = process.argv;

process.exitCode = await runWorker(jobFile, async () => runtimeFor(JSON.parse(spec) as Spec), {
  stdin: process.stdin,
  stdout: process.stdout,
  wrapStore: (store) => deadlyStore(store, kill),
});
