import { statSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BuiltImage, buildImage, readExample } from '../support/example.ts';
import { expectPromisesKept } from '../support/expect-promises.ts';
import { ordinaryUserIds } from '../support/privileges.ts';
import { bootAndReport } from '../support/qemu.ts';

describe('examples/separate-partitions-mbr, built by an ordinary user', () => {
  let example: BuiltImage;

  beforeAll(() => {
    example = buildImage(readExample('separate-partitions-mbr'), { ordinaryUser: true });
  });
  afterAll(() => example?.remove());

  it('was built in a user namespace, and belongs to the user', () => {
    expect(example.plan.worker.name).toBe('userns');
    expect(statSync(example.disks[0]?.file as string)).toMatchObject(ordinaryUserIds());
  });

  it('boots with bios to a login prompt, with /boot of its own and logical partitions', async () => {
    const { report } = await bootAndReport(example.disks, 'bios');
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
    expectPromisesKept(report, example.promises, example.name);
  });
});
