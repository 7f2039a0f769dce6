import { basename } from 'node:path';
import { ExitCode } from '../diagnostics/errors.ts';
import type { Plan } from '../plan/plan.ts';
import type { State } from '../state/state.ts';
import { announcePlan } from './announce.ts';
import type { GlobalOptions } from './command.ts';
import { approve, sayEvent } from './run-plan.ts';
import { type Location, readPast } from './session.ts';
import { dibVersion } from './version.ts';

/** The plan that only records what changed outside of dib. */
export async function refreshPlanOf(location: Location): Promise<Plan> {
  const [{ past, state }, { makeRefreshPlan }, { kindRegistry }] = await Promise.all([
    readPast(location),
    import('../plan/refresh-plan.ts'),
    import('../kinds/registry.ts'),
  ]);
  const image = state?.image ?? { file: location.file, name: basename(location.file), sha256: '' };
  return await makeRefreshPlan({ past, image, kinds: kindRegistry(), paths: location.paths, dibVersion: dibVersion() });
}

export interface RefreshOptions extends GlobalOptions {
  readonly autoApprove?: boolean;
}

/** Shows what changed outside of dib, asks, and records it. The state must be locked. Nothing else is touched. */
export async function applyRefresh(
  plan: Plan,
  location: Location,
  options: RefreshOptions & { readonly approved: boolean },
): Promise<ExitCode> {
  await announcePlan(plan, options);
  const { isRecordable, recordDrift } = await import('../state/record-drift.ts');
  if (!(plan.resource_drift ?? []).some(isRecordable)) return ExitCode.Ok;
  if (!options.approved && options.autoApprove !== true)
    await approve('Would you like to update the state to reflect these detected changes?', 'Apply');
  await changeState(location, plan, (state) => recordDrift(state, plan.resource_drift));
  const changes = { add: 0, change: 0, remove: 0, operation: 'apply' as const };
  const summary = 'Apply complete! Resources: 0 added, 0 changed, 0 destroyed.';
  sayEvent(options, { type: 'change_summary', changes }, summary);
  if (options.json !== true) process.stdout.write(`\n${summary}\n`);
  return ExitCode.Ok;
}

/** Forgets attachments that are gone, as every run does that has nothing else to do. The state must be locked. */
export async function forgetDetached(plan: Plan, location: Location): Promise<void> {
  if (plan.resource_drift === undefined) return;
  const { recordDetachments } = await import('../state/record-drift.ts');
  await changeState(location, plan, (state) => recordDetachments(state, plan.resource_drift));
}

async function changeState(location: Location, plan: Plan, change: (state: State) => State): Promise<void> {
  const [{ openState }, { readHost }] = await Promise.all([import('../state/store.ts'), import('../state/host.ts')]);
  const options = { dibVersion: dibVersion(), image: plan.image, host: await readHost() };
  const store = await openState(location.paths.state, options);
  await store.update(change);
}
