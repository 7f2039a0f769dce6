import type { Plan } from '../plan/plan.ts';
import type { GlobalOptions } from './command.ts';
import { sayEvent } from './run-plan.ts';

/** Shows what is about to be done: the plan as text, or its parts as events. */
export async function announcePlan(plan: Plan, options: GlobalOptions): Promise<void> {
  if (options.json !== true) {
    const [{ renderPlan }, { colourFor }] = await Promise.all([import('../ui/plan-text.ts'), import('../ui/colour.ts')]);
    process.stdout.write(renderPlan(plan, colourFor(process.stdout, options.color), process.stdout.columns));
    return;
  }
  sayEvent(options, { type: 'version', dib: plan.dib_version, ui: '1.0' }, `dib ${plan.dib_version}`);
  for (const { address, change, reason } of plan.resource_drift ?? []) {
    const event = { type: 'resource_drift' as const, change: { resource: { addr: address }, action: change.actions } };
    sayEvent(options, event, `${address} ${reason}`);
  }
  for (const step of plan.teardown ?? []) {
    sayEvent(options, { type: 'planned_teardown', teardown: step }, `${step.action}: ${step.detail}`);
  }
  for (const { address, change, reason } of plan.resource_changes) {
    if (change.actions[0] === 'no-op') continue;
    const event = { type: 'planned_change' as const, change: { resource: { addr: address }, action: change.actions } };
    sayEvent(options, event, `${address} ${reason}`);
  }
  const { add, change, destroy } = plan.summary;
  const { summaryLine } = await import('../ui/plan-text.ts');
  sayEvent(options, { type: 'change_summary', changes: { add, change, remove: destroy, operation: 'plan' } }, summaryLine(plan));
}
