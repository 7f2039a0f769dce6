import { dirname } from 'node:path';
import type { ChalkInstance } from 'chalk';
import { quotedPath } from '../diagnostics/printable.ts';
import type { Actions, Plan, ResourceChange } from '../plan/plan.ts';
import { drawDisks } from './disk-map.ts';
import { renderDrift, renderTeardown } from './drift-text.ts';

const SYMBOLS: Readonly<Record<string, { readonly symbol: string; readonly meaning: string }>> = {
  create: { symbol: '  +', meaning: 'create' },
  update: { symbol: '  ~', meaning: 'update: make anew beside the old one' },
  'delete,create': { symbol: '-/+', meaning: 'destroy and then create replacement' },
  delete: { symbol: '  -', meaning: 'destroy' },
  forget: { symbol: '  .', meaning: 'forget' },
  'no-op': { symbol: '  =', meaning: 'reuse' },
};

/** The plan for people. One paragraph a resource in execution order; resources that are up to date are only counted. */
export function renderPlan(plan: Plan, colour: ChalkInstance, columns = 80): string {
  const shown = plan.resource_changes.filter(isShown);
  const acting = plan.resource_changes.filter((change) => !isNoOp(change.change.actions));
  const parts = [where(plan, colour), renderDrift(plan, colour), renderTeardown(plan.teardown ?? [], colour)];
  if (acting.length === 0) parts.push(noChanges(plan, colour));
  else {
    parts.push(legend(shown), shown.map((change) => paragraph(change, colour)).join('\n\n'), upToDate(plan));
    if (plan.mode === 'apply') parts.push(drawDisks(plan.disks, columns).trimEnd());
    parts.push(colour.bold(summaryLine(plan)));
  }
  for (const warning of plan.warnings) parts.push(`${colour.yellow('Warning:')} ${warning}`);
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

/** The stable line: `Plan: A to add, B to change, C to destroy.` */
export function summaryLine(plan: Pick<Plan, 'summary'>): string {
  const { add, change, destroy } = plan.summary;
  return `Plan: ${add} to add, ${change} to change, ${destroy} to destroy.`;
}

export function isNoOp(actions: Actions): boolean {
  return actions[0] === 'no-op';
}

function isShown(change: ResourceChange): boolean {
  return !isNoOp(change.change.actions) || change.action_reason === 'reuse_because_cached';
}

function where(plan: Plan, colour: ChalkInstance): string {
  if (plan.mode === 'refresh-only') return `Image ${colour.bold(plan.image.name)}: only the state is written`;
  const lines = [
    `Image ${colour.bold(plan.image.name)}: worker ${colour.bold(plan.worker.name)}${machineOf(plan)}, ${plan.worker.reason}`,
  ];
  for (const [disk, realisation] of Object.entries(plan.worker.realisation)) {
    lines.push(`  ${disk}: ${colour.bold(realisation.name)}, ${realisation.reason}`);
  }
  if (plan.environment_variables.length > 0)
    lines.push(`Variables from the environment: ${plan.environment_variables.join(', ')}`);
  for (const [directory, names] of Object.entries(replacedByTree(plan)))
    lines.push(`dib's own elements in place of those of ${quotedPath(directory)}: ${names.join(', ')} (see \`native_elements\`)`);
  return lines.join('\n');
}

/** Names of the elements that dib's own stand in for, by the directory that holds them. */
function replacedByTree({ replaced_elements = [] }: Plan): Record<string, string[]> {
  const trees: Record<string, string[]> = {};
  for (const { name, directory } of replaced_elements) {
    const tree = dirname(directory);
    trees[tree] = [...(trees[tree] ?? []), name];
  }
  return trees;
}

function noChanges(plan: Plan, colour: ChalkInstance): string {
  if (plan.mode === 'refresh-only')
    return (plan.resource_drift ?? []).length > 0 ? '' : `${colour.green('No changes.')} ${UNMOVED}`;
  if ((plan.teardown ?? []).length > 0) return `${colour.green('No other changes.')}`;
  return plan.mode === 'destroy'
    ? `${colour.green('No changes.')} There is nothing to destroy.`
    : `${colour.green('No changes.')} The image is up to date with its configuration.`;
}

const UNMOVED = `All objects still match the state.

dib has checked that the real objects still match the result of your most recent changes, and found no differences.`;

function legend(shown: readonly ResourceChange[]): string {
  const used = new Set(shown.map((change) => change.change.actions.join(',')));
  const lines = Object.entries(SYMBOLS)
    .filter(([actions]) => used.has(actions))
    .map(([, { symbol, meaning }]) => `${symbol} ${meaning}`);
  return `Actions, in the order in which they run:\n${lines.join('\n')}`;
}

function paragraph(change: ResourceChange, colour: ChalkInstance): string {
  const actions = change.change.actions.join(',');
  const { symbol } = SYMBOLS[actions] as { symbol: string };
  const head = `  # ${colour.bold(change.address)} ${change.reason}`;
  return change.description === ''
    ? `${head}\n${tint(symbol, actions, colour)}`
    : `${head}\n${tint(symbol, actions, colour)} ${change.description}`;
}

function tint(symbol: string, actions: string, colour: ChalkInstance): string {
  if (actions === 'create') return colour.green(symbol);
  if (actions === 'delete') return colour.red(symbol);
  return actions === 'no-op' ? colour.dim(symbol) : colour.yellow(symbol);
}

function upToDate(plan: Plan): string {
  const count = plan.resource_changes.filter((change) => !isShown(change)).length;
  if (count === 0) return '';
  return count === 1 ? '1 other resource is up to date.' : `${count} other resources are up to date.`;
}

/** What runs the virtual machine, where there is one. */
function machineOf({ worker }: Plan): string {
  if (worker.machine === undefined) return '';
  return worker.machine === 'uml' ? ' (user-mode Linux)' : ' (QEMU)';
}
