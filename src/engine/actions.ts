import { join } from 'node:path';
import { fail } from '../diagnostics/errors.ts';
import { quoted } from '../diagnostics/printable.ts';
import { type ActionLog, openActionLog } from '../exec/action-log.ts';
import type { Machine } from '../exec/machine.ts';
import { createRunner } from '../exec/run.ts';
import type { ActionContext, Kind, Outputs, Paths, RecordedResource } from '../kinds/kind.ts';
import type { TimedStep } from '../rootfs/hook-profile.ts';
import { findResource } from '../state/state.ts';
import type { StateStore } from '../state/store.ts';
import { recordMarker } from '../state/transitions.ts';
import type { Hook, Operation } from './events.ts';
import { withFullDiskExplained } from './full-disk.ts';
import type { Interrupts } from './interrupts.ts';
import { forAction, type Machines } from './machines.ts';
import { type Emit, emitDiagnostics } from './report.ts';
import type { Shells } from './shells.ts';

/** What all actions of a run share. */
export interface Surroundings {
  readonly store: StateStore;
  readonly kinds: ReadonlyMap<string, Kind>;
  readonly paths: Paths;
  readonly emit: Emit;
  readonly interrupts: Interrupts;
  readonly shells: Shells;
  readonly machines: Machines;
  /** What is attached is for looking only. */
  readonly readOnly?: boolean | undefined;
  /** Where the logs of this run go. */
  readonly logs: string;
}

export interface Action {
  readonly address: string;
  readonly kind: string;
  readonly name: string;
  readonly operation: Operation;
  /** Teardown goes on after an interrupt, and ends in time after the second. */
  readonly teardown?: boolean | undefined;
  readonly key?: string | undefined;
  readonly previous?: RecordedResource | undefined;
  readonly renew?: boolean | undefined;
  /** Where it attaches or detaches; default: where the run attaches. */
  readonly machine?: Machine | undefined;
}

/** Seconds between signs of life of an action that says nothing. */
const HEARTBEAT = 10;

const VERBS: Readonly<Record<Operation, readonly [doing: string, done: string]>> = {
  create: ['Creating', 'Creation complete'],
  reuse: ['Reusing', 'Reused'],
  update: ['Making anew', 'Complete'],
  replace: ['Replacing', 'Replacement complete'],
  delete: ['Destroying', 'Destruction complete'],
  attach: ['Attaching', 'Attached'],
  detach: ['Detaching', 'Detached'],
  forget: ['Forgetting', 'Forgotten'],
};

/** The kind of a resource. A record of a kind that this dib does not know cannot be handled. */
export function kindOf(kinds: ReadonlyMap<string, Kind>, resource: { readonly address: string; readonly kind: string }): Kind {
  return (
    kinds.get(resource.kind) ??
    fail({
      code: 'DIB_ENGINE_UNKNOWN_KIND',
      summary: `${quoted(resource.address, 200)} is of the kind \`${resource.kind}\`, which this dib does not know`,
      help: `Use the dib that made it, or remove what it stands for by hand and run ${quoted(`dib state rm ${resource.address}`, 200)}.`,
      address: resource.address,
    })
  );
}

/** Runs one action with its log, its events and its signals. */
export async function perform(
  surroundings: Surroundings,
  action: Action,
  body: (context: ActionContext) => Promise<Outputs>,
): Promise<Outputs> {
  const { emit } = surroundings;
  const log = openActionLog(join(surroundings.logs, `${action.address.replaceAll('/', '_')}.log`));
  const hook: Hook = {
    resource: { addr: action.address, kind: action.kind, name: action.name },
    action: action.operation,
    log: log.path,
  };
  const [doing, done] = VERBS[action.operation];
  const started = performance.now();
  const elapsed = () => Math.round((performance.now() - started) / 100) / 10;
  emit({ type: 'apply_start', hook }, `${action.address}: ${doing}...`);
  const progress = (message?: string) => {
    const text = message ?? `Still ${doing.toLowerCase()}... [${Math.round(elapsed())}s elapsed]`;
    const shown = message === undefined ? {} : { message };
    emit({ type: 'apply_progress', hook: { ...hook, elapsed_seconds: elapsed(), ...shown } }, `${action.address}: ${text}`);
  };
  const heartbeat = setInterval(() => progress(), HEARTBEAT * 1000);
  try {
    const profile = (steps: readonly TimedStep[]) =>
      emit({ type: 'apply_profile', hook, steps }, `${action.address}: Time of ${steps.length} steps`);
    const outputs = await body(contextOf(surroundings, action, log, { progress, profile }));
    emit(
      { type: 'apply_complete', hook: { ...hook, elapsed_seconds: elapsed(), outputs } },
      `${action.address}: ${done} after ${elapsed()}s`,
    );
    return outputs;
  } catch (error) {
    log.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    emit(
      { type: 'apply_errored', hook: { ...hook, elapsed_seconds: elapsed() } },
      `${action.address}: ${doing} failed after ${elapsed()}s`,
      'error',
    );
    throw error;
  } finally {
    clearInterval(heartbeat);
    log.close();
  }
}

function contextOf(
  surroundings: Surroundings,
  action: Action,
  log: ActionLog,
  say: Pick<ActionContext, 'progress' | 'profile'>,
): ActionContext {
  const { store, paths, interrupts } = surroundings;
  const { address } = action;
  const interruptible = surroundings.kinds.get(action.kind)?.interruptible === true;
  const signal = action.teardown === true ? interrupts.giveUp : interruptible ? interrupts.stop : interrupts.kill;
  const killSignal = action.teardown === true ? interrupts.giveUp : interrupts.kill;
  const options = { log, signal, killSignal, address };
  const runner = createRunner(options);
  const explained = <T>(running: Promise<T>) => withFullDiskExplained([paths.work, paths.state, paths.cache], running);
  return {
    address,
    paths,
    signal,
    key: action.key,
    previous: action.previous,
    renew: action.renew,
    readOnly: surroundings.readOnly,
    logFile: log.path,
    run: (command, limits) => explained(runner.run(command, limits)),
    machine: async () => {
      const machine = forAction(action.machine ?? (await explained(surroundings.machines.open())), options);
      return { ...machine, run: (command) => explained(machine.run(command)) };
    },
    outputs: (other) => {
      const resource = findResource(store.current, other);
      if (resource === undefined || resource.status === 'creating')
        throw new Error(`${address} asks for outputs of ${other}, which is not created`);
      return resource.outputs;
    },
    attachment: (other) => {
      const attachment = findResource(store.current, other)?.attachment;
      if (attachment?.status !== 'attached')
        throw new Error(`${address} asks for the attachment of ${other}, which is not attached`);
      return attachment.outputs;
    },
    ...say,
    warn: (diagnostic) => emitDiagnostics(surroundings.emit, [diagnostic]),
    openShell: (request) => surroundings.shells.open(request, interrupts.stop),
    log: (text) => log.write(text.endsWith('\n') ? text : `${text}\n`),
    intend: async (marker) => {
      await store.update((state) => recordMarker(state, address, marker));
    },
  };
}
