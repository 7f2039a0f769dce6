import type { Json } from '../../../src/util/json.ts';

const ext4 = (point: string): Json => ({ type: 'ext4', mount: { mount_point: point, fstab: { options: 'defaults' } } });

/** Root, /var, ESP and swap, as a user would write them. */
export function multiFilesystems(label: 'gpt' | 'mbr', types: { root?: string; blockSize?: number } = {}): Json[] {
  const gpt = label === 'gpt';
  const root = { type: types.root ?? 'ext4', label: 'root', mount: { mount_point: '/', fstab: { 'fsck-passno': 1 } } };
  const partitions: Json[] = [
    ...(gpt ? [{ name: 'BSP', type: 'EF02', size: '1MiB' }] : []),
    {
      name: 'ESP',
      type: gpt ? 'EF00' : 'ef',
      size: '48MiB',
      mkfs: { type: 'vfat', label: 'ESP', mount: { mount_point: '/boot/efi' } },
    },
    {
      name: 'swap',
      type: gpt ? '8200' : '82',
      size: '64MiB',
      mkfs: { type: 'swap', label: 'swap', mount: { mount_point: 'none', fstab: {} } },
    },
    { name: 'var', size: '128MiB', mkfs: { ...(ext4('/var') as object), label: 'var' } as Json },
    { name: 'root', size: '100%', mkfs: root },
  ];
  const size = types.root === undefined || types.root === 'ext4' ? '512MiB' : '900MiB';
  return [
    { local_loop: { name: 'image0', size, ...(types.blockSize !== undefined && { block_size: types.blockSize }) } },
    { partitioning: { base: 'image0', label, partitions } },
  ];
}

/** Everything on one file system without a partition table: diskimage-builder's built-in layout. */
export const PLAIN: Json[] = [
  { local_loop: { name: 'image0', size: '256MiB' } },
  { mkfs: { base: 'image0', name: 'mkfs_root', type: 'ext4', label: 'root', mount: { mount_point: '/', fstab: {} } } },
];
