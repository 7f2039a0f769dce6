import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DibError } from '../../../src/diagnostics/errors.ts';
import type { Event } from '../../../src/engine/events.ts';
import type { Job } from '../../../src/engine/job.ts';
import type { WorkerName } from '../../../src/plan/plan.ts';
import { lockState } from '../../../src/state/lock.ts';
import { startWorker, withSignals } from '../../../src/workers/worker.ts';
import { jobFor } from './image.ts';
import type { Spec } from './kinds.ts';

// The real front around the real worker. argv: ROOT, OPERATION, SPEC (JSON), KILL (see worker-under-test), VICTIM (`front` or `worker`), WORKER.
// Prints each event, then {"type":"front_exit"}; interrupts and kills as asked.
const [, , root = '', operation = 'apply', spec = '{}', kill = '-', victim = 'front', place = 'host'] = process.argv;
const print = (value: object) => process.stdout.write(`${JSON.stringify(value)}\n`);

async function main(): Promise<number> {
  const stateDirectory = join(root, '.dib');
  const lock = await lockState(stateDirectory, { operation, timeout: 20_000 });
  try {
    const keys = new Set(readdirSync(root).includes('cache') ? readdirSync(join(root, 'cache')) : []);
    const job = await jobFor(root, operation as Job['operation'], JSON.parse(spec) as Spec, keys);
    let pid = 0;
    const onEvent = (event: Event) => {
      if ((event.type as string) !== 'kill_now') print(event);
      else if (victim === 'front') process.kill(process.pid, 'SIGKILL');
      else process.kill(-pid, 'SIGKILL');
    };
    const command = [process.execPath, join(import.meta.dirname, 'worker-under-test.js'), spec, kill];
    const worker = await startWorker({ worker: place as WorkerName, job, lockFd: lock.fd, command, onEvent });
    pid = worker.pid;
    print({ type: 'worker_started', pid });
    return await withSignals(
      worker,
      (message) => print({ type: 'say', message }),
      () => worker.done,
    );
  } catch (error) {
    if (!(error instanceof DibError)) throw error;
    for (const diagnostic of error.diagnostics) print({ type: 'diagnostic', diagnostic });
    return error.exitCode;
  } finally {
    await lock.release();
  }
}

process.exitCode = await main();
