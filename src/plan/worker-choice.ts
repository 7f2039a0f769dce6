import type { BlockDevices, Disk } from '../blockdev/devices.ts';
import { offlineCapable } from '../blockdev/offline.ts';
import { ExitCode, fail } from '../diagnostics/errors.ts';
import { quoted } from '../diagnostics/printable.ts';
import type { Realisation, Requirement } from '../kinds/kind.ts';
import type { WorkerChoice, WorkerName } from './plan.ts';

export interface ChosenRealisation {
  readonly name: Realisation;
  readonly reason: string;
}

/** Chooses for each disk, by name: offline wherever all its file systems can be filled as files. Throws DIB_PLAN_REALISATION when that is forced and cannot be. */
export function chooseRealisations(
  devices: BlockDevices,
  forced: Realisation | undefined,
): Readonly<Record<string, ChosenRealisation>> {
  return Object.fromEntries(devices.disks.map((disk) => [disk.name, chooseRealisation(disk, devices, forced)]));
}

function chooseRealisation(disk: Disk, devices: BlockDevices, forced: Realisation | undefined): ChosenRealisation {
  const obstacle = obstacleToOffline(disk, devices);
  if (forced === 'attached') return { name: 'attached', reason: 'as requested' };
  if (obstacle === undefined)
    return { name: 'offline', reason: 'all its file systems are filled as files: no loop device, no mount' };
  if (forced === 'offline') {
    fail({
      code: 'DIB_PLAN_REALISATION',
      summary: `Disk ${quoted(disk.name)} cannot be made offline: ${obstacle}`,
      help: 'Leave out `--realisation`, or choose another file system type.',
    });
  }
  return { name: 'attached', reason: obstacle };
}

function obstacleToOffline(disk: Disk, devices: BlockDevices): string | undefined {
  const table = devices.tables.find(({ base }) => base === disk.name);
  const bases = new Set([disk.name, ...(table?.partitions ?? []).map((partition) => partition.name)]);
  for (const mkfs of devices.filesystems.filter(({ base }) => bases.has(base))) {
    const mounted = devices.mounts.some((mount) => mount.base === mkfs.name && mount.mountPoint !== 'none');
    const capability = offlineCapable({ type: mkfs.type, mounted });
    if (!capability.ok) return `mkfs.${mkfs.name}: ${capability.reason}`;
  }
  return undefined;
}

/** Chooses the cheapest worker that offers what the actions need, for the user who runs dib. */
export function chooseWorker(
  requirements: readonly Requirement[],
  isRoot: boolean,
  forced: WorkerName | undefined,
): Pick<WorkerChoice, 'name' | 'reason'> {
  const root = requirements.find((requirement) => requirement.need !== 'tool');
  if (forced === 'userns' && root !== undefined) {
    fail(
      {
        code: 'DIB_PLAN_WORKER',
        summary: `The worker \`userns\` cannot do this: ${root.why}`,
        detail: 'Loop devices and mounts of block devices need root on this machine.',
        help: 'Leave out `--worker` and run `dib apply` as root, or choose file systems that can be filled offline (ext4, vfat).',
      },
      ExitCode.Unavailable,
    );
  }
  if (forced !== undefined) return { name: forced, reason: 'as requested' };
  if (root !== undefined) return { name: 'host', reason: `needs root: ${root.why}` };
  return isRoot
    ? { name: 'host', reason: 'you are root; a private mount namespace is enough' }
    : { name: 'userns', reason: 'nothing in it needs root: a user namespace is enough' };
}
