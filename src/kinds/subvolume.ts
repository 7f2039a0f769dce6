import { dirname } from 'node:path';
import type { Command } from '../exec/command.ts';
import { attachedDevice } from './attached-device.ts';
import type { SubvolumeInputs } from './disk-inputs.ts';
import type { Kind } from './kind.ts';
import { isMounted, unmount } from './mount-filesystem.ts';

/** Where the top of a file system is mounted for the moment in which a subvolume is made in it. */
function topOf(address: string): string {
  return `/run/dib/${address}`;
}

/** The command that makes a subvolume (btrfs-subvolume(8)); the directories above it must be there. */
export function subvolumeCommand(top: string, path: string): Command {
  return { argv: ['btrfs', 'subvolume', 'create', `${top}/${path}`] };
}

/** A subvolume of a btrfs file system. It goes with the file system, so destroying it does nothing. */
export const subvolume: Kind = {
  kind: 'subvolume',
  requires: () => [
    { need: 'filesystem', name: 'btrfs', why: 'subvolumes are made in the mounted file system' },
    { need: 'tool', name: 'btrfs', package: 'btrfs-progs', why: 'makes subvolumes' },
  ],
  commands: (inputs) => [subvolumeCommand('<top of the file system>', (inputs as SubvolumeInputs).path)],
  needsAttached: () => true,
  probe: async () => ({ state: 'present' }),

  async create(inputs, context) {
    const { device, path } = inputs as SubvolumeInputs;
    const machine = await context.machine();
    const node = await attachedDevice(context, device);
    const top = topOf(context.address);
    if (await isMounted(machine, top)) await unmount(context, top);
    await machine.run({ argv: ['mkdir', '--parents', top] });
    await machine.run({ argv: ['mount', '--no-mtab', '-t', 'btrfs', '-o', 'subvolid=5', node, top] });
    try {
      // An interrupted try may have made it.
      const made = await machine.run({ argv: ['btrfs', 'subvolume', 'show', `${top}/${path}`], okExitCodes: [0, 1] });
      if (made.exitCode !== 0) {
        await machine.run({ argv: ['mkdir', '--parents', dirname(`${top}/${path}`)] });
        await machine.run(subvolumeCommand(top, path));
      }
    } finally {
      await unmount(context, top);
      await machine.run({ argv: ['rmdir', top], okExitCodes: [0, 1] });
    }
    return { path };
  },

  destroy: async () => {},
};
