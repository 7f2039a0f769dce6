import { describe, expect, it } from 'vitest';
import { requireKernel, requireWorker } from '../../../src/cli/preflight.ts';
import { DibError } from '../../../src/diagnostics/errors.ts';
import type { KernelNeed } from '../../../src/plan/kernels.ts';
import type { WorkerChoice } from '../../../src/plan/plan.ts';

const NO_QEMU = {
  ok: false,
  reason: 'the program `qemu-system-x86_64` is not installed',
  help: 'Install it: `apt-get install qemu-system-x86`.',
};
const UML = { ok: true, reason: 'user-mode Linux 6.1 is installed, and mounts ext4' };

const worker = (name: WorkerChoice['name'], machine?: 'uml' | 'qemu'): WorkerChoice => ({
  name,
  ...(machine !== undefined && { machine }),
  reason: 'needs root: the disk file is attached as loop devices',
  realisation: {},
});

/** What the user reads, or nothing where it goes on. */
function said(check: () => void): object | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    if (!(error instanceof DibError)) throw error;
    const [{ code, summary, detail, help }] = error.diagnostics as [DibError['diagnostics'][number]];
    return { code, summary, detail, help, status: error.exitCode };
  }
}

const DETAIL = 'The plan needs it: needs root: the disk file is attached as loop devices.';

describe('where the worker cannot run', () => {
  const notRoot = { ok: false, reason: 'dib does not run as root', help: 'Run dib with sudo, or use `--worker userns`.' };

  it('does not send those who need devices to a user namespace', () => {
    expect(said(() => requireWorker(worker('host'), notRoot, true))).toEqual({
      code: 'DIB_APPLY_WORKER',
      summary: 'The worker `host` cannot run here: dib does not run as root',
      detail: DETAIL,
      help: 'Run dib with sudo, or install user-mode Linux for the worker `vm`: `apt-get install user-mode-linux`.',
      status: 69,
    });
    expect(said(() => requireWorker(worker('host'), notRoot, false))).toMatchObject({ help: notRoot.help });
  });

  it('goes on where it can', () => {
    expect(said(() => requireWorker(worker('userns'), { ok: true, reason: 'yes' }, false))).toBeUndefined();
  });
});

describe('where no kernel at hand has what the plan needs', () => {
  const needs: KernelNeed[] = [
    { need: 'loop', why: 'the disk file is attached as loop devices' },
    { need: 'filesystem', name: 'xfs', why: 'the xfs file systems of the image are mounted' },
  ];
  const plan = (choice: WorkerChoice) => ({ worker: choice, resource_changes: [{ requires: needs } as never] });
  const noXfs = { has: ({ need }: KernelNeed) => need === 'loop' };
  const all = { has: () => true };

  it('says which driver of the host, and for what, before anything is made', () => {
    expect(said(() => requireKernel(plan(worker('host')), { host: noXfs, machines: [] }))).toEqual({
      code: 'DIB_APPLY_WORKER',
      summary:
        'The worker `host` cannot run here: this kernel has no driver for xfs: the xfs file systems of the image are mounted',
      detail: DETAIL,
      help: "Either boot a kernel that has it, such as Debian's `linux-image-amd64`, or use `--worker vm`.",
      status: 69,
    });
  });

  it('says why each virtual machine is not enough', () => {
    const machines = [
      { name: 'uml' as const, title: 'user-mode Linux', capability: UML, kernel: noXfs },
      { name: 'qemu' as const, title: 'QEMU', capability: NO_QEMU, kernel: undefined },
    ];
    expect(said(() => requireKernel(plan(worker('vm')), { host: noXfs, machines }))).toEqual({
      code: 'DIB_APPLY_WORKER',
      summary:
        'The worker `vm` cannot run here: the kernel of user-mode Linux has no driver for xfs: the xfs file systems of the image are mounted; the program `qemu-system-x86_64` is not installed',
      detail: DETAIL,
      help: 'Install it: `apt-get install qemu-system-x86`.',
      status: 69,
    });
  });

  it('goes on where it has all', () => {
    const machines = [{ name: 'uml' as const, title: 'user-mode Linux', capability: UML, kernel: all }];
    expect(said(() => requireKernel(plan(worker('host')), { host: all, machines: [] }))).toBeUndefined();
    expect(said(() => requireKernel(plan(worker('vm', 'uml')), { host: noXfs, machines }))).toBeUndefined();
    expect(said(() => requireKernel(plan(worker('userns')), { host: noXfs, machines: [] }))).toBeUndefined();
  });
});
