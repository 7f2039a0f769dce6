import { cpus } from 'node:os';
import { relative } from 'node:path';
import type { Command } from 'commander';
import { ExitCode, fail } from '../../diagnostics/errors.ts';
import type { Event } from '../../engine/events.ts';
import type { JobOptions } from '../../engine/job.ts';
import type { Past } from '../../plan/make-plan.ts';
import type { Plan } from '../../plan/plan.ts';
import type { ReadImage } from '../../plan/prepare.ts';
import type { StateLock } from '../../state/lock.ts';
import type { State } from '../../state/state.ts';
import { announcePlan } from '../announce.ts';
import { collect, type GlobalOptions, parseCount, parseDuration, printDiagnostics, runCommand } from '../command.ts';
import type { KeyedPlan } from '../luks-keys.ts';
import { addPlanOptions, type PlanFlags, planOptions, refuseContradictions } from '../plan-options.ts';
import { preflight } from '../preflight.ts';
import { approve, asEvents, runPlan, sayEvent } from '../run-plan.ts';
import { isRoot, type Location, locateImage, readImage, readPast } from '../session.ts';
import { inSharedNamespace, isAttachedHere } from '../shared-namespace.ts';
import { dibVersion } from '../version.ts';
import { confirmByName, disksToConfirm, type WipeOptions } from '../wipe-consent.ts';

interface Options extends GlobalOptions, PlanFlags, WipeOptions {
  readonly keepAttached?: boolean;
  readonly keepOnFailure?: boolean;
  readonly parallelism: number;
  readonly lockTimeout?: number;
  readonly break?: readonly string[];
  readonly hookTimeout?: number;
  readonly profile?: boolean;
}

/** `dib apply`: builds what the image describes. */
export function registerApply(program: Command): void {
  const command = program
    .command('apply')
    .description('show the plan, ask, and carry it out')
    .argument('[file]', 'image, or a plan saved with `dib plan --out`', 'image.yaml')
    .option('--auto-approve', 'do not ask')
    .option('--wipe-device <path>', 'what is on this disk of the machine may be lost: not to be asked for (repeatable)', collect)
    .option('--json', 'print events as JSON, one object a line')
    .option('--keep-attached', 'leave the finished image attached and mounted below .dib, read-only, until `dib detach`')
    .option('--keep-on-failure', 'after a failure leave attached what is attached')
    .option('-j, --parallelism <count>', 'actions that run at once', parseCount, Math.max(2, Math.min(4, cpus().length)))
    .option('--break <points>', 'open a shell at before-PHASE, after-PHASE or after-error (repeatable, or with commas)', collect)
    .option(
      '--hook-timeout <duration>',
      'how long one hook may take; 0 for any time (default: DIB_HOOK_TIMEOUT or 2h)',
      parseDuration,
    )
    .option('--profile', 'show how long each hook took')
    .option('--lock-timeout <duration>', 'wait so long for the state lock', parseDuration, 0);
  addPlanOptions(command).action((file: string, _options: unknown, self: Command) => {
    const options = self.optsWithGlobals<Options>();
    return runCommand(options, () => asEvents(options, () => applyCommand(file, options)));
  });
}

async function applyCommand(file: string, options: Options): Promise<ExitCode> {
  const hooks = await hookOptions(options);
  const { readPlanFile } = await import('../../plan/plan-file.ts');
  const saved = await readPlanFile(file);
  if (saved !== undefined) refusePlanningOptions(options);
  else refuseContradictions(options);
  const location = locateImage(saved?.image.file ?? file, options);
  const refreshOnly = options.refreshOnly === true || saved?.mode === 'refresh-only';
  const image = refreshOnly ? undefined : await readImage(location.file);
  const { lockState } = await import('../../state/lock.ts');
  const lock = await lockState(location.paths.state, {
    operation: 'apply',
    timeout: options.lockTimeout,
    onWait: (message) => process.stderr.write(`${message}\n`),
  });
  try {
    if (image === undefined) return await refreshLocked(saved, file, location, options);
    const { read, warnings } = image;
    const { past, state } = await readPast(location);
    const plan =
      saved === undefined ? await planNow(read, past, location, warnings, options) : await takeSaved(saved, file, read, past);
    return await applyLocked({ plan, read, past, approved: saved !== undefined, state, location, lock, hooks, options });
  } finally {
    await lock.release();
  }
}

/** How hooks run; bad settings are told before anything else. */
async function hookOptions(options: Options): Promise<HookOptions> {
  const [{ hookTimeout }, { wantedBreaks }, { cacheLimit }] = await Promise.all([
    import('../hook-timeout.ts'),
    import('../break-shell.ts'),
    import('../../rootfs/cache-limit.ts'),
  ]);
  cacheLimit();
  return { hookTimeout: hookTimeout(options.hookTimeout), breaks: wantedBreaks(options.break ?? []) };
}

