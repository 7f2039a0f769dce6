import { ExitCode, fail } from '../diagnostics/errors.ts';
import { quoted } from '../diagnostics/printable.ts';
import { listOf } from '../diagnostics/suggest.ts';
import type { Capability } from '../exec/capability.ts';
import { KERNEL_NEEDS, type KernelNeed, type KernelView, nameOfNeed } from '../plan/kernels.ts';
import type { Plan, WorkerChoice } from '../plan/plan.ts';
import type { Backends } from '../vm/open.ts';

/** Fails early, with what to install or to choose, when the worker of a plan cannot run here, or lacks a program or a driver of the kernel. */
export async function preflight(plan: Plan): Promise<void> {
  const [{ baseWorker, probeWorkers }, { missingTools }] = await Promise.all([
    import('../workers/probe.ts'),
    import('../doctor/tools.ts'),
  ]);
  const { worker } = plan;
  const needs = kernelNeeds(plan);
  requireWorker(worker, (await probeWorkers())[baseWorker(worker.name)], needs.length > 0);
  if (worker.name === 'vm') requireMachine(worker, await (await import('../vm/open.ts')).probeBackends());
  else if (needs.length > 0) requireDrivers(worker, needs, await (await import('../workers/kernels.ts')).readHostKernel());
  requireTools(plan, missingTools);
}

function kernelNeeds(plan: Plan): KernelNeed[] {
  const needs = plan.resource_changes.flatMap((change) => change.requires);
  return needs.filter((requirement): requirement is KernelNeed => KERNEL_NEEDS.has(requirement.need));
}

/** Fails where the worker cannot be started. `devices`: the plan attaches block devices. */
export function requireWorker(worker: WorkerChoice, capability: Capability, devices: boolean): void {
  if (capability.ok) return;
  // A user namespace would not help there.
  const sudo = 'Run dib with sudo, or install user-mode Linux for the worker `vm`: `apt-get install user-mode-linux`.';
  const help = worker.name === 'host' && devices ? sudo : (capability.help ?? 'See `dib doctor`.');
  refuse(worker, capability.reason, help);
}

/** Fails where no virtual machine can be started that offers what the plan needs. */
export function requireMachine(worker: WorkerChoice, backends: Backends): void {
  const { machine } = worker;
  if (machine !== undefined && backends[machine].ok) return;
  const wanted = machine === undefined ? (['uml', 'qemu'] as const) : [machine];
  const found = wanted.map((name) => backends[name]);
  const reasons = found.map(({ ok, reason }) => (ok ? `${reason}, but its kernel lacks what is needed` : reason));
  const helps = found.flatMap(({ ok, help }) => (ok || help === undefined ? [] : [help]));
  refuse(worker, reasons.join('; '), helps.length === 0 ? 'See `dib doctor`.' : helps.join(' Or: '));
}

/** Fails where the kernel of this machine lacks a driver that the plan needs: the plan was made elsewhere, or nothing at hand has it. */
export function requireDrivers(worker: WorkerChoice, needs: readonly KernelNeed[], kernel: KernelView): void {
  const lacking = needs.find((need) => !kernel.has(need));
  if (lacking !== undefined)
    refuse(worker, `this kernel has no ${nameOfNeed(lacking)}: ${lacking.why}`, 'See `dib doctor` for what this machine offers.');
}

function refuse(worker: WorkerChoice, reason: string, help: string): never {
  fail(
    {
      code: 'DIB_APPLY_WORKER',
      summary: `The worker ${quoted(worker.name)} cannot run here: ${reason}`,
      detail: `The plan needs it: ${worker.reason}.`,
      help,
    },
    ExitCode.Unavailable,
  );
}

function requireTools(plan: Plan, missingTools: typeof import('../doctor/tools.ts').missingTools): void {
  const needed = plan.resource_changes.flatMap((change) => change.requires.filter((requirement) => requirement.need === 'tool'));
  const missing = missingTools([...new Set(needed.map((tool) => tool.name))]);
  if (missing.length === 0) return;
  const packages = [
    ...new Set(missing.map((tool) => tool.package ?? needed.find(({ name }) => name === tool.name)?.package ?? tool.name)),
  ].sort();
  const why = (name: string) => needed.find((tool) => tool.name === name)?.why ?? 'an action needs it';
  fail(
    {
      code: 'DIB_APPLY_TOOLS',
      summary: `Programs are missing: ${listOf(missing.map((tool) => tool.name))}`,
      detail: missing.map((tool) => `  ${tool.name}: ${why(tool.name)}`).join('\n'),
      help: `Install them with \`dib doctor --install\`, or with \`apt-get install ${packages.join(' ')}\`.`,
    },
    ExitCode.Unavailable,
  );
}
