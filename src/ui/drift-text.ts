import type { ChalkInstance } from 'chalk';
import { differences } from '../plan/explain.ts';
import type { Plan, ResourceChange, TeardownStep } from '../plan/plan.ts';
import type { Json } from '../util/json.ts';

/** What changed outside of dib, before the actions; empty when nothing did. The wording follows Terraform's. */
export function renderDrift(plan: Plan, colour: ChalkInstance): string {
  const drift = plan.resource_drift ?? [];
  if (drift.length === 0) return '';
  const affects = plan.mode === 'refresh-only' ? '' : ' which may have affected this plan';
  const parts = [
    colour.bold.cyan('Note: ') + colour.bold('Objects have changed outside of dib'),
    `dib detected the following changes made outside of dib since the last \`dib apply\`${affects}:`,
    ...drift.map((change) => paragraph(change, colour)),
    plan.mode === 'refresh-only' ? REFRESH_ONLY : NORMAL,
  ];
  return parts.join('\n\n');
}

const NORMAL = `Unless you have made equivalent changes to your configuration, the following plan may include actions to undo or
respond to these changes.`;
const REFRESH_ONLY = `This is a refresh-only plan, so dib will not take any actions to undo these. If you were expecting these changes then
you can apply this plan to record the updated values in the state without changing any objects.`;

function paragraph(change: ResourceChange, colour: ChalkInstance): string {
  const { address, reason, description } = change;
  const head = `  # ${colour.bold(address)} ${reason}`;
  if (change.change.after === null) return `${head}\n${colour.red('  -')}${description === '' ? '' : ` ${description}`}`;
  const lines = differences(change.change.before ?? {}, change.change.after).flatMap(({ path, before, after }) => {
    const name = path.replace(/^(outputs|stamp)\./, '');
    const one = (value: Json | undefined): string => shown(name, value);
    const texts = Array.isArray(after) ? after.map(one) : [`${one(before)} -> ${one(after)}`];
    return texts.map((text) => `${colour.yellow('  ~')} ${name}: ${text}`);
  });
  return [head, ...lines].join('\n');
}

/** Of an attachment, the device or mount point; the rest of it says how it is found again. A time as a date. */
function shown(name: string, value: Json | undefined): string {
  if (name === 'mtime' && typeof value === 'number') return new Date(value).toISOString();
  const { device, target } = (value ?? {}) as { readonly device?: Json; readonly target?: Json };
  const told = device ?? target ?? value;
  return told === undefined ? 'null' : JSON.stringify(told);
}

/** What is stopped before anything else; empty when there is nothing. */
export function renderTeardown(steps: readonly TeardownStep[], colour: ChalkInstance): string {
  if (steps.length === 0) return '';
  const width = Math.max(...steps.map(({ action }) => action.length));
  const lines = steps.map(
    ({ action, detail, known }) =>
      `${colour.red('  -')} ${action.padEnd(width)}  ${colour.dim(`# ${detail}`)}${known ? '' : colour.yellow(', not in the state')}`,
  );
  return ['What keeps the disk files in use is stopped first, deepest first:', ...lines].join('\n');
}
