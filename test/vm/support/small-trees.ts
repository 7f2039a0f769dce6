import type { BlockDevices } from '../../../src/blockdev/devices.ts';
import { resolveStack } from '../../../src/blockdev/layout.ts';
import { parseBlockDevices } from '../../../src/blockdev/parse.ts';
import { resolveSizes } from '../../../src/blockdev/resolve-sizes.ts';
import { MIB } from '../../../src/blockdev/sizes.ts';
import { chooseRealisations } from '../../../src/plan/worker-choice.ts';
import type { Json, JsonObject } from '../../../src/util/json.ts';
import { stackTrees } from '../../property/blockdev/stacks.ts';

/** A thousandth of a size or of a number of extents; anything else as it is. */
export function shrunk(value: Json): Json {
  const [, count, unit] = /^(\d+)(GiB|MiB|)$/.exec(String(value)) ?? [];
  if (count === undefined) return value;
  return unit === 'GiB' ? `${count}MiB` : `${Math.max(1, Math.floor(Number(count) / 1024))}${unit}`;
}

/** What takes the place of a file system that can only be filled mounted. */
const INSTEAD: Readonly<Record<string, string>> = { xfs: 'ext2', btrfs: 'ext3', subvolumes: 'vfat' };

function offlineFilesystem({ subvolumes, ...values }: JsonObject): JsonObject {
  const mount = (subvolumes === undefined ? values['mount'] : (subvolumes as readonly JsonObject[])[0]?.['mount']) as JsonObject;
  const type = String(values['type'] ?? 'subvolumes');
  return { ...values, type: mount['mount_point'] === '/' ? 'ext4' : (INSTEAD[type] ?? type), mount };
}

/** The same tree with disks of less than 1 GiB, without what needs file systems mounted or LVM run, and with containers that open fast. */
function small(json: Json): Json {
  if (Array.isArray(json)) return json.map(small);
  if (typeof json !== 'object' || json === null) return json;
  const members = Object.entries(json as Readonly<Record<string, Json>>).flatMap(([key, value]): [string, Json][] => {
    if (key === 'options') return [];
    if (key === 'size' || key === 'extents') return [[key, shrunk(value)]];
    if (key === 'btrfs' || key === 'mkfs') return [['mkfs', offlineFilesystem(value as JsonObject)]];
    if (key === 'luks') return [[key, { ...(small(value) as JsonObject), pbkdf: 'pbkdf2', iter_time: 100 }]];
    return [[key, small(value)]];
  });
  return Object.fromEntries(members);
}

/** Devices of a tree that is made as files, with room for all file systems in it, and with little to encrypt. */
function offlineDevices(tree: readonly Json[]): BlockDevices | undefined {
  const devices = parseBlockDevices(tree, { imageName: 'test', locate: () => undefined }).value;
  if (devices === undefined || Object.values(chooseRealisations(devices, undefined)).some(({ name }) => name !== 'offline'))
    return undefined;
  const { disks, luks, filesystems } = devices;
  const bytes = disks.map(({ size }) => (typeof size === 'object' ? size.bytes : Number.POSITIVE_INFINITY));
  if (sum(bytes) > 640 * MIB) return undefined;
  const stack = resolveStack(devices, resolveSizes(devices).disks).value;
  const room = (device: string) => stack?.devices.find(({ name }) => name === device)?.size ?? 0;
  const fits = filesystems.every(({ base }) => room(base) >= 8 * MIB) && sum(luks.map(({ name }) => room(name))) < 96 * MIB;
  return fits ? devices : undefined;
}

export function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

/** Trees with volume groups that dib writes itself, on partitions, whole disks of either sector size, containers and other volumes. */
export const smallTrees = stackTrees
  .map(({ tree }) => {
    const blockDevice = small(tree) as readonly Json[];
    return { blockDevice, devices: offlineDevices(blockDevice) };
  })
  .filter(({ devices }) => devices !== undefined && devices.vgs.length > 0)
  .map(({ blockDevice, devices }) => ({ blockDevice, devices: devices as BlockDevices }));
