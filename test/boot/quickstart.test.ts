import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BuiltImage, buildImage, readExample } from '../support/example.ts';
import { expectPromisesKept } from '../support/expect-promises.ts';
import { bootAndReport } from '../support/qemu.ts';

describe('examples/quickstart', () => {
  let example: BuiltImage;

  beforeAll(() => {
    example = buildImage(readExample('quickstart'));
  });
  afterAll(() => example?.remove());

  it.each(['bios', 'uefi'] as const)('boots with %s to a login prompt, as the plan promised', async (firmware) => {
    const { report } = await bootAndReport(example.disks, firmware);
    expect(report.uefi).toBe(firmware === 'uefi');
    expect(report.mounts.map(({ target }) => target).sort()).toEqual(['/', '/boot/efi']);
    expectPromisesKept(report, example.promises, example.name);
  });
});
