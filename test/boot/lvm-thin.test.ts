import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BuiltImage, buildImage, readExample } from '../support/example.ts';
import { expectPromisesKept } from '../support/expect-promises.ts';
import { bootAndReport } from '../support/qemu.ts';

describe('examples/lvm-thin', () => {
  let example: BuiltImage;

  beforeAll(() => {
    example = buildImage(readExample('lvm-thin'));
  });
  afterAll(() => example?.remove());

  it('boots with bios to a login prompt, with root and /var on thin volumes', async () => {
    const { report } = await bootAndReport(example.disks, 'bios');
    expect(report.mounts.map(({ target, source }) => [target, source]).sort()).toEqual([
      ['/', '/dev/mapper/system-root'],
      ['/boot', '/dev/vda2'],
      ['/var', '/dev/mapper/system-var'],
    ]);
    const promised = report.volumes.filter(({ type }) => type === 'thin').reduce((sum, { size }) => sum + size, 0);
    expect(promised).toBeGreaterThan(report.devices[0]?.size ?? 0);
    expectPromisesKept(report, example.promises, example.name);
  });
});
