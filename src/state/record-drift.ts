import type { Found } from '../kinds/kind.ts';
import type { Plan, ResourceChange } from '../plan/plan.ts';
import { canonicalJson, type Json, type JsonObject } from '../util/json.ts';
import { findResource, type State } from './state.ts';
import { recordDetached, recordFound, removeResource } from './transitions.ts';

/** The state with what changed outside of dib: what is gone is forgotten, what differs is recorded as it is, what is detached is no longer attached. */
export function recordDrift(state: State, drift: Plan['resource_drift']): State {
  return (drift ?? []).reduce(recordOne, state);
}

/** Of the same, only that attachments are gone: nobody has to be asked for that. */
export function recordDetachments(state: State, drift: Plan['resource_drift']): State {
  return (drift ?? []).filter(isDetached).reduce((current, { address }) => withoutAttachment(current, address), state);
}

/** Whether recording it would change the state: what others do with a disk file is not recorded. */
export function isRecordable(change: ResourceChange): boolean {
  return change.action_reason !== 'drift_because_held';
}

function recordOne(state: State, change: ResourceChange): State {
  const { address } = change;
  const { after } = change.change;
  if (findResource(state, address) === undefined || !isRecordable(change)) return state;
  if (after === null) return removeResource(state, address);
  const { outputs = {}, stamp } = after as Found;
  const recorded = recordFound(state, address, { outputs: changedMembers(outputs, change.change.before?.['outputs']), stamp });
  return isDetached(change) ? withoutAttachment(recorded, address) : recorded;
}

/** Members of other names are not touched: an input may have the name of an output and another meaning. */
function changedMembers(after: JsonObject, before: Json | undefined): JsonObject {
  const old = (before ?? {}) as JsonObject;
  return Object.fromEntries(Object.entries(after).filter(([name, value]) => canonicalJson(value) !== canonicalJson(old[name])));
}

function isDetached({ change: { before, after } }: ResourceChange): boolean {
  return after !== null && before?.['attachment'] !== undefined && after['attachment'] === undefined;
}

function withoutAttachment(state: State, address: string): State {
  return findResource(state, address)?.attachment === undefined ? state : recordDetached(state, address);
}
