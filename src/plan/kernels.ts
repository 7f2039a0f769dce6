import type { Capability } from '../exec/capability.ts';
import type { Requirement } from '../kinds/kind.ts';
import type { WorkerChoice } from './plan.ts';

/** What needs a kernel rather than a program. */
export type KernelNeed = Extract<Requirement, { need: 'loop' | 'kernel' | 'filesystem' }>;

/** A kernel that block devices can be attached to, from what can be read: nothing is run. */
export interface KernelView {
  has(need: KernelNeed): boolean;
}

/** A virtual machine, whether it can be started here or not. */
export interface MachineView {
  readonly name: 'uml' | 'qemu';
  readonly title: string;
  /** Why it can be started, or not. */
  readonly capability: Capability;
  /** What runs in it; undefined where it cannot be started. */
  readonly kernel: KernelView | undefined;
}

/** The kernels at hand. */
export interface Kernels {
  readonly host: KernelView;
  /** The best first. */
  readonly machines: readonly MachineView[];
}

/** Why no kernel at hand can do what a plan needs, as part of a sentence, and what to do about it. */
export interface Obstacle {
  readonly reason: string;
  readonly help: string;
}

const KERNEL_NEEDS: ReadonlySet<string> = new Set<KernelNeed['need']>(['loop', 'kernel', 'filesystem']);

/** The needs that a kernel meets. */
export function kernelNeeds(requirements: readonly Requirement[]): readonly KernelNeed[] {
  return requirements.filter((requirement): requirement is KernelNeed => KERNEL_NEEDS.has(requirement.need));
}

/** The first thing that a kernel has not, as in `has no raid1: the kernel mirrors the members`. */
export function lackOf(kernel: KernelView, needs: readonly KernelNeed[]): string | undefined {
  const lacking = needs.find((need) => !kernel.has(need));
  return lacking === undefined ? undefined : `has no ${nameOfNeed(lacking)}: ${lacking.why}`;
}

function nameOfNeed(need: KernelNeed): string {
  if (need.need === 'loop') return 'loop devices';
  return need.need === 'filesystem' ? `driver for ${need.name}` : need.name;
}

/** The first machine whose kernel has all of it. */
export function fittingMachine(needs: readonly KernelNeed[], machines: readonly MachineView[]): MachineView | undefined {
  return machines.find(({ kernel }) => kernel !== undefined && lackOf(kernel, needs) === undefined);
}

/** What keeps a worker from doing what is needed with the kernels at hand. */
export function obstacleAt(
  { name, machine }: Pick<WorkerChoice, 'name' | 'machine'>,
  requirements: readonly Requirement[],
  kernels: Kernels,
): Obstacle | undefined {
  if (name === 'vm') return machineObstacle(requirements, kernels, machine);
  return name === 'host' ? hostObstacle(requirements, kernels) : undefined;
}

const OTHER_KERNEL = "boot a kernel that has it, such as Debian's `linux-image-amd64`";

/** What keeps the host's kernel from it. Nothing but another kernel helps where the image is made on a disk of the host. */
export function hostObstacle(requirements: readonly Requirement[], { host }: Kernels): Obstacle | undefined {
  const lack = lackOf(host, kernelNeeds(requirements));
  if (lack === undefined) return undefined;
  const disks = requirements.some(({ need }) => need === 'root');
  const instead = disks ? 'write `local_loop` in place of `disk`: the worker `vm` can make that' : 'use `--worker vm`';
  return { reason: `this kernel ${lack}`, help: `Either ${OTHER_KERNEL}, or ${instead}.` };
}

/** What keeps the virtual machines from it: the one that is wanted, or else all. */
function machineObstacle(
  requirements: readonly Requirement[],
  { machines }: Kernels,
  wanted: MachineView['name'] | undefined,
): Obstacle | undefined {
  const needs = kernelNeeds(requirements);
  const asked = machines.filter(({ name }) => (wanted ?? name) === name);
  if (fittingMachine(needs, asked) !== undefined) return undefined;
  const obstacles = asked.map((machine) => obstacleOf(machine, needs));
  const helps = obstacles.flatMap(({ help }) => help ?? []);
  if (wanted !== undefined && helps.length === 0) helps.push('Leave out `--machine`.');
  return {
    reason: obstacles.map(({ reason }) => reason).join('; '),
    help: helps.length === 0 ? 'See `dib doctor`.' : helps.join(' Or: '),
  };
}

function obstacleOf(
  { name, title, kernel, capability }: MachineView,
  needs: readonly KernelNeed[],
): Pick<Capability, 'reason' | 'help'> {
  if (kernel === undefined) return capability;
  const help = 'Name a kernel that has it in the environment variable `DIB_VM_KERNEL`.';
  return { reason: `the kernel of ${title} ${lackOf(kernel, needs)}`, ...(name === 'qemu' && { help }) };
}
