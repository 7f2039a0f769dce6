import { parseSize } from '../blockdev/sizes.ts';
import { ExitCode, fail } from '../diagnostics/errors.ts';
import { quoted } from '../diagnostics/printable.ts';
import { missingProgram } from '../doctor/tools.ts';
import type { Capability } from '../exec/capability.ts';
import type { Machine } from '../exec/machine.ts';
import type { VmBackend } from './backend.ts';
import { findUml } from './uml-kernel.ts';
import { startMachine } from './vm-machine.ts';

export interface MachineOptions {
  readonly backend: VmBackend['name'];
  /** Directory of the run. Exists; absolute. */
  readonly scratch: string;
  /** Directory that is kept from run to run, for what QEMU boots. */
  readonly cache: string;
}

/** Whether a virtual machine can be started here. */
export interface BackendCapability extends Capability {
  /** The directory with the modules.dep of its kernel, where it can. */
  readonly modules?: string;
}

/** Which virtual machines can be started here, and why (not), from what can be read: nothing is run. */
export interface Backends {
  readonly uml: BackendCapability;
  readonly qemu: BackendCapability;
}

const MIB = 1024 * 1024;
const DEFAULT_MEMORY = 512;
/** Enough for linux.uml to boot and to open a LUKS2 container that was made with little memory. */
const LEAST_MEMORY = 128;

/**
 * Boots a virtual machine and waits until it takes commands. It ends at `close`, and with this process.
 * Throws DIB_VM_BOOT when it does not come up, DIB_VM_MEMORY when the environment variable of that name cannot be read.
 */
export async function openMachine(options: MachineOptions): Promise<Machine> {
  const memory = vmMemory(process.env['DIB_VM_MEMORY']);
  return await startMachine(await backendOf(options), { scratch: options.scratch, memory });
}

async function backendOf({ backend, cache }: MachineOptions): Promise<VmBackend> {
  if (backend === 'uml') return (await import('./uml.ts')).umlBackend;
  return (await import('./qemu.ts')).qemuBackend({ cache });
}

/** MiB of memory of a virtual machine: the environment variable DIB_VM_MEMORY, a size such as `1GiB`; default 512 MiB. */
export function vmMemory(text: string | undefined): number {
  if (text === undefined || text === '') return DEFAULT_MEMORY;
  const size = parseSize(text);
  const mebibytes = 'bytes' in size ? Math.floor(size.bytes / MIB) : 0;
  if (mebibytes >= LEAST_MEMORY) return mebibytes;
  return fail(
    {
      code: 'DIB_VM_MEMORY',
      summary: `The environment variable \`DIB_VM_MEMORY\` is ${quoted(text)}, which is no size for a virtual machine`,
      help: `Write a size of at least ${LEAST_MEMORY}MiB, such as \`${DEFAULT_MEMORY}MiB\` or \`1GiB\`, or leave it out: the default is ${DEFAULT_MEMORY}MiB.`,
    },
    ExitCode.Usage,
  );
}

export async function probeBackends(): Promise<Backends> {
  const [uml, qemu] = await Promise.all([probeUml(), probeQemu()]);
  return { uml, qemu };
}

async function probeUml(): Promise<BackendCapability> {
  const found = await findUml();
  if (!found.ok) return found;
  const { version, filesystems, modules } = found.kernel;
  return { ok: true, reason: `user-mode Linux ${version} is installed, and mounts ${filesystems.join(', ')}`, modules };
}

async function probeQemu(): Promise<BackendCapability> {
  const [{ QEMU_PROGRAMS }, { findKernel }] = await Promise.all([import('./qemu-argv.ts'), import('./qemu-kernel.ts')]);
  const missing = missingProgram(QEMU_PROGRAMS);
  if (missing !== undefined) return missing;
  const found = await findKernel();
  if (!found.ok) return found;
  const { version, modules } = found.kernel;
  return { ok: true, reason: `QEMU is installed, and the kernel ${version} to boot in it`, modules };
}
