import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Phase } from '../elements/element.ts';
import type { Command } from '../exec/command.ts';
import { ELEMENT_DOWNLOADS, type HookPaths, hookEnvironment, PROXY_VARIABLES, shellExports } from './hook-environment.ts';
import { hookTreeManifest, writeHookTree } from './hook-tree.ts';
import { viewPool } from './package-pool.ts';
import type { PhaseOptions } from './phases.ts';
import { type RpmView, viewRpms } from './rpm-pool.ts';
import { GUEST_HOOKS, networkArguments, type SandboxOptions, sandboxArguments } from './sandbox.ts';

/** What the hooks of one layer share: the hook tree, the sandbox, and the environments as files that shells read. */
export interface HookSession {
  readonly hooks: string;
  readonly sandbox: SandboxOptions;
  /** The hook tree as it was laid out. */
  readonly pristine: ReadonlyMap<string, string>;
  readonly environmentNames: readonly string[];
  readonly libexec: string;
  /** File that says what a hook left running. */
  readonly report: string;
  /** Where apt puts what it downloads. */
  readonly downloads: string;
  /** Packages that other builds have downloaded too, where RPM is used. */
  readonly rpms?: RpmView | undefined;
}

/** Lays out everything below the scratch directory. */
export function openSession(options: PhaseOptions): HookSession {
  const { elementSet: set, scratch } = options;
  const directories = {
    hooks: join(scratch, 'hooks'),
    run: join(scratch, 'run'),
    apt: join(scratch, 'apt'),
    image: join(scratch, 'image'),
  };
  for (const path of Object.values(directories)) mkdirSync(path, { mode: 0o755 });
  mkdirSync(join(directories.run, 'lock'), { mode: 0o755 });
  const caches = set.caches.map((name) => join(options.cache, ELEMENT_DOWNLOADS, name));
  for (const path of caches) mkdirSync(path, { recursive: true, mode: 0o755 });
  writeHookTree(directories.hooks, set, options.libexec, options.additions);
  const proxies: Record<string, string> = {};
  for (const name of PROXY_VARIABLES) if (process.env[name] !== undefined) proxies[name] = process.env[name];
  const write = (name: string, outside: boolean, hooks: string, root: string) => {
    const paths: HookPaths = {
      hooks,
      root,
      build: outside ? scratch : '/tmp',
      image: outside ? directories.image : '/tmp',
      cache: options.cache,
      extraOutputs: options.extraOutputs,
      home: homedir(),
      imageFile: options.imageDirectory,
    };
    const environment = hookEnvironment(set, options.variables, paths, outside, proxies);
    writeFileSync(join(directories.hooks, '.dib', name), shellExports(environment), { mode: 0o600 });
  };
  write('environment.outside', true, directories.hooks, options.root);
  write('environment.inside', false, GUEST_HOOKS, '/');
  const report = join(scratch, 'left-running');
  const packages = join(scratch, 'packages');
  if (options.packagePool !== undefined) viewPool(options.packagePool, packages);
  const rpms = options.rpmPool === undefined ? undefined : viewRpms(options.rpmPool, join(scratch, 'rpms'));
  return {
    hooks: directories.hooks,
    rpms,
    sandbox: {
      libexec: options.libexec,
      root: options.root,
      run: directories.run,
      hooks: directories.hooks,
      aptCache: directories.apt,
      caches,
      packages: options.packagePool === undefined ? undefined : packages,
      rpms: rpms?.directory,
      report,
      hostname: options.image.name,
    },
    pristine: hookTreeManifest(directories.hooks),
    environmentNames: set.environmentFiles.map((file) => file.path.slice('environment.d/'.length)),
    libexec: options.libexec,
    report,
    downloads: join(directories.apt, 'archives'),
  };
}

/** A program with the environment of hooks, environment.d included; `hooks`: the hook tree as seen from there. */
function withHookEnvironment(hooks: string, argv: readonly string[], session: HookSession): string[] {
  const [file = '', ...rest] = argv;
  const more = rest.length === 0 ? [] : ['--', ...rest];
  return [`${hooks}/.dib/dib-run-hook`, `${hooks}/environment.d`, file, ...session.environmentNames, ...more];
}

/** How a program runs among hooks. */
export interface HookPlace {
  /** It is the user's shell. */
  readonly terminal?: boolean | undefined;
  /** It has no network but its own loopback interface. */
  readonly network?: 'none' | undefined;
  /** On the builder: its current directory; default: that of the hook tree. */
  readonly cwd?: string | undefined;
}

/** A program inside the tree, with nothing but the variables that hooks see. */
export function insideCommand(argv: readonly string[], session: HookSession, { terminal, network }: HookPlace = {}): Command {
  const wrapper = ['/bin/bash', `${GUEST_HOOKS}/.dib/dib-with-environment`, `${GUEST_HOOKS}/.dib/environment.inside`];
  return { argv: sandboxArguments({ ...session.sandbox, terminal, network }, [...wrapper, ...argv]), cwd: '/' };
}

/** A hook, or the user's shell, inside the tree. */
export function hookInside(argv: readonly string[], session: HookSession, place: HookPlace = {}): Command {
  return insideCommand(withHookEnvironment(GUEST_HOOKS, argv, session), session, place);
}

/** A hook, or the user's shell, on the builder. Its own pid namespace: what it leaves running ends with it here too. */
export function hookOutside(argv: readonly string[], session: HookSession, place: HookPlace = {}): Command {
  const { cwd = session.hooks, network } = place;
  const wrapper = [join(session.hooks, '.dib/dib-with-environment'), join(session.hooks, '.dib/environment.outside')];
  const namespaces = ['--mount', '--propagation', 'slave', '--pid', '--fork', '--kill-child=KILL', '--mount-proc'];
  const init = [join(session.libexec, 'dib-hook-init'), session.report, '/proc'];
  const program = withHookEnvironment(session.hooks, argv, session);
  const unshare = ['unshare', ...namespaces, ...networkArguments(network, session.libexec)];
  return { argv: [...unshare, ...init, ...wrapper, ...program], cwd };
}

/** Path of a hook as seen from where it runs. */
export function hookPath(phase: Phase, name: string, session: HookSession, outside: boolean): string {
  return `${outside ? session.hooks : GUEST_HOOKS}/${phase}/${name}`;
}

/** Command lines of what the last hook left running, once. */
export function takeLeftRunning(session: HookSession): readonly string[] {
  if (!existsSync(session.report)) return [];
  const lines = readFileSync(session.report, 'utf8').split('\n');
  rmSync(session.report);
  return lines.filter((line) => line !== '');
}
