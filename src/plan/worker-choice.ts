import type { BlockDevices } from '../blockdev/devices.ts';
import { stacksOf } from '../blockdev/stacks.ts';
import { ExitCode, fail } from '../diagnostics/errors.ts';
import { quoted } from '../diagnostics/printable.ts';
import { listOf } from '../diagnostics/suggest.ts';
import type { Realisation, Requirement } from '../kinds/kind.ts';
import { fittingMachine, hostObstacle, type Kernels, kernelNeeds, lackOf, type Obstacle, obstacleAt } from './kernels.ts';
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

/** A place, and what keeps it from doing what is needed: a plan is made all the same, and `apply` refuses it. */
export interface ChosenPlace {
  readonly place: Place;
  readonly obstacle: Obstacle | undefined;
}

/**
 * Chooses the cheapest worker that offers what the actions need, for the user who runs dib. Where no kernel at hand has it all, it is the worker that
 * could, with what keeps it from it. Throws DIB_PLAN_WORKER when a worker is forced that can never do it.
 */
export async function chooseWorker(
  requirements: readonly Requirement[],
  isRoot: boolean,
  forced: ForcedWorker,
  readKernels: () => Promise<Kernels>,
): Promise<ChosenPlace> {
  const needs = kernelNeeds(requirements);
  const worker = forced.worker ?? (forced.machine === undefined ? undefined : 'vm');
  const kernels = needs.length === 0 && worker !== 'vm' ? NO_KERNELS : await readKernels();
  const place =
    worker === undefined
      ? cheapestPlace(requirements, isRoot, kernels)
      : forcedPlace(worker, forced.machine, requirements, kernels);
  return { place, obstacle: obstacleAt(place, requirements, kernels) };
}

const NO_KERNELS: Kernels = { host: { has: () => false }, machines: [] };

function cheapestPlace(requirements: readonly Requirement[], isRoot: boolean, kernels: Kernels): Place {
  const root = rootNeed(requirements);
  const needs = kernelNeeds(requirements);
  if (root !== undefined) return { name: 'host', reason: `needs root: ${root.why}` };
  const [first] = needs;
  if (first === undefined) {
    return isRoot
      ? { name: 'host', reason: 'you are root; a private mount namespace is enough' }
      : { name: 'userns', reason: 'nothing in it needs root: a user namespace is enough' };
  }
  const lack = lackOf(kernels.host, needs);
  if (isRoot && lack === undefined) return { name: 'host', reason: `needs root, and you are: ${first.why}` };
  const why = isRoot ? `this kernel ${lack}` : `needs root: ${first.why}`;
  const machine = fittingMachine(needs, kernels.machines);
  if (machine !== undefined)
    return { name: 'vm', machine: machine.name, reason: `${why}; ${machine.title} has it${isRoot ? '' : ' without root'}` };
  return { name: lack === undefined ? 'host' : 'vm', reason: why };
}

function forcedPlace(
  name: WorkerName,
  wanted: 'uml' | 'qemu' | undefined,
  requirements: readonly Requirement[],
  kernels: Kernels,
): Place {
  const root = rootNeed(requirements);
  const needs = kernelNeeds(requirements);
  const [first] = needs;
  if (name === 'userns' && (root ?? first) !== undefined) {
    const detail = 'Loop devices and mounts of block devices need root, or a virtual machine.';
    refuse('userns', { reason: (root ?? first)?.why ?? '', help: 'Leave out `--worker`, or use `--worker vm`.' }, detail);
  }
  if (name === 'vm' && root !== undefined) {
    const help = 'Leave out `--worker` and run `dib apply` as root.';
    refuse('vm', { reason: root.why, help }, 'A virtual machine sees files only.');
  }
  const obstacle = name === 'host' ? hostObstacle(requirements, kernels) : undefined;
  if (obstacle !== undefined) refuse('host', obstacle);
  if (name !== 'vm') return { name, reason: 'as requested' };
  const machine = wanted ?? fittingMachine(needs, kernels.machines)?.name;
  return { name, ...(machine !== undefined && { machine }), reason: 'as requested' };
}

function rootNeed(requirements: readonly Requirement[]): Requirement | undefined {
  return requirements.find(({ need }) => need === 'root');
}

function refuse(worker: WorkerName, { reason, help }: Obstacle, detail?: string): never {
  fail(
    { code: 'DIB_PLAN_WORKER', summary: `The worker ${quoted(worker)} cannot do this: ${reason}`, detail, help },
    ExitCode.Unavailable,
  );
}
