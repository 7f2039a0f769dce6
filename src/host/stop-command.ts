import type { StandingThing } from './standing.ts';

/**
 * The command that stops one thing, and nothing else: mappings and arrays by their own name, never a whole volume group, which may have parts
 * elsewhere. Undefined for what dib does not know how to stop.
 */
export function stopCommand({ what, name }: Pick<StandingThing, 'what' | 'name'>): readonly string[] | undefined {
  const mapping = name.replace(/^\/dev\/mapper\//, '');
  switch (what) {
    case 'mount':
      return ['umount', '--no-mtab', name];
    case 'swap':
      return ['swapoff', name];
    case 'lvm':
    case 'dm':
      return ['dmsetup', 'remove', mapping];
    case 'luks':
      return ['cryptsetup', 'close', mapping];
    case 'md':
      return ['mdadm', '--stop', name];
    case 'loop':
      return ['losetup', '--detach', name];
    case 'other':
      return undefined;
  }
}
