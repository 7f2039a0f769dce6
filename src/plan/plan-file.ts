import { readFile } from 'node:fs/promises';
import { fail } from '../diagnostics/errors.ts';
import { quotedPath } from '../diagnostics/printable.ts';
import { writeFileAtomic } from '../util/atomic-file.ts';
import { jsonDigest } from '../util/hash.ts';
import type { Json } from '../util/json.ts';
import type { Plan } from './plan.ts';

/** A plan on disk: the plan and a digest that shows damage. */
interface PlanFile {
  readonly format: 'dib.plan';
  readonly plan_sha256: string;
  readonly plan: Plan;
}

/** Writes a plan for a later apply, readable by its owner only. */
export async function writePlanFile(path: string, plan: Plan): Promise<void> {
  const file: PlanFile = { format: 'dib.plan', plan_sha256: digestOf(plan), plan };
  await writeFileAtomic(path, `${JSON.stringify(file, null, 2)}\n`, 0o600);
}

/** Undefined bodies of optional members do not survive JSON, so the digest is taken of what a reader will see. */
function digestOf(plan: Plan): string {
  return jsonDigest(JSON.parse(JSON.stringify(plan)) as Json);
}

/** Reads a saved plan, or gives undefined where the file is not one (then it is an image.yaml). Throws DibError for a damaged or newer plan. */
export async function readPlanFile(path: string): Promise<Plan | undefined> {
  const text = await readFile(path, 'utf8').catch(() => '');
  if (!/^\s*\{/.test(text) || !text.includes('"dib.plan"')) return undefined;
  let file: PlanFile;
  try {
    file = JSON.parse(text) as PlanFile;
  } catch {
    return damaged(path, 'it is not complete JSON');
  }
  if (file.format !== 'dib.plan' || file.plan === undefined) return undefined;
  if (!String(file.plan.format_version).startsWith('1.'))
    return damaged(path, `its format is ${file.plan.format_version}, this dib reads 1.x`);
  if (digestOf(file.plan) !== file.plan_sha256) return damaged(path, 'its content does not match its digest');
  return file.plan;
}

function damaged(path: string, why: string): never {
  fail({
    code: 'DIB_PLAN_UNREADABLE',
    summary: `The saved plan ${quotedPath(path)} cannot be used: ${why}`,
    detail: 'dib applies exactly what was planned and shown, so a plan that was changed or cut short is refused.',
    help: 'Make a new one with `dib plan --out FILE`.',
  });
}

/** What a plan is checked against when it is applied. */
export type Binding = Plan['bound_to'];

const NAMES: Readonly<Record<keyof Binding, string>> = {
  configuration_sha256: 'the configuration',
  elements_sha256: 'the elements',
  lineage: 'the lineage of the state',
  serial: 'the serial of the state',
};

/** Throws DibError (DIB_PLAN_STALE) naming everything that differs between the time of the plan and now. */
export function refuseStale(plan: Plan, now: Binding, path: string): void {
  const changed = (Object.keys(NAMES) as (keyof Binding)[]).filter(
    // Before the first apply there was no lineage to differ from: the serial says it all.
    (name) => plan.bound_to[name] !== now[name] && !(name === 'lineage' && plan.bound_to.lineage === ''),
  );
  if (changed.length === 0) return;
  fail({
    code: 'DIB_PLAN_STALE',
    summary: `The saved plan ${quotedPath(path)} is stale: ${changed.map((name) => NAMES[name]).join(' and ')} changed since it was made`,
    detail: changed
      .map((name) => `  ${NAMES[name]}: ${show(plan.bound_to[name])} when planned, ${show(now[name])} now`)
      .join('\n'),
    help: 'Make a new plan with `dib plan --out FILE`, look at it, and apply that.',
  });
}

function show(value: string | number): string {
  if (value === '') return 'none';
  return typeof value === 'string' && value.length === 64 ? value.slice(0, 12) : String(value);
}
