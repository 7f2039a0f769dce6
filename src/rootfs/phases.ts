import type { ImageConfig } from '../config/image.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { DibError } from '../diagnostics/errors.ts';
import { RPM_FILE_NAMES } from '../distros/rpm.ts';
import { type ElementSet, OUTSIDE_PHASES, type Phase } from '../elements/element.ts';
import type { Command, Runner } from '../exec/command.ts';
import { AFTER_ERROR, type BreakOptions } from './breakpoints.ts';
import { leftRunning, stepFailed } from './hook-failure.ts';
import { profileTable, type TimedStep } from './hook-profile.ts';
import {
  type HookPlace,
  type HookSession,
  hookInside,
  hookOutside,
  hookPath,
  insideCommand,
  openSession,
  takeLeftRunning,
} from './hook-session.ts';
import { saveAdditions } from './hook-tree.ts';
import { resolveInside } from './inside.ts';
import { needsOutside, type OutsidePackages, runOutsidePackages } from './outside-packages.ts';
import { collectPackages, touchInstalled } from './package-pool.ts';
import { collectRpms, touchRpms } from './rpm-pool.ts';
import { GUEST_HOOKS, lendFiles } from './sandbox.ts';

/** One thing to do in a tree. */
export type PhaseStep =
  | {
      readonly run: 'hook';
      readonly phase: Phase;
      readonly name: string;
      readonly element: string;
      /** It runs without the builder's network. */
      readonly network?: 'none';
    }
  | {
      readonly run: 'install' | 'uninstall';
      readonly phase: Phase;
      readonly packages: readonly string[];
      /** No initramfs is made for it: the step `initramfs` follows. */
      readonly initramfs?: 'later';
    }
  | { readonly run: 'sources'; readonly phase: Phase }
  | { readonly run: 'initramfs'; readonly phase: Phase };

/** One that is a process. */
export type ProcessStep = Exclude<PhaseStep, { run: 'sources' }>;

/** What makes the initramfs of every kernel anew, inside the tree. */
export const INITRAMFS_COMMAND: readonly string[] = ['regenerate-initramfs'];

/** A shell for the user, in the place where hooks run. */
export interface ShellRequest {
  /** The break point that was reached. */
  readonly point: string;
  /** Lines for the user: where this is. */
  readonly title: string;
  readonly command: Command;
}

/** What running steps needs to know; all paths absolute. */
export interface PhaseOptions {
  readonly elementSet: ElementSet;
  readonly image: ImageConfig;
  /** Directory of image.yaml. */
  readonly imageDirectory: string;
  /** What hooks see, secrets included. */
  readonly variables: Readonly<Record<string, string>>;
  readonly libexec: string;
  /** The tree. */
  readonly root: string;
  /** An empty directory for the hook tree and the like; the caller removes it. */
  readonly scratch: string;
  readonly cache: string;
  /** Packages that any build has downloaded; absent where it is not known of what distribution they are. */
  readonly packagePool?: string | undefined;
  /** The same of a distribution with RPM packages. */
  readonly rpmPool?: string | undefined;
  /** Additions to the hook tree by extra-data.d hooks of layers below. */
  readonly additions: readonly string[];
  /** Where additions by extra-data.d hooks of this layer are kept. */
  readonly saveAdditions: string;
  /** Puts the sources of the layer into the tree: the step `sources`. */
  placeSources?(): void;
  /** Directory that takes the files which cleanup.d hooks make for the user. */
  readonly extraOutputs: string;
  /** Program and arguments that bring package lists up to date before the first packages, if they are out of date. */
  readonly refresh?: readonly string[] | undefined;
  /** Installs packages as long as the tree has no package manager. */
  readonly outside?: OutsidePackages | undefined;
  readonly address: string;
  /** Absolute path of the log, for messages. */
  readonly logFile?: string | undefined;
  /** Milliseconds that one step may take; absent: any time. */
  readonly timeout?: number | undefined;
  readonly breaks?: BreakOptions | undefined;
  /** Break points that this run came to, in any layer. */
  readonly reached: Set<string>;
  /** The last phase goes on in the layer above. */
  readonly goesOn: boolean;
  progress(message: string): void;
  log(text: string): void;
  warn(diagnostic: Diagnostic): void;
  profile(steps: readonly TimedStep[]): void;
  /** Resolves when the user has left the shell. */
  openShell(request: ShellRequest): Promise<void>;
}

/**
 * Runs steps in order, each in its own sandbox or, for the phases outside, on the builder. The first that fails ends it, with a DibError.
 * Stops where the user wants to look around.
 */
