import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { release } from 'node:os';
import { join } from 'node:path';
import type { KernelNeed, Kernels, KernelView, MachineView } from '../plan/kernels.ts';
import { moduleName, readModuleNames } from '../vm/kernel-modules.ts';
import type { BackendCapability, Backends } from '../vm/open.ts';

/** Looks at this machine. */
export async function readKernels(): Promise<Kernels> {
  const [host, { uml, qemu }] = await Promise.all([readHostKernel(), probeMachines()]);
  const machines = [viewOf('uml', 'user-mode Linux', uml), viewOf('qemu', 'QEMU', qemu)];
  return { host, machines: await Promise.all(machines) };
}

async function probeMachines(): Promise<Backends> {
  return await (await import('../vm/open.ts')).probeBackends();
}

async function viewOf(name: MachineView['name'], title: string, capability: BackendCapability): Promise<MachineView> {
  const { modules } = capability;
  return { name, title, capability, kernel: modules === undefined ? undefined : await readModules(modules) };
}

/** Name of the module that meets a need. */
function moduleOf(need: KernelNeed): string {
  return moduleName(need.need === 'loop' ? 'loop' : need.name);
}

/** A kernel by the directory with its modules.dep. */
export async function readModules(directory: string): Promise<KernelView> {
  const modules = await readModuleNames(directory);
  return { has: (need) => modules?.has(moduleOf(need)) === true };
}

/**
 * The running kernel, also where its modules are not installed, as in a container: what is built in shows in /proc and /sys. `root`: where to look;
 * replaced in tests.
 */
export async function readHostKernel(root = '/', version = release()): Promise<KernelView> {
  const at = (path: string) => join(root, path);
  const [filesystems, misc, installed] = await Promise.all([
    readFile(at('proc/filesystems'), 'utf8').catch(() => ''),
    readFile(at('proc/misc'), 'utf8').catch(() => ''),
    readModuleNames(at(join('lib/modules', version))),
  ]);
  const modules = new Set(installed);
  for (const line of filesystems.split('\n')) modules.add(line.split('\t')[1] ?? '');
  if (/ device-mapper$/m.test(misc)) modules.add('dm_mod');
  if (existsSync(at('dev/loop-control'))) modules.add('loop');
  return { has: (need) => modules.has(moduleOf(need)) || existsSync(at(join('sys/module', moduleOf(need)))) };
}
