import { dirname } from 'node:path';
import type { Command } from 'commander';
import { ExitCode, fail } from '../../diagnostics/errors.ts';
import { quoted, quotedPath } from '../../diagnostics/printable.ts';
import type { Plan, ResourceChange } from '../../plan/plan.ts';
import { type GlobalOptions, printDiagnostics, runCommand } from '../command.ts';
import { addPlanOptions, type PlanFlags, planOptions, refuseContradictions } from '../plan-options.ts';
import { isRoot, type Location, locateImage, readImage, readPast } from '../session.ts';
import { dibVersion } from '../version.ts';

interface Options extends GlobalOptions, PlanFlags {
  readonly out?: string;
  readonly detailedExitcode?: boolean;
  readonly why?: string;
  readonly destroy?: boolean;
  readonly outputs?: boolean;
}

/** `dib plan`: says what apply would do. */
export function registerPlan(program: Command): void {
  const command = program
    .command('plan')
    .description('show what apply would do and why; needs no root, no network and no host tools, changes nothing')
    .argument('[file]', 'image to plan', 'image.yaml')
    .option('--out <file>', 'save the plan for `dib apply FILE`')
    .option('--json', 'print the plan as JSON (schemas/plan.schema.json)')
    .option('--detailed-exitcode', 'exit with 2 when there are changes')
    .option('--destroy', 'show what `dib destroy` would do')
    .option('--outputs', 'with --destroy: remove the built images too')
    .option('--why <address>', 'print what this resource is made from, and what of that changed');
  addPlanOptions(command).action((file: string, _options: unknown, self: Command) => {
    const options = self.optsWithGlobals<Options>();
    return runCommand(options, () => planCommand(file, options));
  });
}

async function planCommand(file: string, options: Options): Promise<ExitCode> {
  refuseContradictions(options);
  const location = locateImage(file, options);
  if (options.destroy === true) return await planToDestroy(location, options);
  if (options.refreshOnly === true) {
    const { refreshPlanOf } = await import('../refresh.ts');
    return await printPlan(await refreshPlanOf(location), options);
  }
  const [{ read, warnings }, { past }, { makePlan }, { kindRegistry }] = await Promise.all([
    readImage(file),
    readPast(location),
    import('../../plan/make-plan.ts'),
    import('../../kinds/registry.ts'),
  ]);
  const request = {
    read,
    past,
    paths: location.paths,
    kinds: kindRegistry(),
    options: planOptions(options),
    dibVersion: dibVersion(),
    isRoot: isRoot(),
    kernels: async () => (await import('../../workers/kernels.ts')).readKernels(),
  };
  const made = await makePlan(request);
  if (options.json !== true) await printDiagnostics([...warnings, ...made.warnings], options);
  if (options.why === undefined) return await printPlan(made.plan, options);
  if (options.out !== undefined) await savePlan(options.out, made.plan);
  await printWhy(options.why, made.plan, past.resources, options);
  return exitCodeFor(made.plan, options);
}

async function planToDestroy(location: Location, options: Options): Promise<ExitCode> {
  if (options.out !== undefined || options.refreshOnly === true) {
    const other = options.out === undefined ? '--refresh-only' : '--out';
    const help = 'Run `dib destroy`: it shows the same and asks.';
    fail({ code: 'DIB_CLI_USAGE', summary: `\`--destroy\` cannot be given with ${quoted(other)}`, help }, ExitCode.Usage);
  }
  const { readState } = await import('../../state/store.ts');
  const state = await readState(location.paths.state);
  if (state === undefined) {
    const help = 'The first `dib apply` makes one. Give `--state-dir` if it lies elsewhere.';
    fail({ code: 'DIB_STATE_NONE', summary: `There is no state in ${quotedPath(location.paths.state)}`, help });
  }
  const { destroyPlanOf } = await import('../destroy-plan.ts');
  return await printPlan(await destroyPlanOf(state, location, { outputs: options.outputs ?? false }), options);
}

async function printPlan(plan: Plan, options: Options): Promise<ExitCode> {
  if (options.out !== undefined) await savePlan(options.out, plan);
  if (options.json === true) await printJson(plan);
  else await printText(plan, options);
  return exitCodeFor(plan, options);
}

function exitCodeFor(plan: Plan, options: Options): ExitCode {
  const acts = plan.resource_changes.some(({ change }) => change.actions[0] !== 'no-op') || plan.teardown !== undefined;
  const changes = acts || (plan.mode === 'refresh-only' && plan.resource_drift !== undefined);
  return options.detailedExitcode === true && changes ? ExitCode.Changes : ExitCode.Ok;
}

async function savePlan(path: string, plan: Plan): Promise<void> {
  const { writePlanFile } = await import('../../plan/plan-file.ts');
  try {
    await writePlanFile(path, plan);
  } catch (error) {
    fail({
      code: 'DIB_PLAN_WRITE',
      summary: `The plan cannot be written to ${quotedPath(path)}: ${(error as Error).message}`,
      help: `Give \`--out\` a file in a directory that you can write to; ${quotedPath(dirname(path))} is not one.`,
    });
  }
  process.stderr.write(`Saved the plan to ${path}. Apply exactly this with: dib apply ${path}\n`);
}

async function printJson(plan: Plan): Promise<void> {
  process.stdout.write(`${JSON.stringify(plan, null, 2)}\n`);
}

async function printText(plan: Plan, options: Options): Promise<void> {
  const [{ renderPlan }, { colourFor }] = await Promise.all([import('../../ui/plan-text.ts'), import('../../ui/colour.ts')]);
  process.stdout.write(renderPlan(plan, colourFor(process.stdout, options.color), process.stdout.columns));
}

/** The key document, or how it differs from the recorded one. */
async function printWhy(
  address: string,
  plan: Plan,
  recorded: readonly { readonly address: string; readonly keyDocument: unknown }[],
  options: Options,
): Promise<void> {
  const change = plan.resource_changes.find((each) => each.address === address);
  if (change === undefined) {
    fail({
      code: 'DIB_PLAN_UNKNOWN_ADDRESS',
      summary: `\`--why\` names ${quoted(address, 200)}, which is not a resource of this image`,
      help: 'See `dib graph` for the addresses.',
    });
  }
  const before = recorded.find((each) => each.address === address)?.keyDocument;
  if (options.json === true) {
    const { action_reason, reason, key, key_document } = change;
    process.stdout.write(
      `${JSON.stringify({ format_version: '1.0', address, action_reason, reason, key, before, after: key_document }, null, 2)}\n`,
    );
    return;
  }
  process.stdout.write(`${address} ${change.reason}\n\n${await whyText(change, before)}`);
}

async function whyText(change: ResourceChange, before: unknown): Promise<string> {
  const after = change.key_document;
  const shown = after ?? { kind: change.kind, inputs: change.change.after, dependencies: change.depends_on };
  if (before === undefined) return `It is made from:\n${JSON.stringify(shown, null, 2)}\n`;
  const { createTwoFilesPatch } = await import('diff');
  const texts = [before, shown].map((document) => `${JSON.stringify(sorted(document), null, 2)}\n`) as [string, string];
  if (texts[0] === texts[1]) return `All that it is made from is unchanged:\n${texts[1]}`;
  const patch = createTwoFilesPatch('recorded', 'now', texts[0], texts[1], '', '', { context: 2 });
  return patch.split('\n').slice(1).join('\n');
}

/** With members in order, so that only what changed shows. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, member]) => [key, sorted(member)]),
  );
}