export async function runSteps(steps: readonly PhaseStep[], options: PhaseOptions, runner: Runner): Promise<void> {
  if (steps.length === 0) return;
  const session = openSession(options);
  const timed: TimedStep[] = [];
  let refresh = options.refresh;
  try {
    for (const [index, step] of steps.entries()) {
      const [before, after] = [steps[index - 1], steps[index + 1]];
      const first = before?.phase !== step.phase;
      const last = after === undefined ? !options.goesOn : after.phase !== step.phase;
      await stopAt(points('before', step, first), step, session, options);
      const started = performance.now();
      options.progress(title(step));
      try {
        await runStep(step, step.run === 'install' ? refresh : undefined, session, options, runner);
      } catch (error) {
        if (error instanceof DibError && FAILURES.has(error.diagnostics[0]?.code ?? ''))
          await stopAt([AFTER_ERROR], step, session, options, error.diagnostics[0]?.summary);
        throw error;
      } finally {
        timed.push({ ...timedName(step), seconds: (performance.now() - started) / 1000 });
        reportLeft(step, session, options);
        if (options.packagePool !== undefined) collectPackages(session.downloads, options.root, options.packagePool);
        if (session.rpms !== undefined && options.rpmPool !== undefined) collectRpms(session.rpms, options.rpmPool);
      }
      if (step.run === 'install') refresh = undefined;
      await stopAt(points('after', step, last), step, session, options);
      const endOfExtraData = step.phase === 'extra-data.d' && after?.phase !== 'extra-data.d';
      if (endOfExtraData) saveAdditions(session.hooks, session.pristine, options.saveAdditions);
    }
  } finally {
    if (options.packagePool !== undefined && steps.some(({ run }) => run === 'install'))
      touchInstalled(options.root, options.packagePool);
    options.log(`\nTime of each step:\n${profileTable(timed)}`);
    options.profile(timed);
  }
}

/** Hooks on the builder see the tree as it is; the others as it was lent. */
async function runStep(
  step: PhaseStep,
  refresh: readonly string[] | undefined,
  session: HookSession,
  options: PhaseOptions,
  runner: Runner,
): Promise<void> {
  const { timeout } = options;
  if (step.run === 'sources') {
    options.placeSources?.();
    return;
  }
  if (step.run === 'hook' && isOutside(step.phase)) {
    // Hooks of older elements write what they make for the user into the current directory.
    const cwd = step.phase === 'cleanup.d' ? options.extraOutputs : session.hooks;
    const command = hookOutside([hookPath(step.phase, step.name, session, true)], session, { cwd, network: step.network });
    await attempt(step, options, () => runner.run(command, { timeout }));
    return;
  }
  const loan = lendFiles(options.root);
  try {
    const { outside } = options;
    if ((step.run === 'install' || step.run === 'uninstall') && needsOutside(outside, options.root)) {
      const request = { action: step.run, packages: step.packages, refresh: refresh !== undefined };
      const { sandbox } = session;
      await attempt(step, options, () =>
        runOutsidePackages(outside, request, sandbox, options.scratch, runner, timeout, rpmPool(session, options)),
      );
      return;
    }
    if (refresh !== undefined) await runner.run(insideCommand(refresh, session), { timeout });
    await attempt(step, options, () => runner.run(command(step, session), { timeout }));
    if (step.run === 'install') await touchInside(session, options, runner);
  } finally {
    loan.end();
  }
}

function rpmPool({ rpms }: HookSession, { rpmPool: directory }: PhaseOptions) {
  return rpms === undefined || directory === undefined ? undefined : { directory, view: rpms };
}

/** Marks the packages of the tree as used, as its own rpm has them. */
async function touchInside(session: HookSession, options: PhaseOptions, runner: Runner): Promise<void> {
  if (options.rpmPool === undefined || resolveInside(options.root, 'usr/bin/rpm') === undefined) return;
  const { stdout } = await runner.run(insideCommand(['rpm', '--query', '--all', '--queryformat', RPM_FILE_NAMES], session));
  touchRpms(new Set(stdout.split('\n')), options.rpmPool);
}

function command(step: ProcessStep, session: HookSession): Command {
  if (step.run === 'hook')
    return hookInside([hookPath(step.phase, step.name, session, false)], session, { network: step.network });
  if (step.run === 'initramfs') return insideCommand([`${GUEST_HOOKS}/.dib/guest/${INITRAMFS_COMMAND.join(' ')}`], session);
  const later = step.initramfs === 'later' ? ['--later'] : [];
  const remove = step.run === 'uninstall' ? ['-e'] : [];
  return insideCommand([`${GUEST_HOOKS}/.dib/guest/install-with-initramfs`, ...later, ...remove, ...step.packages], session);
}

