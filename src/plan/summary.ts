import type { Plan, ResourceChange } from './plan.ts';

/** Counts as Terraform does: a replacement is one to add and one to destroy. */
export function summarise(changes: readonly ResourceChange[]): Plan['summary'] {
  const has = (verb: string) => changes.filter(({ change }) => (change.actions as readonly string[]).includes(verb)).length;
  return { add: has('create'), change: has('update'), destroy: has('delete') };
}
