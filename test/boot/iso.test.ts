import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BuiltImage, buildImage, readExample } from '../support/example.ts';
import { expectPromisesKept } from '../support/expect-promises.ts';
import { bootAndReport } from '../support/qemu.ts';

/**
 * The quickstart without GRUB on its disk, with an initial file system by dracut and a network by systemd-networkd: it starts from the
 * ISO image, or not at all.
 */
describe('an image with the elements iso, dracut-regenerate and simple-init', () => {
  let built: BuiltImage;

  beforeAll(() => {
    const quickstart = readExample('quickstart');
    built = buildImage({
      ...quickstart,
      name: 'virtual-media',
      elements: ['debian-minimal', 'dracut-regenerate', 'enable-serial-console', 'iso', 'simple-init'],
      environment: {
        ...(quickstart['environment'] as object),
        DIB_BOOT_ISO_KERNEL_CMDLINE_ARGS: 'console=tty0 console=ttyS0,115200 no_timer_check',
      },
    });
  });
  afterAll(() => built?.remove());

  it('baremetal and iso: has the files beside the image, with checksums', () => {
    for (const name of ['virtual-media.vmlinuz', 'virtual-media.initrd', 'virtual-media-boot.iso']) {
      expect(existsSync(join(built.directory, name)), name).toBe(true);
      expect(existsSync(join(built.directory, `${name}.sha256`)), name).toBe(true);
    }
  });

  it.each(['bios', 'uefi'] as const)('starts from the ISO image with %s', async (firmware) => {
    const iso = join(built.directory, 'virtual-media-boot.iso');
    const { report } = await bootAndReport(built.disks, firmware, { iso });
    expect(report.uefi).toBe(firmware === 'uefi');
    expectPromisesKept(report, built.promises, 'virtual-media');
  });
});
