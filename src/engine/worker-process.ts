import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { ExitCode } from '../diagnostics/errors.ts';
import type { Machine } from '../exec/machine.ts';
import { ownFiles } from '../plan/own-files.ts';
import { openScratch } from '../rootfs/scratch.ts';
import { readHost } from '../state/host.ts';
import { keepReserve } from '../state/reserve.ts';
import type { Host } from '../state/state.ts';
import { openState, type StateStore } from '../state/store.ts';
import type { Surroundings } from './actions.ts';
import { applyPlan, type Failure, type RunResult } from './apply.ts';
import { attachImage } from './attach.ts';
import { Attachments } from './attachments.ts';
import { destroyPlan } from './destroy.ts';
import { createInterrupts, type Interrupts } from './interrupts.ts';
import type { Job, Runtime, RuntimeBuilder } from './job.ts';
import { createMachines } from './machines.ts';
import { type ControlMessage, type ExitMessage, parseMessage } from './protocol.ts';
import { diagnosticsOf, emitDiagnostics, emitter, exitCodeOf } from './report.ts';
import { ReceivedKeys } from './secret-keys.ts';
import { Shells } from './shells.ts';
import { detachEverything } from './teardown.ts';

/** Where a worker's events go and its orders come from; the store may be wrapped by tests. */
export interface WorkerIo {
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly wrapStore?: ((store: StateStore) => StateStore) | undefined;
}

/** Directories of logs that are kept. */
const KEPT_LOGS = 10;

/**
 * A worker from start to end: reads its job, carries it out, tells what happens, and gives its exit status. The last line that it writes is
 * an ExitMessage: without it, the worker died.
 */
export async function runWorker(jobFile: string, build: RuntimeBuilder, io: WorkerIo): Promise<ExitCode> {
  const send = (message: object) => void io.stdout.write(`${JSON.stringify(message)}\n`);
  // Without a reader there is no front, and the end of standard input says so as well.
  io.stdout.on('error', () => {});
  const emit = emitter(send);
  let code: ExitCode;
  try {
    const job = JSON.parse(await readFile(jobFile, 'utf8')) as Job;
    const interrupts = createInterrupts(job.options.grace);
    const keys = new ReceivedKeys();
    const shells = new Shells(send);
    listen(io.stdin, interrupts, keys, shells);
    try {
      code = await carryOut(job, (host) => build(job, host, keys), { emit, interrupts, shells }, io);
    } finally {
      interrupts.close();
    }
  } catch (error) {
    emitDiagnostics(emit, diagnosticsOf(error));
    code = exitCodeOf([error]);
  }
  io.stdin.destroy();
  send({ type: 'worker_exit', exit_code: code } satisfies ExitMessage);
  return code;
}

function listen(stdin: Readable, interrupts: Interrupts, keys: ReceivedKeys, shells: Shells): void {
  const lines = createInterface({ input: stdin });
  lines.on('line', (line) => {
    const message = parseMessage(line) as ControlMessage | undefined;
    if (message?.type === 'secrets') keys.receive(message);
    if (message?.type === 'shell_ended') shells.ended(message.id);
    if (message?.type === 'interrupt') interrupts.raise(message.level);
  });
  lines.on('close', () => {
    keys.end();
    interrupts.raise(2);
    shells.end();
  });
  stdin.on('error', () => {});
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => interrupts.raise(1));
}

async function carryOut(
  job: Job,
  build: (host: Host) => Promise<Runtime>,
  front: Pick<Surroundings, 'emit' | 'interrupts' | 'shells'>,
  io: WorkerIo,
): Promise<ExitCode> {
  const { plan, paths, operation } = job;
  const host = await readHost();
  const opened = await openState(paths.state, { dibVersion: plan.dib_version, image: plan.image, host, operation });
  const store = io.wrapStore?.(opened) ?? opened;
  // Before anything else is made: where there is a state, destroy knows that there is something to look for.
  await store.update((state) => state);
  if (operation === 'apply') await keepReserve(paths.state);
  const logs = await makeLogDirectory(join(paths.state, 'logs'), store.current.serial);
  const scratch = await openScratch(paths.scratch);
  try {
    const runtime = await build(host);
    const machines = createMachines(host.bootId, virtualMachine(job));
    const surroundings: Surroundings = { ...front, store, kinds: runtime.kinds, paths, machines, logs };
    try {
      return await inRuntime(job, runtime, surroundings);
    } finally {
      await machines.close();
    }
  } finally {
    await scratch.close();
  }
}