async function refreshLocked(saved: Plan | undefined, file: string, location: Location, options: Options): Promise<ExitCode> {
  const [{ applyRefresh, refreshPlanOf }, { refuseStale }] = await Promise.all([
    import('../refresh.ts'),
    import('../../plan/plan-file.ts'),
  ]);
  const now = await refreshPlanOf(location);
  if (saved !== undefined) refuseStale(saved, now.bound_to, file);
  return await applyRefresh(saved ?? now, location, { ...options, approved: saved !== undefined });
}

function refusePlanningOptions(options: Options): void {
  const given = (['worker', 'machine', 'realisation', 'replace', 'target', 'upgrade', 'refresh', 'refreshOnly'] as const).find(
    (name) => options[name] !== undefined,
  );
  if (given === undefined) return;
  const option = given.replace('O', '-o');
  fail(
    {
      code: 'DIB_CLI_USAGE',
      summary: `\`--${option}\` cannot be given with a saved plan`,
      detail: 'A saved plan is applied exactly as it was made.',
      help: `Give \`--${option}\` to \`dib plan --out\`.`,
    },
    ExitCode.Usage,
  );
}

async function planNow(
  read: ReadImage,
  past: Past,
  location: Location,
  warnings: Parameters<typeof printDiagnostics>[0],
  options: Options,
): Promise<Plan> {
  const [{ makePlan }, { kindRegistry }] = await Promise.all([
    import('../../plan/make-plan.ts'),
    import('../../kinds/registry.ts'),
  ]);
  const { paths } = location;
  const request = {
    read,
    past,
    paths,
    kinds: kindRegistry(),
    options: planOptions(options),
    dibVersion: dibVersion(),
    isRoot: isRoot(),
    kernels: async () => (await import('../../workers/kernels.ts')).readKernels(),
  };
  const made = await makePlan(request);
  const all = [...warnings, ...made.warnings];
  if (options.json !== true) await printDiagnostics(all, options);
  else for (const diagnostic of all) sayEvent(options, { type: 'diagnostic', diagnostic }, diagnostic.summary, 'warn');
  return made.plan;
}

async function takeSaved(saved: Plan, file: string, read: ReadImage, past: Past): Promise<Plan> {
  const [{ refuseStale }, { bindingOf }] = await Promise.all([
    import('../../plan/plan-file.ts'),
    import('../../plan/make-plan.ts'),
  ]);
  refuseStale(saved, bindingOf(read.image, past), file);
  return saved;
}

type HookOptions = Pick<JobOptions, 'hookTimeout' | 'breaks'>;

interface LockedApply {
  readonly plan: Plan;
  readonly read: ReadImage;
  readonly past: Past;
  /** It was looked at when it was saved. */
  readonly approved: boolean;
  readonly state: State | undefined;
  readonly location: Location;
  readonly lock: StateLock;
  readonly hooks: HookOptions;
  readonly options: Options;
}

async function applyLocked(request: LockedApply): Promise<ExitCode> {
  const { plan, location, lock, options } = request;
  await announcePlan(plan, options);
  const changes = plan.resource_changes.some(({ change }) => change.actions[0] !== 'no-op') || plan.teardown !== undefined;
  if (changes) await preflight(plan);
  const disks = changes ? await readyDisks(request) : undefined;
  const keyed = await keysOf(request);
  let { keys } = keyed;
  if (changes) {
    if (!request.approved && options.autoApprove !== true) await approve('Do you want to perform these actions?', 'Apply');
    await confirmByName(disks?.toConfirm ?? []);
    keys = await allKeys(keyed);
    const detached = await detachKept(request);
    if (detached !== ExitCode.Ok) return detached;
    const { parallelism, keepOnFailure = false } = options;
    const jobOptions = { parallelism, keepOnFailure, permits: disks?.permits, ...request.hooks };
    const profiles: Profile[] = [];
    const outcome = await runPlan({
      operation: 'apply',
      plan: keyed.plan,
      paths: location.paths,
      lock,
      keys,
      jobOptions,
      options,
      onProfile: (profile) => void profiles.push(profile),
    });
    if (options.profile === true && options.json !== true) await printProfiles(profiles);
    await warnNotReached(request, outcome.reached);
    if (options.json !== true && outcome.summary !== undefined) process.stdout.write(`\n${outcome.summary}\n`);
    if (outcome.exitCode === ExitCode.Interrupted && options.json !== true)
      process.stderr.write('Run `dib apply` again to go on from here, or `dib destroy` to remove what is there.\n');
    if (outcome.exitCode !== ExitCode.Ok) return outcome.exitCode;
  } else {
    await warnNotReached(request, []);
    keys = await allKeys(keyed);
    const cleared = await clearLeft(request);
    if (cleared !== ExitCode.Ok) return cleared;
  }
  if (options.keepAttached === true) {
    const attached = await inSharedNamespace({ operation: 'attach', plan, location, lock, options, keys });
    if (attached.exitCode !== ExitCode.Ok) return attached.exitCode;
  }
  if (options.json !== true) await printOutputs(location);
  return ExitCode.Ok;
}

