import fc from 'fast-check';
import { expect, test } from 'vitest';
import { trees } from '../property/blockdev/trees.ts';
import { expectedTable, layoutOf, run, sfdisk, withDisk } from '../property/tables/disk-file.ts';

/** Runs `use` on a loop device with sectors of 4096 bytes. */
function withLoop<T>(file: string, use: (device: string) => T): T {
  const device = run('losetup', '--find', '--show', '--read-only', '--sector-size', '4096', file).trim();
  try {
    return use(device);
  } finally {
    run('losetup', '--detach', device);
  }
}

test.each(['gpt', 'mbr'] as const)('sfdisk and sgdisk read a %s on a disk with 4096-byte sectors as it was planned', (label) => {
  fc.assert(
    fc.property(
      trees.filter((tree) => tree.label === label && tree.sectorSize === 4096),
      ({ tree }) => {
        const layout = layoutOf(tree);
        withDisk(layout, (file) =>
          withLoop(file, (device) => {
            const { partitions, id, label: found, sectorsize } = sfdisk(device);
            expect({ label: found, id, sectorsize, partitions }).toEqual(expectedTable(layout, device, 'p'));
            if (label === 'gpt') expect(run('sgdisk', '--verify', device)).toContain('No problems found.');
          }),
        );
      },
    ),
    { numRuns: 8 },
  );
});