/** How the virtual machine of a run is booted, if it has one: at first use. */
function virtualMachine({ plan, paths }: Job): (() => Promise<Machine>) | undefined {
  const { name, machine } = plan.worker;
  if (name !== 'vm') return undefined;
  return async () => {
    if (machine === undefined) throw new Error('the plan names no virtual machine');
    await mkdir(paths.scratch, { recursive: true });
    return (await import('../vm/open.ts')).openMachine({ backend: machine, scratch: paths.scratch, cache: paths.cache });
  };
}

async function inRuntime(job: Job, runtime: Runtime, surroundings: Surroundings): Promise<ExitCode> {
  const { plan } = job;
  try {
    if (job.operation === 'apply') {
      // What the plan took from the cache, or forgot on purpose, holds for this run: its keys were made with it.
      await surroundings.store.update((state) => ({ ...state, worker: plan.worker.name, facts: plan.facts }));
    }
    const result = await operate(job, runtime, surroundings);
    return report(job, result, surroundings);
  } finally {
    await runtime.close();
  }
}

async function operate(job: Job, runtime: Runtime, surroundings: Surroundings): Promise<RunResult> {
  const nothing: RunResult = { added: 0, changed: 0, removed: 0, failures: [], notRun: [] };
  switch (job.operation) {
    case 'apply':
      return applyPlan(job.plan, runtime, surroundings, job.options);
    case 'destroy':
      return destroyPlan(job.plan, surroundings, runtime.collect?.bind(runtime));
    case 'detach':
      return { ...nothing, failures: await detach(job, runtime, surroundings) };
    case 'attach':
      return { ...nothing, failures: await attachImage(surroundings, job.options.attach ?? { readOnly: true, mount: true }) };
  }
}

async function detach(job: Job, runtime: Runtime, surroundings: Surroundings): Promise<readonly Failure[]> {
  const { store, paths } = surroundings;
  const failures =
    job.options.stopAll === true
      ? await detachEverything(surroundings, await ownFiles(store.current.resources, paths), { force: false })
      : await new Attachments(surroundings).detachAll();
  await runtime.collect?.();
  return failures;
}

function report(job: Job, result: RunResult, { emit, store, interrupts }: Surroundings): ExitCode {
  const { added, changed, removed, failures, notRun } = result;
  for (const { address, error } of failures) emitDiagnostics(emit, diagnosticsOf(error, address === '' ? undefined : address));
  for (const addr of notRun) {
    const [kind = '', ...name] = addr.split('.');
    const action = job.operation === 'destroy' ? 'delete' : 'create';
    emit({ type: 'apply_skipped', hook: { resource: { addr, kind, name: name.join('.') }, action } }, `${addr}: Not started`);
  }
  const interrupted = interrupts.halt.aborted && (notRun.length > 0 || failures.length > 0);
  const complete = failures.length === 0 && !interrupted;
  if (job.operation === 'apply' || job.operation === 'destroy') {
    const word = job.operation === 'apply' ? 'Apply' : 'Destroy';
    const counts =
      job.operation === 'apply' ? `${added} added, ${changed} changed, ${removed} destroyed` : `${removed} destroyed`;
    emit(
      { type: 'change_summary', changes: { add: added, change: changed, remove: removed, operation: job.operation } },
      `${word} ${complete ? 'complete!' : interrupted ? 'interrupted.' : 'failed.'} Resources: ${counts}.`,
    );
  }
  if (job.operation === 'apply' && complete) {
    const made = store.current.resources.filter((resource) => resource.kind === 'output');
    emit(
      { type: 'outputs', outputs: Object.fromEntries(made.map((resource) => [resource.address, resource.outputs])) },
      `Outputs: ${made.length}`,
    );
  }
  if (interrupted) return ExitCode.Interrupted;
  return exitCodeOf(failures.map((failure) => failure.error));
}

/** The directory for this run's logs; of earlier runs the last few are kept. */
async function makeLogDirectory(parent: string, serial: number): Promise<string> {
  const directory = join(parent, String(serial).padStart(6, '0'));
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const runs = (await readdir(parent)).filter((name) => /^\d{6,}$/.test(name)).sort();
  for (const old of runs.slice(0, -KEPT_LOGS)) await rm(join(parent, old), { recursive: true, force: true });
  return directory;
}
