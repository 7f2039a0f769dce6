import fc from 'fast-check';
import type { Json } from '../../../src/util/json.ts';

export interface Generated {
  readonly label: 'gpt' | 'mbr';
  readonly sectorSize: 512 | 4096;
  readonly tree: readonly Json[];
}

const MIB = 1024 ** 2;

/** A partition's size: whole MiB, odd bytes, decimal units, or a share of what is left. */
const sizes = fc.oneof(
  fc.integer({ min: 1, max: 64 }).map((n) => ({ text: `${n}MiB`, bytes: n * MIB })),
  fc.integer({ min: MIB, max: 40 * MIB }).map((n) => ({ text: `${n}`, bytes: n })),
  fc.integer({ min: 2, max: 60 }).map((n) => ({ text: `${n}MB`, bytes: n * 1_000_000 })),
  fc.integer({ min: 5, max: 40 }).map((n) => ({ text: `${n}%`, bytes: 0 })),
);

const GPT_TYPES = ['8300', 'EF00', 'EF02', '8200', '8304', '0x4100', '0FC63DAF-8483-4772-8E79-3D69D8477DE4'];
const MBR_TYPES = ['83', '0x82', 'ef', '7', '8e'];

/** Correct trees of one disk with a partition table: every notation, both tables, both sector sizes. */
export const trees: fc.Arbitrary<Generated> = fc
  .record({
    label: fc.constantFrom('gpt' as const, 'mbr' as const),
    sectorSize: fc.constantFrom(512 as const, 4096 as const),
    notation: fc.constantFrom('tree' as const, 'flat' as const, 'levels' as const),
    align: fc.constantFrom(undefined, '1MiB', '4MiB', '64KiB'),
    parts: fc
      .array(fc.record({ size: sizes, type: fc.nat({ max: 100 }), boot: fc.boolean() }), { minLength: 1, maxLength: 9 })
      // Shares come last, or they could take the room of what has a fixed size.
      .map((parts) => [...parts].sort((a, b) => Number(a.size.bytes === 0) - Number(b.size.bytes === 0))),
    primaries: fc.integer({ min: 0, max: 4 }),
    spare: fc.integer({ min: 0, max: 200 * MIB }),
  })
  .map(({ label, sectorSize, notation, align, parts, primaries, spare }) => {
    const types = label === 'gpt' ? GPT_TYPES : MBR_TYPES;
    const primaryCount = Math.min(primaries, parts.length > primaries ? 3 : 4);
    const partitions = parts.map(({ size, type, boot }, index) => {
      const flags =
        label === 'mbr' ? [...(boot && index === 0 ? ['boot'] : []), ...(index < primaryCount ? ['primary'] : [])] : [];
      return {
        name: `part${index + 1}`,
        size: index === parts.length - 1 ? '100%' : size.text,
        type: types[type % types.length] as string,
        flags,
      };
    });
    // Room for the fixed sizes, for alignment and links before each, and for shares of at least some MiB.
    const bytes = parts.reduce((sum, { size }) => sum + size.bytes + 16 * MIB, 0) + 400 * MIB + spare;
    const root = { type: 'ext4', mount: { mount_point: '/', fstab: {} } };
    return {
      label,
      sectorSize,
      tree: write({ bytes, sectorSize, label, align: label === 'mbr' ? align : undefined, partitions, root, notation }),
    };
  });

interface Parts {
  readonly bytes: number;
  readonly sectorSize: number;
  readonly label: string;
  readonly align: string | undefined;
  readonly partitions: readonly {
    readonly name: string;
    readonly size: string;
    readonly type: string;
    readonly flags: readonly string[];
  }[];
  readonly root: { readonly type: string; readonly mount: Json };
  readonly notation: 'tree' | 'flat' | 'levels';
}

function write({ bytes, sectorSize, label, align, partitions, root, notation }: Parts): readonly Json[] {
  const disk = { name: 'disk', size: `${bytes}B`, block_size: sectorSize };
  const last = `part${partitions.length}`;
  const table = { label, ...(align === undefined ? {} : { align }) };
  if (notation === 'tree') {
    const nested = partitions.map((partition) => (partition.name === last ? { ...partition, mkfs: root } : partition));
    return [{ local_loop: { ...disk, partitioning: { ...table, partitions: nested } } }];
  }
  const flat: [string, Json][] = [
    ['local_loop', disk],
    ['partitioning', { base: 'disk', ...table, partitions }],
    ['mkfs', { base: last, name: 'mkfs_root', type: root.type }],
    ['mount', { base: 'mkfs_root', name: 'mount_mkfs_root', mount_point: '/' }],
    ['fstab', { base: 'mount_mkfs_root' }],
  ];
  return notation === 'levels' ? flat.map((pair) => [pair]) : flat.map(([plugin, value]) => ({ [plugin]: value }));
}
