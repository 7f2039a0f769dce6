import { ExitCode, fail } from '../diagnostics/errors.ts';
import { quoted } from '../diagnostics/printable.ts';
import { listOf } from '../diagnostics/suggest.ts';
import type { Capability } from '../exec/capability.ts';
import type { Requirement } from '../kinds/kind.ts';
import { type Kernels, kernelNeeds, obstacleAt } from '../plan/kernels.ts';
import type { Plan, WorkerChoice } from '../plan/plan.ts';

/** Fails early, with what to install or to choose, when the worker of a plan cannot run here, or lacks a program or a driver of the kernel. */
export async function preflight(plan: Plan): Promise<void> {
  const [{ baseWorker, probeWorkers }, { missingTools }] = await Promise.all([
    import('../workers/probe.ts'),
    import('../doctor/tools.ts'),
  ]);
  const { worker } = plan;
  const devices = kernelNeeds(requirementsOf(plan)).length > 0;
  requireWorker(worker, (await probeWorkers())[baseWorker(worker.name)], devices);
  if (devices || worker.name === 'vm') {
    const { readKernels } = await import('../workers/kernels.ts');
    requireKernel(plan, await readKernels());
  }
  requireTools(plan, missingTools);
}

function requirementsOf(plan: Pick<Plan, 'resource_changes'>): readonly Requirement[] {
  return plan.resource_changes.flatMap((change) => change.requires);
}

/** Fails where the worker cannot be started. `devices`: the plan attaches block devices. */
export function requireWorker(worker: WorkerChoice, capability: Capability, devices: boolean): void {
  if (capability.ok) return;
  // A user namespace would not help there.
  const sudo = 'Run dib with sudo, or install user-mode Linux for the worker `vm`: `apt-get install user-mode-linux`.';
  const help = worker.name === 'host' && devices ? sudo : (capability.help ?? 'See `dib doctor`.');
  refuse(worker, capability.reason, help);
}

/** Fails where no kernel at hand offers what the plan needs of the one it names: it was made elsewhere, or nothing here has it. */
export function requireKernel(plan: Pick<Plan, 'worker' | 'resource_changes'>, kernels: Kernels): void {
  const obstacle = obstacleAt(plan.worker, requirementsOf(plan), kernels);
  if (obstacle !== undefined) refuse(plan.worker, obstacle.reason, obstacle.help);
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
