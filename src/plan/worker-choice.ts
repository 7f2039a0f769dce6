import type { BlockDevices } from '../blockdev/devices.ts';
import { stacksOf } from '../blockdev/stacks.ts';
import { ExitCode, fail } from '../diagnostics/errors.ts';
import { quoted } from '../diagnostics/printable.ts';
import { listOf } from '../diagnostics/suggest.ts';
import type { Realisation, Requirement } from '../kinds/kind.ts';
import { KERNEL_NEEDS, type KernelNeed, type Kernels, nameOfNeed } from './kernels.ts';
import type { WorkerChoice, WorkerName } from './plan.ts';

export interface ChosenRealisation {
  readonly name: Realisation;
  readonly reason: string;
}

/**
 * Chooses for each disk, by name: offline wherever everything on it can be made as bytes in files. Disks that an array or a volume group joins are made
 * the same way. Throws DIB_PLAN_REALISATION when offline is forced and cannot be.
 */
export function chooseRealisations(
  devices: BlockDevices,
  forced: Realisation | undefined,
): Readonly<Record<string, ChosenRealisation>> {
  return Object.fromEntries(
    stacksOf(devices).flatMap(({ disks, reason }) => {
      const chosen = chooseRealisation(disks, reason, forced);
      return disks.map((disk) => [disk, chosen]);
    }),
  );
}

function chooseRealisation(
  disks: readonly string[],
  obstacle: string | undefined,
  forced: Realisation | undefined,
): ChosenRealisation {
  if (forced === 'attached') return { name: 'attached', reason: 'as requested' };
  if (obstacle === undefined)
    return { name: 'offline', reason: 'everything on it is made as bytes in files: no loop device, no mount' };
  if (forced === 'offline') {
    const which = disks.length === 1 ? 'Disk' : 'Disks';
    fail({
      code: 'DIB_PLAN_REALISATION',
      summary: `${which} ${listOf(disks)} cannot be made offline: ${obstacle}`,
      help: 'Leave out `--realisation`, or choose something that needs no kernel: ext4, linear volumes, LUKS.',
    });
  }
  return { name: 'attached', reason: obstacle };
}

/** What the user demands of the place where actions run. */
export interface ForcedWorker {
  readonly worker?: WorkerName | undefined;
  readonly machine?: 'uml' | 'qemu' | undefined;
}

type Place = Pick<WorkerChoice, 'name' | 'machine' | 'reason'>;

/**
 * Chooses the cheapest worker that offers what the actions need, for the user who runs dib. Where no kernel at hand has it all, the plan names the
 * worker that could, and `apply` refuses. Throws DIB_PLAN_WORKER when a worker is forced that cannot do it.
 */
export async function chooseWorker(
  requirements: readonly Requirement[],
  isRoot: boolean,
  forced: ForcedWorker,
  readKernels: () => Promise<Kernels>,
): Promise<Place> {
  const root = requirements.find((requirement) => requirement.need === 'root');
  const needs = requirements.filter((requirement): requirement is KernelNeed => KERNEL_NEEDS.has(requirement.need));
  const [first] = needs;
  const worker = forced.worker ?? (forced.machine === undefined ? undefined : 'vm');
  const kernels = first === undefined && worker !== 'vm' ? NO_KERNELS : await readKernels();
  if (worker !== undefined) return forcedWorker(worker, forced, root, needs, kernels);
  const lacking = needs.find((need) => !kernels.host.has(need));
  if (root !== undefined) return { name: 'host', reason: `needs root: ${root.why}` };
  if (first === undefined) {
    return isRoot
      ? { name: 'host', reason: 'you are root; a private mount namespace is enough' }
      : { name: 'userns', reason: 'nothing in it needs root: a user namespace is enough' };
  }
  if (isRoot && lacking === undefined) return { name: 'host', reason: `needs root, and you are: ${first.why}` };
  const why =
    isRoot && lacking !== undefined ? `this kernel has no ${nameOfNeed(lacking)}: ${lacking.why}` : `needs root: ${first.why}`;
  const machine = fittingMachine(needs, undefined, kernels);
  if (machine !== undefined)
    return { name: 'vm', machine: machine.name, reason: `${why}; ${machine.title} has it${isRoot ? '' : ' without root'}` };
  return lacking === undefined ? { name: 'host', reason: why } : { name: 'vm', reason: why };
}

const NO_KERNELS: Kernels = { host: { has: () => false }, machines: [] };

function fittingMachine(needs: readonly KernelNeed[], wanted: 'uml' | 'qemu' | undefined, { machines }: Kernels) {
  return machines.find(({ name, kernel }) => (wanted ?? name) === name && needs.every((need) => kernel.has(need)));
}

function forcedWorker(
  name: WorkerName,
  { machine: wanted }: ForcedWorker,
  root: Requirement | undefined,
  needs: readonly KernelNeed[],
  kernels: Kernels,
): Place {
  const [first] = needs;
  if (name === 'userns' && (root ?? first) !== undefined) {
    const detail = 'Loop devices and mounts of block devices need root, or a virtual machine.';
    refuse('userns', (root ?? first)?.why ?? '', detail, 'Leave out `--worker`, or use `--worker vm`.');
  }
  if (name === 'vm' && root !== undefined)
    refuse('vm', root.why, 'A virtual machine sees files only.', 'Leave out `--worker` and run `dib apply` as root.');
  if (name === 'host') {
    const lacking = needs.find((need) => !kernels.host.has(need));
    if (lacking !== undefined) {
      const detail = `The kernel of this machine has no ${nameOfNeed(lacking)}.`;
      refuse('host', lacking.why, detail, 'Leave out `--worker`, or use `--worker vm`.');
    }
  }
  if (name !== 'vm') return { name, reason: 'as requested' };
  const machine = fittingMachine(needs, wanted, kernels);
  return { name, ...(machine !== undefined && { machine: machine.name }), reason: 'as requested' };
}

function refuse(worker: WorkerName, why: string, detail: string, help: string): never {
  fail(
    { code: 'DIB_PLAN_WORKER', summary: `The worker ${quoted(worker)} cannot do this: ${why}`, detail, help },
    ExitCode.Unavailable,
  );
}
