import type { BlockDevices } from '../blockdev/devices.ts';
import type { Issues } from '../blockdev/issues.ts';
import { type StorageFeature, storageNeeds } from '../blockdev/storage-needs.ts';
import type { ImageConfig } from '../config/image.ts';
import { quoted } from '../diagnostics/printable.ts';
import { knownDistro } from '../distros/registry.ts';
import type { ElementSet } from '../elements/element.ts';
import { addPackages } from '../elements/packages.ts';
import { nativeDistro } from '../kinds/layer-graph.ts';

/** Whether an image becomes a disk at all, and not only an archive of its files. */
export function becomesDisk({ outputs }: ImageConfig, devices: BlockDevices): boolean {
  return outputs.some(({ format }) => format !== 'tar') || devices.disks.some(({ plugin }) => plugin === 'disk');
}

/**
 * Adds the packages with which the image uses its own disks; each says which block device asked for it. Nothing is added to an image without a disk, nor
 * to one whose operating system an element brings: what its packages are called is not known.
 */
export function withStoragePackages(set: ElementSet, config: ImageConfig, devices: BlockDevices): ElementSet {
  const native = nativeDistro(set, config);
  if (native === undefined || !becomesDisk(config, devices)) return set;
  const distro = knownDistro(native.name);
  if (distro === undefined) return set;
  const requests = storageNeeds(devices).flatMap(({ feature, because }) =>
    distro.storagePackages(feature, native.release).map((name) => ({ name, requestedBy: [because] })),
  );
  return requests.length === 0 ? set : { ...set, packages: addPackages(set.packages, requests) };
}

const TOOLS: Readonly<Record<StorageFeature, string>> = {
  lvm: 'LVM',
  'lvm-thin': 'thin volumes of LVM',
  luks: 'LUKS',
  raid: 'software RAID',
  btrfs: 'btrfs',
  xfs: 'xfs',
};

/** Warns of what an operating system that an element brings has to be able to do. */
export function checkStoragePackages(set: ElementSet, config: ImageConfig, devices: BlockDevices, issues: Issues): void {
  const unknownTree = config.distro?.source !== undefined && knownDistro(config.distro.name) === undefined;
  if ((set.operatingSystem === undefined && !unknownTree) || !becomesDisk(config, devices)) return;
  for (const { feature, because, pointer } of storageNeeds(devices)) {
    issues.warn('DIB_BOOT_TOOLS_UNKNOWN', pointer, {
      summary: `${quoted(because)} needs the tools for ${TOOLS[feature]} in the image, and dib does not know how its operating system calls them`,
      detail: unknownTree
        ? 'Its root file system is unpacked as it is.'
        : `The element ${quoted(set.operatingSystem ?? '')} brings the operating system.`,
      help: 'have an element install them, and whatever its initramfs needs to find the root file system',
      part: 'key',
    });
  }
}
