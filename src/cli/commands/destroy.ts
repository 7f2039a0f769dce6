import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { ExitCode } from '../../diagnostics/errors.ts';
import type { State } from '../../state/state.ts';
import { announcePlan } from '../announce.ts';
import { type GlobalOptions, parseDuration, runCommand } from '../command.ts';
import { destroyPlanOf, requireRightsFor } from '../destroy-plan.ts';
import { preflight } from '../preflight.ts';
import { approve, asEvents, runPlan, sayEvent } from '../run-plan.ts';
import { type ImageOptions, type Location, locateImage } from '../session.ts';

interface Options extends GlobalOptions, ImageOptions {
  readonly autoApprove?: boolean;
  readonly outputs?: boolean;
  readonly lockTimeout?: number;
}

/** `dib destroy`: detaches and removes what the state knows; image.yaml is not needed. */
export function registerDestroy(program: Command): void {
  program
    .command('destroy')
    .description('unmount, detach and remove what was made for an image, from its state alone; outputs are kept')
    .argument('[file]', 'image whose state is meant; need not exist any more', 'image.yaml')
    .option('--auto-approve', 'do not ask')
    .option('--outputs', 'remove the built images too')
    .option('--json', 'print events as JSON, one object a line')
    .option('--state-dir <dir>', 'directory of the state (default: .dib beside image.yaml)')
    .option('--lock-timeout <duration>', 'wait so long for the state lock', parseDuration, 0)
    .action((file: string, _options: unknown, self: Command) => {
      const options = self.optsWithGlobals<Options>();
      return runCommand(options, () => asEvents(options, () => destroyCommand(file, options)));
    });
}

async function destroyCommand(file: string, options: Options): Promise<ExitCode> {
  const location = locateImage(file, options);
  if (!existsSync(location.paths.state)) return await nothing(options);
  const [{ lockState }, { readState }] = await Promise.all([import('../../state/lock.ts'), import('../../state/store.ts')]);
  const lock = await lockState(location.paths.state, {
    operation: 'destroy',
    timeout: options.lockTimeout,
    onWait: (message) => process.stderr.write(`${message}\n`),
  });
  try {
    const state = await readState(location.paths.state);
    if (state === undefined) {
      // The state is the first thing that a worker writes; before it there can only be the worker's job.
      const { removeJob } = await import('../../workers/job-file.ts');
      await removeJob(location.paths.state);
      return await nothing(options);
    }
    return await destroyLocked(state, location, lock, options);
  } finally {
    await lock.release();
  }
}

async function nothing(options: Options): Promise<ExitCode> {
  if (options.json === true) {
    const changes = { add: 0, change: 0, remove: 0, operation: 'destroy' as const };
    sayEvent(options, { type: 'change_summary', changes }, 'Nothing to destroy.');
  } else process.stdout.write('Nothing to destroy: there is no state.\n');
  return ExitCode.Ok;
}

async function destroyLocked(
  state: State,
  location: Location,
  lock: Awaited<ReturnType<typeof import('../../state/lock.ts').lockState>>,
  options: Options,
): Promise<ExitCode> {
  const plan = await destroyPlanOf(state, location, { outputs: options.outputs ?? false });
  await announcePlan(plan, options);
  requireRightsFor(plan);
  await preflight(plan);
  if (plan.resource_changes.length + (plan.teardown ?? []).length > 0 && options.autoApprove !== true) {
    await approve('Do you really want to destroy all of this? There is no undo.', 'Destroy');
  }
  // Even with nothing recorded the worker looks for what an interrupted run left, and asserts that nothing is.
  const outcome = await runPlan({
    operation: 'destroy',
    plan,
    paths: location.paths,
    lock,
    jobOptions: { parallelism: 1, keepOnFailure: false },
    options,
  });
  if (options.json !== true && outcome.summary !== undefined) process.stdout.write(`\n${outcome.summary}\n`);
  return outcome.exitCode;
}
