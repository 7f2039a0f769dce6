import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BuiltImage, buildImage, readExample } from '../support/example.ts';
import { expectPromisesKept } from '../support/expect-promises.ts';
import { bootAndReport } from '../support/qemu.ts';

const MIB = 1024 * 1024;

describe('examples/separate-var', () => {
  let example: BuiltImage;

  beforeAll(() => {
    example = buildImage(readExample('separate-var'));
  });
  afterAll(() => example?.remove());

  it('boots with uefi to a login prompt, with /var and swap as the plan promised', async () => {
    const { report } = await bootAndReport(example.disks, 'uefi');
    expect(report.uefi).toBe(true);
    expect(report.mounts.map(({ target }) => target).sort()).toEqual(['/', '/boot/efi', '/var']);
    const options = report.mounts.find(({ target }) => target === '/var')?.options.split(',');
    expect(options).toEqual(expect.arrayContaining(['nosuid', 'nodev']));
    expect(report.swaps.map(({ bytes }) => bytes)).toEqual([256 * MIB - 4096]);
    expectPromisesKept(report, example.promises, example.name);
  });
});
