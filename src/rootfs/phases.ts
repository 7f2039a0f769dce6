import { mkdirSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { ImageConfig } from '../config/image.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { DibError } from '../diagnostics/errors.ts';
import { quoted, quotedPath } from '../diagnostics/printable.ts';

import {
  type ElementSet,
  isDeviceAddress,
  OUTSIDE_PHASES,
  type PackageRequest,
  type Phase,
  type PhasePackages,
} from '../elements/element.ts';
import type { Command, Runner } from '../exec/command.ts';
import { quoteCommand } from '../exec/quote.ts';
import { hookEnvironment, PROXY_VARIABLES, shellExports } from './hook-environment.ts';
import { hookTreeManifest, saveAdditions, writeHookTree } from './hook-tree.ts';
import { GUEST_HOOKS, lendFiles, type SandboxOptions, sandboxArguments } from './sandbox.ts';

/** One thing to do in a tree. */
export type PhaseStep =
  | { readonly run: 'hook'; readonly phase: Phase; readonly name: string; readonly element: string }
  | {
      readonly run: 'install' | 'uninstall';
      readonly phase: Phase;
      readonly packages: readonly string[];
      /** No initramfs is made for it: the step `initramfs` follows. */
      readonly initramfs?: 'later';
    }
  | { readonly run: 'initramfs'; readonly phase: Phase };

/** What makes the initramfs of every kernel anew, inside the tree. */
export const INITRAMFS_COMMAND: readonly string[] = ['regenerate-initramfs'];

/** What running steps needs to know; all paths absolute. */
export interface PhaseOptions {
  readonly elementSet: ElementSet;
  readonly image: ImageConfig;
  /** What hooks see, secrets included. */
  readonly variables: Readonly<Record<string, string>>;
  readonly libexec: string;
  /** The tree. */
  readonly root: string;
  /** An empty directory for the hook tree and the like; the caller removes it. */
  readonly scratch: string;
  readonly cache: string;
  /** Additions to the hook tree by extra-data.d hooks of layers below. */
  readonly additions: readonly string[];
  /** Where additions by extra-data.d hooks of this layer are kept. */
  readonly saveAdditions: string;
  /** Program and arguments that bring package lists up to date before the first packages, if they are out of date. */
  readonly refresh?: readonly string[] | undefined;
  readonly address: string;
  /** Absolute path of the log, for messages. */
  readonly logFile?: string | undefined;
  progress(message: string): void;
  log(text: string): void;
}

/** Runs steps in order, each in its own sandbox or, for the phases outside, on the builder. The first that fails ends it, with a DibError. */
export async function runSteps(steps: readonly PhaseStep[], options: PhaseOptions, runner: Runner): Promise<void> {
  if (steps.length === 0) return;
  const session = prepare(options);
  // Hooks on the builder see the tree as it is; the others as it was lent.
  let refresh = options.refresh;
  for (const [index, step] of steps.entries()) {
    const outside = step.run === 'hook' && OUTSIDE_PHASES.includes(step.phase);
    options.progress(title(step));
    const started = performance.now();
    if (outside) await runOutside(step.name, step.phase, session, options, runner, step.element);
    else {
      const loan = lendFiles(options.root);
      try {
        if (step.run === 'install' && refresh !== undefined) {
          await runner.run(inside(refresh, session));
          refresh = undefined;
        }
        await attempt(step, options, () => runner.run(inside(program(step, session), session)));
      } finally {
        loan.end();
      }
    }
    options.log(`${title(step)}: ${((performance.now() - started) / 1000).toFixed(2)} s\n`);
    const next = steps[index + 1];
    const endOfExtraData = phaseOf(step) === 'extra-data.d' && (next === undefined || phaseOf(next) !== 'extra-data.d');
    if (endOfExtraData) saveAdditions(session.hooks, session.pristine, options.saveAdditions);
  }
}

interface Session {
  readonly hooks: string;
  readonly sandbox: SandboxOptions;
  readonly pristine: ReadonlyMap<string, string>;
  readonly environmentNames: readonly string[];
}

function prepare(options: PhaseOptions): Session {
  const { elementSet: set, scratch } = options;
  const directories = { hooks: join(scratch, 'hooks'), run: join(scratch, 'run'), apt: join(scratch, 'apt') };
  for (const path of Object.values(directories)) mkdirSync(path, { mode: 0o755 });
  mkdirSync(join(directories.run, 'lock'), { mode: 0o755 });
  writeHookTree(directories.hooks, set, options.libexec, options.additions);
  const proxies: Record<string, string> = {};
  for (const name of PROXY_VARIABLES) if (process.env[name] !== undefined) proxies[name] = process.env[name];
  const write = (name: string, outside: boolean, hooks: string, root: string) => {
    const paths = { hooks, root, build: outside ? scratch : '/tmp', cache: options.cache, home: homedir() };
    const environment = hookEnvironment(set, options.variables, paths, outside, proxies);
    writeFileSync(join(directories.hooks, '.dib', name), shellExports(environment), { mode: 0o600 });
  };
  write('environment.outside', true, directories.hooks, options.root);
  write('environment.inside', false, GUEST_HOOKS, '/');
  return {
    hooks: directories.hooks,
    sandbox: {
      libexec: options.libexec,
      root: options.root,
      run: directories.run,
      hooks: directories.hooks,
      aptCache: directories.apt,
      hostname: options.image.name,
    },
    pristine: hookTreeManifest(directories.hooks),
    environmentNames: set.environmentFiles.map((file) => file.path.slice('environment.d/'.length)),
  };
}

function phaseOf(step: PhaseStep): Phase {
  return step.phase;
}

/** What a step is called in progress and logs. */
function title(step: PhaseStep): string {
  if (step.run === 'hook') return `${step.phase}/${step.name} (${step.element})`;
  if (step.run === 'initramfs') return `${step.phase}: initramfs`;
  const count = `${step.packages.length} package${step.packages.length === 1 ? '' : 's'}`;
  return `${step.phase}: ${step.run} ${count}`;
}

function runHook(hooks: string, file: string, session: Session): string[] {
  return [`${hooks}/.dib/dib-run-hook`, `${hooks}/environment.d`, `${hooks}/${file}`, ...session.environmentNames];
}

function program(step: PhaseStep, session: Session): readonly string[] {
  if (step.run === 'hook') return runHook(GUEST_HOOKS, `${step.phase}/${step.name}`, session);
  if (step.run === 'initramfs') return [`${GUEST_HOOKS}/.dib/guest/${INITRAMFS_COMMAND.join(' ')}`];
  const later = step.initramfs === 'later' ? ['--later'] : [];
  const remove = step.run === 'uninstall' ? ['-e'] : [];
  return [`${GUEST_HOOKS}/.dib/guest/install-with-initramfs`, ...later, ...remove, ...step.packages];
}

function inside(argv: readonly string[], session: Session): Command {
  const wrapper = ['/bin/bash', `${GUEST_HOOKS}/.dib/dib-with-environment`, `${GUEST_HOOKS}/.dib/environment.inside`];
  return { argv: sandboxArguments(session.sandbox, [...wrapper, ...argv]), cwd: '/' };
}

async function runOutside(
  name: string,
  phase: Phase,
  session: Session,
  options: PhaseOptions,
  runner: Runner,
  element: string,
): Promise<void> {
  const wrapper = [join(session.hooks, '.dib/dib-with-environment'), join(session.hooks, '.dib/environment.outside')];
  // Its own pid namespace: what a hook leaves running ends with it here too.
  const namespaces = [
    'unshare',
    '--mount',
    '--propagation',
    'slave',
    '--pid',
    '--fork',
    '--kill-child=KILL',
    '--mount-proc',
    '--',
  ];
  const argv = [...namespaces, ...wrapper, ...runHook(session.hooks, `${phase}/${name}`, session)];
  const step: PhaseStep = { run: 'hook', phase, name, element };
  await attempt(step, options, () => runner.run({ argv, cwd: session.hooks }));
}

/** Failures of processes, told as failures of hooks. */
async function attempt(step: PhaseStep, options: PhaseOptions, run: () => Promise<unknown>): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (!(error instanceof DibError) || error.diagnostics[0]?.code !== 'DIB_EXEC_FAILED') throw error;
    throw new DibError(failed(step, error.diagnostics[0], options));
  }
}

