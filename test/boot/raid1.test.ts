import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BuiltImage, buildImage, readExample } from '../support/example.ts';
import { expectPromisesKept } from '../support/expect-promises.ts';
import { bootAndReport } from '../support/qemu.ts';

describe('examples/raid1', () => {
  let example: BuiltImage;

  beforeAll(() => {
    example = buildImage(readExample('raid1'));
  });
  afterAll(() => example?.remove());

  it('boots with bios to a login prompt, with root on both disks', async () => {
    const { report } = await bootAndReport(example.disks, 'bios');
    expect(report.devices.map(({ children = [] }) => children.at(-1)?.children?.[0]?.mountpoints)).toEqual([['/'], ['/']]);
    expectPromisesKept(report, example.promises, example.name);
  });

  it('boots from the second disk alone', async () => {
    const { report } = await bootAndReport(example.disks.slice(1), 'bios');
    expect(report.devices).toHaveLength(1);
    expect(report.arrays).toMatchObject([{ path: '/dev/md/system', level: 'raid1', members: 2, degraded: 1 }]);
    expect(report.mounts.map(({ target }) => target)).toEqual(['/']);
  });
});
