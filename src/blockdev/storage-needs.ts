import type { BlockDevices, DeviceNode } from './devices.ts';

/** What an image must be able to do at run time to use its own disks. */
export type StorageFeature = 'lvm' | 'lvm-thin' | 'luks' | 'raid' | 'btrfs' | 'xfs';

export interface StorageNeed {
  readonly feature: StorageFeature;
  /** Address of the first block device that asks for it. */
  readonly because: string;
  /** JSON pointer of its declaration. */
  readonly pointer: string;
}

/** What the layout needs of the image beyond what every system can do; each feature once. */
export function storageNeeds(devices: BlockDevices): readonly StorageNeed[] {
  const thin = devices.lvs.find(({ type }) => type !== 'linear');
  const filesystem = (wanted: string) => devices.filesystems.find(({ type }) => type === wanted);
  const found: readonly (readonly [StorageFeature, string, DeviceNode | undefined])[] = [
    ['lvm', 'vgs', devices.vgs[0]],
    ['lvm-thin', 'lvs', thin],
    ['luks', 'luks', devices.luks[0]],
    ['raid', 'raid', devices.raids[0]],
    ['btrfs', 'mkfs', filesystem('btrfs')],
    ['xfs', 'mkfs', filesystem('xfs')],
  ];
  return found.flatMap(([feature, kind, node]) =>
    node === undefined ? [] : [{ feature, because: `${kind}.${node.name}`, pointer: node.pointer }],
  );
}
