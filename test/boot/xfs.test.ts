import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BuiltImage, buildImage, readExample } from '../support/example.ts';
import { expectPromisesKept } from '../support/expect-promises.ts';
import { needRoot } from '../support/privileges.ts';
import { bootAndReport } from '../support/qemu.ts';

const FILESYSTEM = { type: 'xfs', mount: { mount_point: '/', fstab: { options: 'defaults', 'fsck-passno': 0 } } };
const IMAGE = {
  ...readExample('quickstart'),
  name: 'xfs-root',
  packages: ['xfsprogs'],
  block_device: [
    { local_loop: { name: 'image0', size: '2GiB' } },
    {
      partitioning: {
        base: 'image0',
        label: 'gpt',
        partitions: [
          {
            name: 'ESP',
            type: 'EF00',
            size: '64MiB',
            mkfs: { type: 'vfat', mount: { mount_point: '/boot/efi', fstab: { options: 'umask=0077', 'fsck-passno': 2 } } },
          },
          { name: 'root', type: '8300', size: '100%', mkfs: FILESYSTEM },
        ],
      },
    },
  ],
  outputs: [{ format: 'raw', path: 'xfs-root.raw' }],
};

describe('a root file system that only the kernel can fill', () => {
  let built: BuiltImage;

  beforeAll(() => {
    needRoot();
    built = buildImage(IMAGE);
  });
  afterAll(() => built?.remove());

  it('was built on attached devices', () => {
    const root = built.plan.resource_changes.find(({ address }) => address === 'local_loop.image0');
    expect(root?.change.after).toMatchObject({ realisation: 'attached' });
  });

  it('boots with uefi to a login prompt, as the plan promised', async () => {
    const { report } = await bootAndReport(built.disks, 'uefi');
    expect(report.uefi).toBe(true);
    expect(report.mounts.find(({ target }) => target === '/')?.fstype).toBe('xfs');
    expectPromisesKept(report, built.promises, built.name);
  });
});
