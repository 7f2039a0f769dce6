import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BuiltImage, buildImage, readExample } from '../support/example.ts';
import { expectPromisesKept } from '../support/expect-promises.ts';
import { bootAndReport } from '../support/qemu.ts';

describe('examples/xfs', () => {
  let example: BuiltImage;

  beforeAll(() => {
    example = buildImage(readExample('xfs'));
  });
  afterAll(() => example?.remove());

  it('boots with uefi to a login prompt, with an xfs root', async () => {
    const { report } = await bootAndReport(example.disks, 'uefi');
    expect(report.uefi).toBe(true);
    expect(report.mounts.find(({ target }) => target === '/')?.fstype).toBe('xfs');
    expectPromisesKept(report, example.promises, example.name);
  });
});
