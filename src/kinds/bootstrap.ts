import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { DistroConfig } from '../config/image.ts';
import { debianArchitecture } from '../distros/architectures.ts';
import type { BootstrapPlace, BootstrapResult, BuilderTool } from '../distros/distro.ts';
import { findDistro } from '../distros/registry.ts';
import { installedFile } from '../distros/rpm.ts';
import type { Command } from '../exec/command.ts';
import { emulationTools } from '../host/emulation.ts';
import { isArmoured } from '../rootfs/keyring.ts';
import { packagePool, touchInstalled } from '../rootfs/package-pool.ts';
import { collectRpms, sharedRpms, touchRpms, viewRpms } from '../rootfs/rpm-pool.ts';
import { sandboxArguments } from '../rootfs/sandbox.ts';
import { treeMaker } from '../rootfs/trees/tree-source.ts';
import type { ActionContext, Requirement } from './kind.ts';

/** What the base of an image needs of the builder. */
export function bootstrapRequirements(config: DistroConfig): Requirement[] {
  return toolsOf(config).map(({ name, package: debianPackage, why }) => ({ need: 'tool', name, package: debianPackage, why }));
}

function toolsOf(config: DistroConfig): readonly BuilderTool[] {
  const maker = treeMaker(config);
  if (maker !== undefined) return maker.tools(config);
  const { tools, keyring } = findDistro(config);
  const emulation = emulationTools(config.arch, debianArchitecture());
  return [...tools, ...(keyring === undefined || config.keyring !== undefined ? [] : [keyring]), ...emulation];
}

/** What makes the base of an image, for the plan. */
export function bootstrapCommands(config: DistroConfig): readonly Command[] {
  const place = { target: '<tree>', scratch: '<scratch>', mounted: (argv: readonly string[]) => argv };
  const keyring = config.keyring === undefined ? {} : { keyring: '<keyring>' };
  return treeMaker(config)?.commands(config, place) ?? findDistro(config).bootstrapCommands(config, { ...place, ...keyring });
}

/** Fills the empty directory `target` with the base of an image. `pinned`: digest of what a moving reference meant when it was first fetched. */
export async function fillTree(
  config: DistroConfig,
  target: string,
  pinned: string | undefined,
  libexec: string,
  context: ActionContext,
): Promise<BootstrapResult> {
  await mkdir(context.paths.scratch, { recursive: true });
  const scratch = await mkdtemp(join(context.paths.scratch, 'bootstrap-'));
  // apt checks signatures as the user _apt.
  await chmod(scratch, 0o755);
  try {
    const maker = treeMaker(config);
    if (maker !== undefined) return await maker.fill(config, { target, scratch, pinned }, context);
    const pool = packagePool(context.paths.cache, config.name);
    const place = {
      target,
      scratch,
      keyring: lendKeyring(config, scratch),
      mounted: sandboxOn(target, scratch, libexec),
      packagePool: pool,
    };
    if (findDistro(config).family !== 'debian') return await bootstrapRpm(config, place, libexec, context);
    const result = await bootstrap(config, place, context);
    touchInstalled(target, pool);
    return result;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function bootstrapRpm(
  config: DistroConfig,
  place: BootstrapPlace & { readonly packagePool: string },
  libexec: string,
  context: ActionContext,
): Promise<BootstrapResult> {
  const view = viewRpms(place.packagePool, join(place.scratch, 'packages'));
  try {
    return await bootstrap(config, { ...place, packages: sharedRpms(view, libexec) }, context);
  } finally {
    collectRpms(view, place.packagePool);
    touchRpms(installedRpms(place.scratch), place.packagePool);
  }
}

/** What the command of finishCommand has found in the tree; nothing where it was not reached. */
function installedRpms(scratch: string): ReadonlySet<string> {
  const file = installedFile(scratch);
  return new Set(existsSync(file) ? readFileSync(file, 'utf8').split('\n') : []);
}

/** What runs a program of the builder with a sandbox's mounts on the tree. */
function sandboxOn(root: string, scratch: string, libexec: string): BootstrapPlace['mounted'] {
  const [run, report] = [join(scratch, 'run'), join(scratch, 'left-running')];
  mkdirSync(join(run, 'lock'), { recursive: true });
  return (argv) => sandboxArguments({ libexec, root, run, report, outside: true, hostname: 'localhost' }, argv);
}

async function bootstrap(config: DistroConfig, place: BootstrapPlace, context: ActionContext): Promise<BootstrapResult> {
  const distro = findDistro(config);
  try {
    await distro.prepareBootstrap?.(config, place, context);
    for (const command of distro.bootstrapCommands(config, place)) await context.run(command);
  } catch (error) {
    throw distro.explainFailure?.(error, config, place) ?? error;
  }
  return await distro.finishBootstrap(config, place);
}

/** A copy that every user can read, as apt's methods have to, with the ending by which apt tells the forms apart. */
function lendKeyring({ files }: DistroConfig, scratch: string): string | undefined {
  if (files?.keyring === undefined) return undefined;
  const bytes = readFileSync(files.keyring.path);
  const path = join(scratch, isArmoured(bytes) ? 'keyring.asc' : 'keyring.gpg');
  writeFileSync(path, bytes, { mode: 0o644 });
  return path;
}
