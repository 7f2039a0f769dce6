import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ExitCode, fail } from '../diagnostics/errors.ts';
import { quoted } from '../diagnostics/printable.ts';
import { listOf } from '../diagnostics/suggest.ts';
import { debianArchitecture } from '../distros/architectures.ts';
import { probeKvm } from '../doctor/kvm.ts';
import { missingTools } from '../doctor/tools.ts';
import { runInteractive } from '../exec/interactive.ts';
import { consoleArguments, type Firmware, type Machine, type MachineArch, machineArguments, PLATFORMS } from './argv.ts';

/** Fails with DIB_BOOT_MISSING_TOOL, saying what to install, unless QEMU and the firmware are there. */
export function requireQemu(arch: MachineArch, firmware: Firmware): void {
  const { qemu, uefi } = PLATFORMS[arch];
  const missing = missingTools(firmware === 'uefi' ? [qemu, uefi.tool] : [qemu]);
  if (missing.length === 0) return;
  fail(
    {
      code: 'DIB_BOOT_MISSING_TOOL',
      summary: `To boot an image this host lacks ${missing.map(({ name }) => name).join(' and ')}`,
      help: `Run \`apt-get install ${missing.map((tool) => tool.package).join(' ')}\`, or \`dib doctor --install\`.`,
    },
    ExitCode.Unavailable,
  );
}

/** The machine for an image of an architecture. Fails with DIB_BOOT_ARCH where there is none, with DIB_BOOT_FIRMWARE where it has no such firmware. */
export function choosePlatform(arch: string, wanted: Firmware | undefined): { arch: MachineArch; firmware: Firmware } {
  // The processors of amd64 run i386.
  const name = arch === 'i386' ? 'amd64' : arch;
  if (!isMachineArch(name)) {
    fail({
      code: 'DIB_BOOT_ARCH',
      summary: `dib boot has no machine for ${quoted(arch)}`,
      detail: `It knows those for ${listOf(Object.keys(PLATFORMS))}.`,
      help: `Start the image with QEMU’s program for ${quoted(arch)} yourself, or give \`--arch\` if the image is of another architecture.`,
    });
  }
  const { firmwares } = PLATFORMS[name];
  const firmware = wanted ?? (firmwares[0] as Firmware);
  if (!firmwares.includes(firmware)) {
    fail({
      code: 'DIB_BOOT_FIRMWARE',
      summary: `Machines of ${quoted(name)} have no ${firmware === 'bios' ? 'BIOS' : 'UEFI'}`,
      help: `Leave \`--firmware\` out, or write \`--firmware ${firmwares.join('|')}\`.`,
    });
  }
  return { arch: name, firmware };
}

function isMachineArch(arch: string): arch is MachineArch {
  return Object.hasOwn(PLATFORMS, arch);
}

/** KVM where a guest really runs in it, software emulation elsewhere; with the reason. */
export async function chooseAccelerator(
  arch: MachineArch,
): Promise<{ readonly accelerator: Machine['accelerator']; readonly reason: string }> {
  const host = debianArchitecture();
  if (arch !== host) return { accelerator: 'tcg', reason: `software emulation: this machine is ${host}, not ${arch}` };
  const scratch = await mkdtemp(join(tmpdir(), 'dib-boot-'));
  try {
    const { state, detail } = await probeKvm(scratch);
    return state === 'found'
      ? { accelerator: 'kvm', reason: `KVM ${detail}` }
      : { accelerator: 'tcg', reason: `software emulation, about ten times slower than KVM: ${detail}` };
  } finally {
    await rm(scratch, { recursive: true });
  }
}

/** The whole command for a machine with its serial console on the terminal. */
export function bootCommand(machine: Machine): readonly string[] {
  return [PLATFORMS[machine.arch].qemu, ...machineArguments(machine), ...consoleArguments()];
}

/** Runs a machine with its serial console on this terminal; gives QEMU's exit status. */
export async function bootOnTerminal(machine: Machine): Promise<number> {
  return await runInteractive(bootCommand(machine));
}
