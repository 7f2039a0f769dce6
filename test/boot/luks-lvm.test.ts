import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BuiltImage, buildImage, readExample } from '../support/example.ts';
import { expectPromisesKept } from '../support/expect-promises.ts';
import { bootAndReport } from '../support/qemu.ts';

const PASSPHRASE = 'Zwölf Boxkämpfer';

describe('examples/luks-lvm', () => {
  let example: BuiltImage;

  beforeAll(() => {
    example = buildImage(readExample('luks-lvm'), { files: { passphrase: PASSPHRASE }, quickToUnlock: true });
  });
  afterAll(() => example?.remove());

  it('boots with uefi to a login prompt, once the passphrase was typed on the serial console', async () => {
    const { report, console } = await bootAndReport(example.disks, 'uefi', { passphrase: PASSPHRASE });
    expect(console.match(/Please unlock disk system_crypt: /g)).toHaveLength(1);
    expect(report.uefi).toBe(true);
    expect(report.mounts.map(({ target, source }) => [target, source]).sort()).toEqual([
      ['/', '/dev/mapper/system-root'],
      ['/boot', '/dev/vda2'],
      ['/boot/efi', '/dev/vda1'],
    ]);
    expect(report.swaps).toHaveLength(1);
    expectPromisesKept(report, example.promises, example.name);
  });
});
