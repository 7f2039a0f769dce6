import type { BlockDevices } from '../../../src/blockdev/devices.ts';
import { resolveStack } from '../../../src/blockdev/layout.ts';
import { parseBlockDevices } from '../../../src/blockdev/parse.ts';
import { resolveSizes } from '../../../src/blockdev/resolve-sizes.ts';
import { MIB } from '../../../src/blockdev/sizes.ts';
import type { Json, JsonObject } from '../../../src/util/json.ts';
import { stackTrees } from '../../property/blockdev/stacks.ts';
import { shrunk, sum } from './small-trees.ts';

/** A tree to be made by a kernel. Nothing in it has a mount point: only what it is made of is looked at. */
export interface AttachedTree {
  readonly blockDevice: readonly Json[];
  readonly devices: BlockDevices;
}

/** Bytes with which a kind of file system can be made; a smaller device gets another one. */
const LEAST: Readonly<Record<string, number>> = { xfs: 320 * MIB, btrfs: 160 * MIB };

/** The tree with disks of less than 1 GiB, without mount points and own options, and with containers that open fast. */
function small(json: Json): Json {
  if (Array.isArray(json)) return json.map(small);
  if (typeof json !== 'object' || json === null) return json;
  const members = Object.entries(json as Readonly<Record<string, Json>>).flatMap(([key, value]): [string, Json][] => {
    if (key === 'options' || key === 'mount') return [];
    if (key === 'size' || key === 'extents') return [[key, shrunk(value)]];
    if (key === 'luks') return [[key, { ...(small(value) as JsonObject), pbkdf: 'pbkdf2', iter_time: 100 }]];
    return [[key, small(value)]];
  });
  return Object.fromEntries(members);
}

/** The same, with ext4 where there is no room for what the tree says. */
function fitting(json: Json, types: ReadonlyMap<string, string>): Json {
  if (Array.isArray(json)) return json.map((each) => fitting(each, types));
  if (typeof json !== 'object' || json === null) return json;
  const members = Object.entries(json as Readonly<Record<string, Json>>).map(([key, value]): [string, Json] => {
    if (key !== 'mkfs' && key !== 'btrfs') return [key, fitting(value, types)];
    const { subvolumes, ...values } = value as JsonObject;
    const type = types.get(String(values['label'])) ?? '';
    return type === 'btrfs' && subvolumes !== undefined ? ['btrfs', value] : ['mkfs', { ...values, type }];
  });
  return Object.fromEntries(members);
}

/** A tree needs a root file system; here it does not matter what is in it. */
const ELSEWHERE: readonly Json[] = [
  { local_loop: { name: 'elsewhere', size: '1GiB' } },
  { mkfs: { name: 'elsewhere_fs', base: 'elsewhere', type: 'ext4', mount: { mount_point: '/' } } },
];

function parse(tree: readonly Json[]): BlockDevices | undefined {
  return parseBlockDevices([...tree, ...ELSEWHERE], { imageName: 'test', locate: () => undefined }).value;
}

/** A tree that can be made, with room for every file system in it; undefined: it cannot. */
function attachedTree(tree: readonly Json[]): AttachedTree | undefined {
  const blockDevice = small(tree) as readonly Json[];
  const devices = parse(blockDevice);
  if (devices === undefined) return undefined;
  const disks = devices.disks.filter(({ name }) => name !== 'elsewhere');
  const bytes = disks.map(({ size }) => (typeof size === 'object' ? size.bytes : Number.POSITIVE_INFINITY));
  if (sum(bytes) > 3072 * MIB) return undefined;
  const stack = resolveStack(devices, resolveSizes(devices).disks).value;
  const room = (device: string) => stack?.devices.find(({ name }) => name === device)?.size ?? 0;
  if (devices.filesystems.some(({ base }) => room(base) < 8 * MIB)) return undefined;
  const types = new Map(
    devices.filesystems.map(({ label, type, base }) => [label, room(base) < (LEAST[type] ?? 0) ? 'ext4' : type]),
  );
  const fitted = fitting(blockDevice, types) as readonly Json[];
  const parsed = parse(fitted);
  return parsed && { blockDevice: fitted, devices: parsed };
}

/** Trees in which a kernel is needed for something: arrays, thin pools, btrfs, xfs, each on anything. */
export const attachedTrees = stackTrees
  .map(({ tree }) => attachedTree(tree))
  .filter((tree) => tree !== undefined)
  .filter(({ devices: { raids, lvs } }) => raids.length > 0 || lvs.some(({ type }) => type === 'thin'));