function isOutside(phase: Phase): boolean {
  return OUTSIDE_PHASES.includes(phase);
}

/** What a step is called in progress and logs. */
function title(step: PhaseStep): string {
  const { phase, name, element } = timedName(step);
  return element === undefined ? `${phase}: ${name}` : `${phase}/${name} (${element})`;
}

function timedName(step: PhaseStep): Omit<TimedStep, 'seconds'> {
  const { phase } = step;
  if (step.run === 'hook') return { phase, name: step.name, element: step.element };
  if (step.run === 'initramfs' || step.run === 'sources') return { phase, name: step.run };
  return { phase, name: `${step.run} ${step.packages.length} package${step.packages.length === 1 ? '' : 's'}` };
}

const FAILURES: ReadonlySet<string> = new Set([
  'DIB_HOOK_FAILED',
  'DIB_HOOK_TIMEOUT',
  'DIB_PACKAGES_FAILED',
  'DIB_INITRAMFS_FAILED',
]);

/** Failures of processes, told as failures of hooks. */
async function attempt(step: ProcessStep, options: PhaseOptions, run: () => Promise<unknown>): Promise<void> {
  try {
    await run();
  } catch (error) {
    const cause = error instanceof DibError ? error.diagnostics[0] : undefined;
    if (cause?.code !== 'DIB_EXEC_FAILED' && cause?.code !== 'DIB_EXEC_TIMEOUT') throw error;
    throw new DibError(stepFailed(step, cause, options));
  }
}

function reportLeft(step: PhaseStep, session: HookSession, options: PhaseOptions): void {
  const commands = takeLeftRunning(session);
  if (commands.length > 0) options.warn(leftRunning(title(step), commands, options));
}

/** Break points at a step: the hook's own, and the phase's at its first or last step. */
function points(when: 'before' | 'after', step: PhaseStep, atEdge: boolean): string[] {
  const own = step.run === 'hook' ? [`${when}-${step.phase}/${step.name}`] : [];
  const phase = atEdge ? [`${when}-${step.phase}`] : [];
  return when === 'before' ? [...phase, ...own] : [...own, ...phase];
}

/** Opens a shell for each of the points that the user asked for. */
async function stopAt(
  reached: readonly string[],
  step: PhaseStep,
  session: HookSession,
  options: PhaseOptions,
  failure?: string,
): Promise<void> {
  const { breaks } = options;
  // A phase may be in two layers: it stops at the first that is made.
  for (const point of reached.filter((each) => breaks?.points.includes(each) && !options.reached.has(each))) {
    options.reached.add(point);
    const outside = breaks?.outside === true || isOutside(step.phase);
    const where = outside ? `on the builder; the tree is ${options.root}` : 'inside the image; hooks are below /tmp/in_target.d';
    const end = failure === undefined ? 'The build goes on when it ends.' : `${failure}.`;
    const shell = shellArguments(options.address, breaks);
    const loan = outside ? undefined : lendFiles(options.root);
    options.log(`stopped at ${point}\n`);
    try {
      const place: HookPlace = { terminal: true, network: step.run === 'hook' ? step.network : undefined };
      const command = outside ? inDirectory(shell, session, place) : hookInside(shell, session, place);
      const without = place.network === 'none' ? ', without network as the hook' : '';
      await options.openShell({ point, title: `${options.address}, ${point}: a shell ${where}${without}. ${end}`, command });
    } finally {
      loan?.end();
      takeLeftRunning(session);
    }
  }
}

/** A shell is told its terminal and where it is. `break_cmd` reaches it as one argument, as it was written. */
function shellArguments(address: string, breaks: BreakOptions | undefined): string[] {
  const program = breaks?.command === undefined ? ['--norc', '-i'] : ['-c', breaks.command];
  return ['/usr/bin/env', `TERM=${breaks?.term ?? 'dumb'}`, `PS1=(${address}) \\w \\$ `, '/bin/bash', ...program];
}

/** Entering the worker's namespaces leaves the current directory behind. */
function inDirectory(argv: readonly string[], session: HookSession, place: HookPlace): Command {
  return hookOutside(['/usr/bin/env', `--chdir=${session.hooks}`, ...argv], session, place);
}