type Profile = Event & { readonly type: 'apply_profile' };

/** A table for each layer, after all that was told of the run. */
async function printProfiles(profiles: readonly Profile[]): Promise<void> {
  const { profileTable } = await import('../../rootfs/hook-profile.ts');
  for (const { hook, steps } of profiles) {
    if (steps.length > 0) process.stderr.write(`\nTime of ${hook.resource.addr}:\n${profileTable(steps)}`);
  }
}

async function warnNotReached({ hooks, options }: LockedApply, reached: readonly string[]): Promise<void> {
  if (hooks.breaks === undefined) return;
  const { notReached } = await import('../break-shell.ts');
  const warnings = notReached(hooks.breaks, reached);
  if (options.json !== true) await printDiagnostics(warnings, options);
  else for (const diagnostic of warnings) sayEvent(options, { type: 'diagnostic', diagnostic }, diagnostic.summary, 'warn');
}

/** The disks of this machine that the plan writes to, looked at once more, and those of which the user has to be asked. */
async function readyDisks({ plan, read, past, options }: LockedApply) {
  const { checkDisks } = await import('../../plan/device-permits.ts');
  const check = await checkDisks(plan, read.image.devices, past.resources, read.places);
  return { permits: check.permits, toConfirm: disksToConfirm(check, options, process.stdin.isTTY === true) };
}

/** The keys of LUKS containers that the plan needs, before anybody is asked anything. */
async function keysOf({ plan, location, options }: LockedApply): Promise<KeyedPlan> {
  const [{ readKeys }, { neededKeys }, { kindRegistry }] = await Promise.all([
    import('../luks-keys.ts'),
    import('../../plan/needed-keys.ts'),
    import('../../kinds/registry.ts'),
  ]);
  return await readKeys(plan, neededKeys(plan, kindRegistry(), options.keepAttached), location.paths.image);
}

async function allKeys({ keys, toAsk }: KeyedPlan): Promise<KeyedPlan['keys']> {
  if (toAsk.length === 0) return keys;
  const { askKeys } = await import('../luks-keys.ts');
  return new Map([...keys, ...(await askKeys(toAsk))]);
}

/**
 * With nothing left to make: a run that was killed after its last action may have left loop devices and temporary files, and what somebody else
 * detached need not be remembered.
 */
async function clearLeft(request: LockedApply): Promise<ExitCode> {
  const [{ hasJob }, { forgetDetached }] = await Promise.all([import('../../workers/job-file.ts'), import('../refresh.ts')]);
  const { plan, state, location, lock, options } = request;
  if (!hasJob(location.paths.state)) {
    await forgetDetached(plan, location);
    return ExitCode.Ok;
  }
  if (await isAttachedHere(state)) return await detach(request);
  const jobOptions = { parallelism: 1, keepOnFailure: false };
  return (await runPlan({ operation: 'detach', plan, paths: location.paths, lock, jobOptions, options })).exitCode;
}

/** What is attached, by us or by others, goes where a process outside of the worker's mount namespace can unmount it. */
async function detachKept(request: LockedApply): Promise<ExitCode> {
  const { plan, state } = request;
  return plan.teardown !== undefined || (await isAttachedHere(state)) ? await detach(request) : ExitCode.Ok;
}

async function detach({ plan, location, lock, options }: LockedApply): Promise<ExitCode> {
  const jobOptions = { stopAll: plan.teardown !== undefined };
  return (await inSharedNamespace({ operation: 'detach', plan, location, lock, options, jobOptions })).exitCode;
}

/** What was built, and what to do with it. */
async function printOutputs(location: Location): Promise<void> {
  const [{ readState }, { renderOutputs }] = await Promise.all([
    import('../../state/store.ts'),
    import('../../ui/outputs-text.ts'),
  ]);
  const state = await readState(location.paths.state);
  if (state === undefined) return;
  const here = relative(process.cwd(), location.file);
  process.stdout.write(renderOutputs(state, here.startsWith('..') ? location.file : here));
}
