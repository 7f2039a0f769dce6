import { basename } from 'node:path';
import { type BlockDevice, readBlockDevices } from '../host/block-devices.ts';
import type { HostFiles } from '../host/files.ts';
import { type Mount, readMounts } from '../host/mounts.ts';
import type { RecordedResource } from '../kinds/kind.ts';
import { showsFile } from './own-files.ts';

/** What is wrong with attachments that the state has of this boot, by address: clauses. Attachments of another boot went with it. */
export async function brokenAttachments(
  resources: readonly RecordedResource[],
  bootId: string,
  host: HostFiles,
): Promise<ReadonlyMap<string, string>> {
  const attached = resources.filter(({ attachment }) => attachment?.status === 'attached' && attachment.bootId === bootId);
  if (attached.length === 0) return new Map();
  const [devices, mounts] = await Promise.all([readBlockDevices(host), readMounts(host)]);
  const found = new Map<string, string>();
  for (const { address, attachment } of attached) {
    const { device, target, mounted } = attachment?.outputs ?? {};
    const problem =
      typeof device === 'string'
        ? await deviceProblem(device, attachment?.outputs ?? {}, devices, host)
        : typeof target === 'string' && mounted !== false
          ? mountProblem(target, mounts)
          : undefined;
    if (problem !== undefined) found.set(address, problem);
  }
  return found;
}

async function deviceProblem(
  path: string,
  { file, offset }: Readonly<Record<string, unknown>>,
  devices: readonly BlockDevice[],
  host: HostFiles,
): Promise<string | undefined> {
  const device = await findDevice(path, devices, host);
  if (device === undefined) return `${path} is detached`;
  if (typeof file !== 'string' || device.loop === undefined) return undefined;
  const { loop } = device;
  const isSame = await showsFile(loop, file);
  if (isSame && loop.deleted) return `${path} shows a file that is removed`;
  const from = typeof offset === 'number' ? offset : 0;
  return isSame && loop.offset === from ? undefined : `${path} shows ${loop.file} from byte ${loop.offset}`;
}

/** By its node, or what a link such as /dev/md/NAME or /dev/GROUP/VOLUME leads to. */
async function findDevice(path: string, devices: readonly BlockDevice[], host: HostFiles): Promise<BlockDevice | undefined> {
  const link = await host.link(path);
  const name = basename(link ?? path);
  return devices.find((device) => device.node === path || device.name === name || device.dm?.name === name);
}

function mountProblem(target: string, mounts: readonly Mount[]): string | undefined {
  return mounts.some((mount) => mount.target === target) ? undefined : `nothing is mounted at ${target} any more`;
}
