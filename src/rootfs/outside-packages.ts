import { mkdirSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import type { DistroConfig } from '../config/image.ts';
import type { OutsideInstaller } from '../distros/distro.ts';
import type { Runner } from '../exec/command.ts';
import { resolveInside } from './inside.ts';
import { collectRpms, type RpmView, sharedRpms, touchRpms } from './rpm-pool.ts';
import { type SandboxOptions, sandboxArguments } from './sandbox.ts';

/** The builder's package manager for trees without one, and what it is told. */
export interface OutsidePackages {
  readonly installer: OutsideInstaller;
  readonly config: DistroConfig;
}

/** Packages to install or remove. */
export interface OutsideRequest {
  readonly action: 'install' | 'uninstall';
  readonly packages: readonly string[];
  /** What the tree knows of repositories is out of date. */
  readonly refresh: boolean;
}

/** Whether a tree has no package manager, so that the builder's has to do it. */
export function needsOutside(outside: OutsidePackages | undefined, root: string): outside is OutsidePackages {
  return outside !== undefined && !outside.installer.inside.some((path) => resolveInside(root, path) !== undefined);
}

/** Installs or removes packages from outside, with the sandbox's mounts on the tree for what scriptlets do in there. */
export async function runOutsidePackages(
  { installer, config }: OutsidePackages,
  request: OutsideRequest,
  sandbox: SandboxOptions,
  scratch: string,
  runner: Runner,
  timeout: number | undefined,
  pool?: { readonly directory: string; readonly view: RpmView },
): Promise<void> {
  const own = mkdtempSync(join(scratch, 'packages-'));
  mkdirSync(join(sandbox.run, 'lock'), { recursive: true });
  const packages = pool === undefined ? undefined : sharedRpms(pool.view, sandbox.libexec);
  const place = { target: sandbox.root, scratch: own, packages };
  installer.prepare(config, place);
  const options: SandboxOptions = {
    ...sandbox,
    hooks: undefined,
    aptCache: undefined,
    packages: undefined,
    rpms: undefined,
    outside: true,
  };
  for (const command of installer.commands(config, place, request.action, request.packages, request.refresh)) {
    await runner.run({ ...command, argv: sandboxArguments(options, command.argv) }, { timeout });
  }
  if (pool === undefined || request.action !== 'install') return;
  collectRpms(pool.view, pool.directory);
  const { stdout } = await runner.run(installer.installed(config, place));
  touchRpms(new Set(stdout.split('\n')), pool.directory);
}
