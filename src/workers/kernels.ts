import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { release } from 'node:os';
import { join } from 'node:path';
import { findProgram } from '../doctor/tools.ts';
import type { KernelNeed, Kernels, KernelView } from '../plan/kernels.ts';

/** Looks at this machine. */
export async function readKernels(): Promise<Kernels> {
  const [host, uml, qemu] = await Promise.all([hostKernel(), umlKernel(), qemuKernel()]);
  const machines = [
    ...(uml === undefined ? [] : [{ name: 'uml' as const, title: 'user-mode Linux', kernel: uml }]),
    ...(qemu === undefined ? [] : [{ name: 'qemu' as const, title: 'QEMU', kernel: qemu }]),
  ];
  return { host, machines };
}

/** Name of the module that meets a need. */
function moduleOf(need: KernelNeed): string {
  return need.need === 'loop' ? 'loop' : need.name.replaceAll('-', '_');
}

function viewOf(modules: ReadonlySet<string>): KernelView {
  return { has: (need) => modules.has(moduleOf(need)) };
}

/** Modules that can be loaded or are built in: modules.dep(5), modules.builtin. */
async function modulesIn(directory: string): Promise<Set<string>> {
  const texts = await Promise.all(
    ['modules.dep', 'modules.builtin'].map((name) => readFile(join(directory, name), 'utf8').catch(() => '')),
  );
  const paths = texts.flatMap((text) => text.split('\n')).map((line) => line.split(':')[0] ?? '');
  return new Set(paths.map((path) => (path.split('/').at(-1) ?? '').replace(/\.ko(\..*)?$/, '').replaceAll('-', '_')));
}

/** The running kernel, also where its modules are not installed, as in a container: what is built in shows in /proc and /sys. */
async function hostKernel(): Promise<KernelView> {
  const [filesystems, misc, modules] = await Promise.all([
    readFile('/proc/filesystems', 'utf8').catch(() => ''),
    readFile('/proc/misc', 'utf8').catch(() => ''),
    modulesIn(join('/lib/modules', release())),
  ]);
  for (const line of filesystems.split('\n')) modules.add(line.split('\t')[1] ?? '');
  if (/ device-mapper$/m.test(misc)) modules.add('dm_mod');
  if (existsSync('/dev/loop-control')) modules.add('loop');
  return { has: (need) => modules.has(moduleOf(need)) || existsSync(join('/sys/module', moduleOf(need))) };
}

async function umlKernel(): Promise<KernelView | undefined> {
  const { findUml } = await import('../vm/uml-kernel.ts');
  const found = await findUml();
  return found.ok ? viewOf(await modulesIn(found.modules)) : undefined;
}

async function qemuKernel(): Promise<KernelView | undefined> {
  const [{ QEMU }, { findKernel }] = await Promise.all([import('../vm/qemu-argv.ts'), import('../vm/qemu-kernel.ts')]);
  if (findProgram(QEMU) === undefined) return undefined;
  const found = await findKernel();
  return found.ok ? viewOf(await modulesIn(found.kernel.modules)) : undefined;
}
