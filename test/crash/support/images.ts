import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { TEST_ELEMENTS } from '../../support/elements.ts';

/** Where `slow` is: a hook long enough to be killed in its middle. */
export const CRASH_ELEMENTS = fileURLToPath(new URL('../elements', import.meta.url));

/** Two file systems, of which one is mounted inside the other. */
function disk(rootSize: string, size: string) {
  const fstab = { options: 'defaults' };
  return [
    { local_loop: { name: 'image0', size } },
    {
      partitioning: {
        base: 'image0',
        label: 'gpt',
        partitions: [
          {
            name: 'root',
            type: '8300',
            size: rootSize,
            mkfs: { type: 'ext4', opts: '-i 16384 -J size=4', mount: { mount_point: '/', fstab } },
          },
          { name: 'data', type: '8300', size: '100%', mkfs: { type: 'ext2', mount: { mount_point: '/data', fstab } } },
        ],
      },
    },
  ];
}

/** An image that takes a second: a shell, some tools and some files. */
export function tinyImage(changes: object = {}): string {
  return stringify({
    apiVersion: 'dib/v1',
    name: 'tiny',
    elements: ['tiny-system', 'slow'],
    elements_path: [CRASH_ELEMENTS, TEST_ELEMENTS],
    block_device: disk('32MiB', '48MiB'),
    outputs: ['qcow2', 'tar'],
    ...changes,
  });
}

/** A real Debian without a kernel, whose file systems and outputs take seconds. */
export function debianImage(): string {
  return stringify({
    apiVersion: 'dib/v1',
    name: 'debian',
    distro: { name: 'debian', release: 'bookworm' },
    elements: ['slow'],
    elements_path: [CRASH_ELEMENTS],
    environment: { DIB_DEBIAN_KERNEL: 'none' },
    block_device: disk('640MiB', '704MiB'),
    outputs: ['qcow2', 'tar'],
  });
}
