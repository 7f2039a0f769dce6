import { createHash } from 'node:crypto';
import {
  type BlockDevices,
  type LocalLoop,
  type LogicalVolume,
  type Luks,
  type Mkfs,
  type Mount,
  NO_DEVICES,
  type Partition,
  type Partitioning,
  type PhysicalVolume,
  type Raid,
  type VolumeGroup,
} from '../../src/blockdev/devices.ts';
import { MIB } from '../../src/blockdev/sizes.ts';

/** Nodes with everything that a test does not care for filled in; `pointer` is `/<kind>/<name>`. */
export const disk = (name: string, bytes: number, blockSize: 512 | 4096 = 512): LocalLoop => ({
  plugin: 'local_loop',
  name,
  pointer: `/local_loop/${name}`,
  size: { bytes },
  blockSize,
});

/** A GPT whose partitions have these sizes; a percentage as `100%`. */
export const table = (base: string, partitions: Readonly<Record<string, number | `${number}%`>>): Partitioning => ({
  plugin: 'partitioning',
  name: `${base}-table`,
  pointer: `/partitioning/${base}`,
  base,
  label: 'gpt',
  align: MIB,
  uuid: '11111111-2222-5333-8444-555555555555',
  partitions: Object.entries(partitions).map(
    ([name, size], index): Partition => ({
      plugin: 'partition',
      name,
      pointer: `/partition/${name}`,
      base,
      size: typeof size === 'number' ? { bytes: size } : { percent: Number.parseFloat(size) },
      sizeText: String(size),
      type: '0FC63DAF-8483-4772-8E79-3D69D8477DE4',
      typeText: '8300',
      boot: false,
      primary: false,
      uuid: `11111111-2222-5333-8444-00000000000${index}`,
    }),
  ),
});

export const raid = (name: string, level: Raid['level'], base: readonly string[], more: Partial<Raid> = {}): Raid => ({
  plugin: 'raid',
  name,
  pointer: `/raid/${name}`,
  base,
  level,
  uuid: '',
  chunk: 512,
  metadata: '1.2',
  options: [],
  ...more,
});

export const luks = (name: string, base: string): Luks => ({
  plugin: 'luks',
  name,
  pointer: `/luks/${name}`,
  base,
  mapper: name,
  uuid: '',
  label: '',
  key: { from: 'prompt' },
  cipher: 'aes-xts-plain64',
  keySize: 512,
  pbkdf: 'argon2id',
  iterTime: 2000,
  pbkdfMemory: 65536,
  options: [],
});

export const pv = (name: string, base: string, options: readonly string[] = []): PhysicalVolume => ({
  plugin: 'pvs',
  name,
  pointer: `/pvs/${name}`,
  base,
  id: idOf(`pvs.${name}`),
  options,
});

export const vg = (name: string, base: readonly string[], more: Partial<VolumeGroup> = {}): VolumeGroup => ({
  plugin: 'vgs',
  name,
  pointer: `/vgs/${name}`,
  base,
  id: idOf(`vgs.${name}`),
  extentSize: 4 * MIB,
  options: [],
  ...more,
});

/** 32 characters that LVM takes. */
function idOf(address: string): string {
  return createHash('sha256').update(address).digest('hex').slice(0, 32);
}

/** `size`: bytes, `<n>` extents, or `<n>%VG` and the like. */
export const lv = (name: string, base: string, size: number | string, more: Partial<LogicalVolume> = {}): LogicalVolume => ({
  plugin: 'lvs',
  name,
  pointer: `/lvs/${name}`,
  base,
  volume: name,
  id: idOf(`lvs.${name}`),
  type: 'linear',
  size: volumeSize(size),
  sizeText: String(size),
  options: [],
  ...more,
});

function volumeSize(size: number | string): LogicalVolume['size'] {
  if (typeof size === 'number') return { bytes: size };
  const [number = '', of] = size.split('%');
  if (of === undefined) return { extents: Number(number) };
  return { percent: Number(number), of: of as 'VG' | 'FREE' | 'PVS' };
}

export const mkfs = (base: string, type: Mkfs['type'] = 'ext4'): Mkfs => ({
  plugin: 'mkfs',
  name: `fs-${base}`,
  pointer: `/mkfs/${base}`,
  base,
  type,
  label: base,
  uuid: '',
  opts: [],
});

export const mount = (base: string, mountPoint: string): Mount => ({
  plugin: 'mount',
  name: `mount-${base}`,
  pointer: `/mount/${base}`,
  base,
  mountPoint,
  options: [],
});

export const tree = (nodes: Partial<BlockDevices>): BlockDevices => ({ ...NO_DEVICES, ...nodes });
