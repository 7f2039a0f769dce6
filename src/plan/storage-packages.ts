import type { BlockDevices } from '../blockdev/devices.ts';
import { storageNeeds } from '../blockdev/storage-needs.ts';
import type { ImageConfig } from '../config/image.ts';
import { findDistro } from '../distros/registry.ts';
import type { ElementSet } from '../elements/element.ts';
import { addPackages } from '../elements/packages.ts';
import { nativeDistro } from '../kinds/layer-graph.ts';

/**
 * Adds the packages with which the image uses its own disks; each says which block device asked for it. Nothing is added to an image without a disk, nor
 * to one whose operating system an element brings: what its packages are called is not known.
 */
export function withStoragePackages(set: ElementSet, config: ImageConfig, devices: BlockDevices): ElementSet {
  const native = nativeDistro(set, config);
  if (native === undefined || !config.outputs.some(({ format }) => format !== 'tar')) return set;
  const distro = findDistro(native);
  const requests = storageNeeds(devices).flatMap(({ feature, because }) =>
    distro.storagePackages(feature, native.release).map((name) => ({ name, requestedBy: [because] })),
  );
  return requests.length === 0 ? set : { ...set, packages: addPackages(set.packages, requests) };
}
