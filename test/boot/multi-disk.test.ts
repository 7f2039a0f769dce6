import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BuiltImage, buildImage, readExample } from '../support/example.ts';
import { expectPromisesKept } from '../support/expect-promises.ts';
import { bootAndReport } from '../support/qemu.ts';

describe('examples/multi-disk', () => {
  let example: BuiltImage;

  beforeAll(() => {
    example = buildImage(readExample('multi-disk'));
  });
  afterAll(() => example?.remove());

  it('boots with bios to a login prompt, with a volume group over two disks', async () => {
    const { report } = await bootAndReport(example.disks, 'bios');
    expect(report.devices.map(({ name, children = [] }) => [name, children.map((child) => child.name)])).toEqual([
      ['vda', ['vda1', 'vda2', 'vda3']],
      ['vdb', ['data-srv']],
      ['vdc', ['data-srv']],
    ]);
    expect(report.mounts.find(({ target }) => target === '/srv')?.source).toBe('/dev/mapper/data-srv');
    expectPromisesKept(report, example.promises, example.name);
  });
});