function failed(step: PhaseStep, cause: Diagnostic, options: PhaseOptions): Diagnostic {
  if (step.run === 'hook') return hookFailed(step, cause, options);
  return step.run === 'initramfs' ? initramfsFailed(cause, options) : packagesFailed(step, cause, options);
}

/** How a process ended, without its name: what users know is the hook, not the program that runs it. */
function ending(cause: Diagnostic): string {
  return cause.summary.replace(/^`[^`]*` /, '');
}

function readLog(options: PhaseOptions): string {
  return options.logFile === undefined
    ? ''
    : `\nTo read the whole log:\n  ${quoteCommand({ argv: ['less', '+G', options.logFile] })}`;
}

function hookFailed(step: PhaseStep & { run: 'hook' }, cause: Diagnostic, options: PhaseOptions): Diagnostic {
  const hook = options.elementSet.hooks[step.phase].find((candidate) => candidate.name === step.name);
  return {
    code: 'DIB_HOOK_FAILED',
    severity: 'error',
    address: options.address,
    summary: `The hook ${quoted(`${step.phase}/${step.name}`)} of element ${quoted(step.element)} ${ending(cause)}`,
    detail: cause.detail,
    help: `Mend ${hook === undefined ? 'the hook' : quotedPath(hook.path)} and run \`dib apply\` again: it goes on with \`${options.address}\`, the layers below are kept.${readLog(options)}`,
  };
}

