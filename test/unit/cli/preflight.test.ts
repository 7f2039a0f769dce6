import { describe, expect, it } from 'vitest';
import { requireDrivers, requireMachine, requireWorker } from '../../../src/cli/preflight.ts';
import { DibError } from '../../../src/diagnostics/errors.ts';
import type { KernelNeed } from '../../../src/plan/kernels.ts';
import type { WorkerChoice } from '../../../src/plan/plan.ts';

const NO_UML = {
  ok: false,
  reason: 'the program `linux.uml` is not installed',
  help: 'Install it: `apt-get install user-mode-linux`.',
};
const NO_QEMU = {
  ok: false,
  reason: 'the program `qemu-system-x86_64` is not installed',
  help: 'Install it: `apt-get install qemu-system-x86`.',
};
const UML = { ok: true, reason: 'user-mode Linux 6.1 is installed, and mounts ext4' };
const QEMU = { ok: true, reason: 'QEMU is installed, and the kernel 6.1 to boot in it' };

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

describe('where no virtual machine can be started', () => {
  it('names both and how to get them', () => {
    expect(said(() => requireMachine(worker('vm'), { uml: NO_UML, qemu: NO_QEMU }))).toEqual({
      code: 'DIB_APPLY_WORKER',
      summary:
        'The worker `vm` cannot run here: the program `linux.uml` is not installed; the program `qemu-system-x86_64` is not installed',
      detail: DETAIL,
      help: 'Install it: `apt-get install user-mode-linux`. Or: Install it: `apt-get install qemu-system-x86`.',
      status: 69,
    });
  });

  it('names only the one of the plan', () => {
    expect(said(() => requireMachine(worker('vm', 'qemu'), { uml: UML, qemu: NO_QEMU }))).toMatchObject({
      summary: 'The worker `vm` cannot run here: the program `qemu-system-x86_64` is not installed',
      help: 'Install it: `apt-get install qemu-system-x86`.',
    });
  });

  it('says of one that is there why it is not enough', () => {
    expect(said(() => requireMachine(worker('vm'), { uml: UML, qemu: NO_QEMU }))).toMatchObject({
      summary:
        'The worker `vm` cannot run here: user-mode Linux 6.1 is installed, and mounts ext4, but its kernel lacks what is needed; the program `qemu-system-x86_64` is not installed',
      help: 'Install it: `apt-get install qemu-system-x86`.',
    });
    expect(said(() => requireMachine(worker('vm'), { uml: UML, qemu: QEMU }))).toMatchObject({ help: 'See `dib doctor`.' });
  });

  it('goes on with the one of the plan', () => {
    expect(said(() => requireMachine(worker('vm', 'uml'), { uml: UML, qemu: NO_QEMU }))).toBeUndefined();
    expect(said(() => requireMachine(worker('vm', 'qemu'), { uml: NO_UML, qemu: QEMU }))).toBeUndefined();
  });
});

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

describe('where the kernel lacks a driver', () => {
  const needs: KernelNeed[] = [
    { need: 'loop', why: 'the disk file is attached as loop devices' },
    { need: 'filesystem', name: 'xfs', why: 'the xfs file systems of the image are mounted' },
  ];

  it('says which, and for what, before anything is made', () => {
    expect(said(() => requireDrivers(worker('host'), needs, { has: ({ need }) => need === 'loop' }))).toEqual({
      code: 'DIB_APPLY_WORKER',
      summary:
        'The worker `host` cannot run here: this kernel has no driver for xfs: the xfs file systems of the image are mounted',
      detail: DETAIL,
      help: 'See `dib doctor` for what this machine offers.',
      status: 69,
    });
  });

  it('goes on where it has all', () => {
    expect(said(() => requireDrivers(worker('host'), needs, { has: () => true }))).toBeUndefined();
  });
});
