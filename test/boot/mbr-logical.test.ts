import { statSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BuiltImage, buildImage } from '../support/example.ts';
import { expectPromisesKept } from '../support/expect-promises.ts';
import { ordinaryUserIds } from '../support/privileges.ts';
import { bootAndReport } from '../support/qemu.ts';

const IMAGE = {
  apiVersion: 'dib/v1',
  name: 'mbr-logical',
  distro: { name: 'debian', release: 'trixie' },
  elements: ['vm', 'openssh-server'],
  environment: { DIB_DEBIAN_KERNEL: 'linux-image-cloud-amd64', DIB_GRUB_TIMEOUT: 1 },
  block_device: [
    { local_loop: { name: 'image0', size: '2GiB' } },
    {
      partitioning: {
        base: 'image0',
        label: 'mbr',
        partitions: [
          {
            name: 'boot',
            flags: ['boot', 'primary'],
            size: '256MiB',
            mkfs: { type: 'ext4', mount: { mount_point: '/boot', fstab: { options: 'nodev', 'fsck-passno': 2 } } },
          },
          {
            name: 'root',
            flags: ['primary'],
            size: '1400MiB',
            mkfs: { type: 'ext4', mount: { mount_point: '/', fstab: { options: 'errors=remount-ro', 'fsck-passno': 1 } } },
          },
          { name: 'swap', type: '82', size: '64MiB', mkfs: { type: 'swap', mount: { mount_point: 'none', fstab: {} } } },
          {
            name: 'home',
            size: '100%',
            mkfs: { type: 'ext4', mount: { mount_point: '/home', fstab: { options: 'nosuid,nodev', 'fsck-passno': 2 } } },
          },
        ],
      },
    },
  ],
  outputs: ['qcow2'],
};

describe('trixie on an MBR disk, with /boot of its own and logical partitions, built by an ordinary user', () => {
  let built: BuiltImage;

  beforeAll(() => {
    built = buildImage(IMAGE, { ordinaryUser: true });
  });
  afterAll(() => built?.remove());

  it('was built in a user namespace, and belongs to the user', () => {
    expect(built.plan.worker.name).toBe('userns');
    expect(statSync(built.disks[0]?.file as string)).toMatchObject(ordinaryUserIds());
  });

  it('boots with bios to a login prompt, as the plan promised', async () => {
    const { report } = await bootAndReport(built.disks, 'bios');
    expect(report.mounts.map(({ target }) => target).sort()).toEqual(['/', '/boot', '/home']);
    const partitions = report.devices[0]?.children?.map(({ name, mountpoints }) => [name, mountpoints[0] ?? null]);
    expect(partitions).toEqual([
      ['vda1', '/boot'],
      ['vda2', '/'],
      ['vda3', null],
      ['vda5', '[SWAP]'],
      ['vda6', '/home'],
    ]);
    // GRUB, seeing /boot alone, has loaded the kernel from its top.
    expect(report.cmdline).toMatch(/^BOOT_IMAGE=\/vmlinuz-/);
    expectPromisesKept(report, built.promises, built.name);
  });
});
