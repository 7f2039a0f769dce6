import { crypttabText } from './crypttab.ts';
import type { BlockDevices } from './devices.ts';
import { fstabText } from './fstab.ts';
import { mdadmConf } from './mdadm-conf.ts';

/**
 * The files by which the running image finds its disks, by path: they follow from the layout alone, so they are written into the tree before
 * any device exists.
 */
export function systemFiles(devices: BlockDevices): Readonly<Record<string, string>> {
  return {
    '/etc/fstab': fstabText(devices),
    ...(devices.luks.length === 0 ? {} : { '/etc/crypttab': crypttabText(devices) }),
    ...(devices.raids.length === 0 ? {} : { '/etc/mdadm/mdadm.conf': mdadmConf(devices) }),
  };
}

/** Those of systemFiles that an initramfs holds copies of, so that it is to be made anew after they were written. */
export function filesOfInitramfs(devices: BlockDevices): readonly string[] {
  return Object.keys(systemFiles(devices)).filter((path) => path !== '/etc/fstab');
}
