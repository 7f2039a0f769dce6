import { ExitCode, fail } from '../diagnostics/errors.ts';
import type { JobOptions } from '../engine/job.ts';
import type { Plan } from '../plan/plan.ts';
import type { StateLock } from '../state/lock.ts';
import type { State } from '../state/state.ts';
import type { GlobalOptions } from './command.ts';
import { type RunOutcome, runPlan } from './run-plan.ts';
import { isRoot, type Location } from './session.ts';

export interface SharedRequest {
  readonly operation: 'attach' | 'detach';
  readonly plan: Plan;
  readonly location: Location;
  readonly lock: StateLock;
  readonly options: GlobalOptions;
  readonly jobOptions?: Partial<JobOptions> | undefined;
  /** Keys of LUKS containers that are opened. */
  readonly keys?: ReadonlyMap<string, Uint8Array> | undefined;
  readonly handBack?: boolean | undefined;
}

/** Attaches or detaches everything outside of any private mount namespace, so that it outlives dib. Throws DIB_APPLY_ATTACH_ROOT without root. */
export async function inSharedNamespace(request: SharedRequest): Promise<RunOutcome> {
  const { operation, plan, location, lock, options, keys } = request;
  if (!isRoot()) needRoot(operation);
  return await runPlan({
    operation,
    plan: { ...plan, worker: { ...plan.worker, name: 'host' } },
    paths: location.paths,
    lock,
    keys,
    jobOptions: { parallelism: 1, keepOnFailure: false, ...request.jobOptions },
    options,
    handBack: request.handBack,
  });
}

function needRoot(operation: SharedRequest['operation']): never {
  const attaching = operation === 'attach';
  fail(
    {
      code: 'DIB_APPLY_ATTACH_ROOT',
      summary: attaching
        ? 'The image is built, but attaching it needs root'
        : 'The image is in use on this machine, and detaching it needs root',
      detail: 'Loop devices and mounts that outlive dib are made and undone by root.',
      help: attaching
        ? 'Look into it with `dib boot`, or run the same command with sudo.'
        : 'Run `sudo dib detach`, or this command with sudo.',
    },
    ExitCode.Unavailable,
  );
}

/** Whether the state has attachments on this machine's own kernel, as it was booted last. */
export async function isAttachedHere(state: State | undefined): Promise<boolean> {
  const { readHost } = await import('../state/host.ts');
  const { bootId } = await readHost();
  return state?.resources.some((resource) => resource.attachment?.bootId === bootId) ?? false;
}
