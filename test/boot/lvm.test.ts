import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BuiltImage, buildImage, readExample } from '../support/example.ts';
import { expectPromisesKept } from '../support/expect-promises.ts';
import { bootAndReport } from '../support/qemu.ts';

describe('examples/lvm', () => {
  let example: BuiltImage;

  beforeAll(() => {
    example = buildImage(readExample('lvm'));
  });
  afterAll(() => example?.remove());

  it('boots with bios to a login prompt, with root, /var, /home and swap on logical volumes', async () => {
    const { report } = await bootAndReport(example.disks, 'bios');
    expect(report.mounts.map(({ target, source }) => [target, source]).sort()).toEqual([
      ['/', '/dev/mapper/system-root'],
      ['/boot/efi', '/dev/vda2'],
      ['/home', '/dev/mapper/system-home'],
      ['/var', '/dev/mapper/system-var'],
    ]);
    expect(report.volumes.map(({ volume }) => volume).sort()).toEqual(['home', 'root', 'swap', 'var']);
    // GRUB has read the kernel from a logical volume.
    expect(report.cmdline).toMatch(/^BOOT_IMAGE=\/boot\/vmlinuz-\S+ root=\/dev\/mapper\/system-root /);
    expectPromisesKept(report, example.promises, example.name);
  });
});