function initramfsFailed(cause: Diagnostic, options: PhaseOptions): Diagnostic {
  return {
    code: 'DIB_INITRAMFS_FAILED',
    severity: 'error',
    address: options.address,
    summary: `The initramfs could not be made: the image’s own program ${ending(cause)}`,
    detail: cause.detail,
    help: `It is made again after /etc/crypttab and /etc/mdadm/mdadm.conf were written, as it holds copies of them. Mend what an element or package changed in it.${readLog(options)}`,
  };
}

function packagesFailed(
  step: PhaseStep & { run: 'install' | 'uninstall' },
  cause: Diagnostic,
  options: PhaseOptions,
): Diagnostic {
  const packages = options.elementSet.packages as Readonly<Record<string, PhasePackages>>;
  const requests = packages[step.phase]?.[step.run] ?? [];
  const told = (cause.detail ?? '').split('\n').filter((line) => /^\s*(E:|dpkg:|Errors were)/.test(line));
  const named = requests.filter(({ name }) => told.some((line) => line.split(/[\s'",;:()]+/).includes(name)));
  const list = (some: readonly PackageRequest[]) =>
    some.map(({ name, requestedBy }) => `${name} (${requestedBy.map(asker).join(', ')})`);
  const asked = named.length > 0 ? `Asked for by: ${list(named).join('; ')}.` : `Asked for: ${list(requests).join(', ')}.`;
  return {
    code: 'DIB_PACKAGES_FAILED',
    severity: 'error',
    address: options.address,
    summary: `The packages of ${quoted(step.phase)} could not be ${step.run === 'install' ? 'installed' : 'removed'}: the package manager ${ending(cause)}`,
    detail: cause.detail,
    help: `${asked} Correct the names there, or try again if the mirror was out of reach.${readLog(options)}`,
  };
}

function asker(name: string): string {
  if (isDeviceAddress(name)) return `the block device ${quoted(name)}`;
  return name === 'image.yaml' ? '`packages` of image.yaml' : `package-installs.yaml of element ${name}`;
}
