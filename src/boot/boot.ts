import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ExitCode, fail } from '../diagnostics/errors.ts';
import { probeKvm } from '../doctor/kvm.ts';
import { missingTools } from '../doctor/tools.ts';
import { runInteractive } from '../exec/interactive.ts';
import { consoleArguments, type Firmware, type Machine, machineArguments } from './argv.ts';

/** The program that all machines run in. */
export const QEMU = 'qemu-system-x86_64';

/** Fails with DIB_BOOT_MISSING_TOOL, saying what to install, unless QEMU and the firmware are there. */
export function requireQemu(firmware: Firmware): void {
  const missing = missingTools(firmware === 'uefi' ? [QEMU, 'ovmf'] : [QEMU]);
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

/** KVM where a guest really runs in it, software emulation elsewhere; with the reason. */
export async function chooseAccelerator(): Promise<{ readonly accelerator: Machine['accelerator']; readonly reason: string }> {
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

/** Runs a machine with its serial console on this terminal; gives QEMU's exit status. */
export async function bootOnTerminal(machine: Machine): Promise<number> {
  return await runInteractive([QEMU, ...machineArguments(machine), ...consoleArguments()]);
}
