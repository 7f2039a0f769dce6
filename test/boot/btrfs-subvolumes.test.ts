import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BuiltImage, buildImage, readExample } from '../support/example.ts';
import { expectPromisesKept } from '../support/expect-promises.ts';
import { bootAndReport } from '../support/qemu.ts';

describe('examples/btrfs-subvolumes', () => {
  let example: BuiltImage;

  beforeAll(() => {
    example = buildImage(readExample('btrfs-subvolumes'));
  });
  afterAll(() => example?.remove());

  it('boots with uefi to a login prompt, with root, /home and /var/log on subvolumes', async () => {
    const { report } = await bootAndReport(example.disks, 'uefi');
    expect(report.uefi).toBe(true);
    expect(
      report.mounts
        .filter(({ fstype }) => fstype === 'btrfs')
        .map(({ target, source }) => [target, source])
        .sort(),
    ).toEqual([
      ['/', '/dev/vda3[/@]'],
      ['/home', '/dev/vda3[/@home]'],
      ['/var/log', '/dev/vda3[/@log]'],
    ]);
    expect(report.cmdline).toMatch(/^BOOT_IMAGE=\/@\/boot\/vmlinuz-\S+ root=UUID=\S+ ro rootflags=subvol=@ /);
    expectPromisesKept(report, example.promises, example.name);
  });
});
