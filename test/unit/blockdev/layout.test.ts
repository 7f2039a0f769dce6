import { describe, expect, test } from 'vitest';
import type { StackLayout } from '../../../src/blockdev/devices.ts';
import { resolveStack } from '../../../src/blockdev/layout.ts';
import { toPlannedDisks } from '../../../src/blockdev/planned-disks.ts';
import { checkContentFits, resolveSizes } from '../../../src/blockdev/resolve-sizes.ts';
import { exactSize, formatBytes, parseRelativeSize, parseSize } from '../../../src/blockdev/sizes.ts';
import { drawDisks } from '../../../src/ui/disk-map.ts';
import { devicesOf, EFI_TREE } from './support.ts';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;

const NO_STACK: StackLayout = { disks: [], devices: [], groups: [] };

const layoutsOf = (text: string, usage?: Record<string, { bytes: number; inodes: number }>) => {
  const devices = devicesOf(text);
  const sizes = resolveSizes(devices, usage);
  const { value, diagnostics } = resolveStack(devices, sizes.disks, { partitionSizes: sizes.partitions });
  return { value: value?.disks, diagnostics };
};
const places = (text: string, usage?: Record<string, { bytes: number; inodes: number }>) =>
  layoutsOf(text, usage).value?.flatMap(({ partitions }) =>
    partitions.map(({ number, kind, startSector, sectors }) => [number, kind, startSector, sectors]),
  );

describe('sizes', () => {
  test.each([
    ['1GiB', GIB],
    ['1 GiB', GIB],
    ['1G', 1e9],
    ['1GB', 1e9],
    ['1.5KiB', 1536],
    ['.5K', 500],
    ['1.0001B', 1],
    ['1048576', 1048576],
    ['G', 1e9],
    ['2T', 2e12],
  ])('%s', (text, bytes) => expect(parseSize(text)).toEqual({ bytes }));
  test('percentages', () => {
    expect(parseRelativeSize('33.3%')).toEqual({ percent: 33.3 });
    expect(parseRelativeSize('50 %')).toEqual({ percent: 50 });
  });
  test('for people', () => {
    expect([0, 1, 1536, 4 * GIB, 1.555 * GIB].map(formatBytes)).toEqual(['0 bytes', '1 byte', '1.5 KiB', '4 GiB', '1.55 GiB']);
    expect([1, 4 * GIB, MIB + 1].map(exactSize)).toEqual(['1B', '4GiB', '1048577B']);
  });
});

describe('layout', () => {
  test('disks have whole sectors', () => {
    const text = (blockSize: number) =>
      `- local_loop: {name: d, size: 4GB, block_size: ${blockSize}, mkfs: {mount: {mount_point: /}}}`;
    expect(layoutsOf(text(512)).value?.[0]?.size).toBe(4_000_000_000);
    expect(layoutsOf(text(4096)).value?.[0]?.size).toBe(4_000_002_048);
  });

  test("gpt of 1 GiB: upstream's example of 8 MiB, 8 MiB and 100%", () => {
    const text = `- local_loop: {name: d, size: 1GiB}
- partitioning: {base: d, label: gpt, partitions: [{name: a, size: 8MiB}, {name: b, size: 8MiB}, {name: c, size: 100%, mkfs: {mount: {mount_point: /}}}]}`;
    expect(places(text)).toEqual([
      [1, 'gpt', 2048, 16384],
      [2, 'gpt', 18432, 16384],
      [3, 'gpt', 34816, 1006 * 2048],
    ]);
  });

  test('mbr with logical partitions', () => {
    const text = `- local_loop: {name: d, size: 1GiB}
- partitioning: {base: d, label: mbr, partitions: [{name: a, size: '1000000', flags: [primary]}, {name: b, size: 100MiB}, {name: c, size: 50%}, {name: e, size: 100%, mkfs: {mount: {mount_point: /}}}]}`;
    expect(places(text)).toEqual([
      [1, 'primary', 2048, 1953],
      [5, 'logical', 6144, 204800],
      [6, 'logical', 212992, 942080],
      [7, 'logical', 1157120, 940032],
    ]);
    expect(layoutsOf(text).value?.[0]?.extended).toEqual({ startSector: 4096, sectors: 2097152 - 4096 });
  });

  test('too much for the disk: the sum is shown', () => {
    const { value, diagnostics } = layoutsOf(`- local_loop: {name: d, size: 4GiB}
- partitioning: {base: d, label: gpt, partitions: [{name: BSP, type: EF02, size: 8MiB}, {name: root, size: 5GB, mkfs: {mount: {mount_point: /}}}]}`);
    expect(value).toBeUndefined();
    expect(diagnostics).toEqual([
      {
        code: 'DIB_BLOCKDEV_OVERFLOW',
        severity: 'error',
        summary: 'The partitions do not fit on disk `d`: 4.67 GiB needed, 4 GiB there',
        detail: `partition table, alignment     2 MiB
BSP (8MiB)                     8 MiB
root (5GB)                  4768 MiB
needed                      4778 MiB
disk d                      4096 MiB
too much                     682 MiB`,
        help: 'Make the disk larger by 682 MiB or the partitions smaller, or use `size: 100%` for the last one.',
        pointer: '/1/partitioning/partitions/1/size',
      },
    ]);
  });

  test('mbr overflows are found too, to the sector', () => {
    const tree = (size: string) => `- local_loop: {name: d, size: 100MiB}
- partitioning: {base: d, label: mbr, partitions: [{name: a, size: 50MiB, flags: [primary]}, {name: root, size: '${size}', mkfs: {mount: {mount_point: /}}}]}`;
    expect(layoutsOf(tree(`${48 * MIB}`)).diagnostics).toEqual([]);
    expect(layoutsOf(tree(`${48 * MIB + 512}`)).diagnostics.map(({ code }) => code)).toEqual(['DIB_BLOCKDEV_OVERFLOW']);
  });

  test.each([
    [
      'nothing left',
      '{name: a, size: 1022MiB}, {name: root, size: 100%, mkfs: {mount: {mount_point: /}}}',
      'DIB_BLOCKDEV_NOTHING_LEFT',
    ],
    [
      'below a MiB',
      '{name: a, size: 100KiB}, {name: root, size: 100%, mkfs: {mount: {mount_point: /}}}',
      'DIB_BLOCKDEV_NOTHING_LEFT',
    ],
    [
      'xfs in 200 MiB',
      '{name: a, size: 200MiB, mkfs: {type: xfs}}, {name: root, size: 100%, mkfs: {mount: {mount_point: /}}}',
      'DIB_BLOCKDEV_FS_TOO_SMALL',
    ],
  ])('%s', (_name, partitions, code) => {
    const { diagnostics } = layoutsOf(
      `- local_loop: {name: d, size: 1GiB}\n- partitioning: {base: d, label: gpt, partitions: [${partitions}]}`,
    );
    expect(diagnostics.map((diagnostic) => diagnostic.code)).toEqual([code]);
  });

  test('an mbr reaches 2 TiB', () => {
    const { diagnostics } = layoutsOf(
      `- local_loop: {name: d, size: 3TiB}\n- partitioning: {base: d, label: mbr, partitions: [{name: a, size: 100%, flags: [primary], mkfs: {mount: {mount_point: /}}}]}`,
    );
    expect(diagnostics.map(({ code, summary }) => [code, summary])).toEqual([
      ['DIB_BLOCKDEV_MBR_REACH', 'Disk `d` of 3 TiB is too large for an mbr, which reaches to 2 TiB'],
    ]);
  });
});

describe('sizes from content', () => {
  const tree = (size: string) => EFI_TREE.replace('size: 4GiB', `size: ${size}`);
  const usage = { '/': { bytes: 600 * MIB, inodes: 30_000 }, '/boot/efi': { bytes: 4 * MIB, inodes: 10 } };

  test('unknown until measured', () => {
    const devices = devicesOf(tree('auto'));
    expect(resolveSizes(devices).disks.size).toBe(0);
    expect(toPlannedDisks(devices, NO_STACK)[0]).toMatchObject({
      address: 'local_loop.image0',
      segments: [
        { name: 'ESP', what: 'vfat /boot/efi' },
        { name: 'BSP', what: 'BIOS boot' },
        { name: 'root', what: 'ext4 /' },
      ],
    });
    expect(resolveSizes(devices).disks.get('image0')).toBeUndefined();
  });

  test("computed: upstream's two thirds and journal on top of the other partitions", () => {
    const size = resolveSizes(devicesOf(tree('4GiB').replace('    size: 4GiB\n', '')), usage).disks.get('image0');
    // 550 + 8 + 1 for the table before and 1 behind; root 1000 + 64, in steps of 64 KiB.
    expect(size).toBe((560 + 1064) * MIB);
  });

  test('auto: smaller, and the content still fits', () => {
    const devices = devicesOf(tree('auto'));
    const { disks } = resolveSizes(devices, usage);
    const stack = resolveStack(devices, disks).value ?? NO_STACK;
    expect(disks.get('image0')).toBeLessThan((560 + 850) * MIB);
    expect(checkContentFits(devices, stack, usage)).toEqual([]);
    const smaller = resolveStack(devices, new Map([['image0', (disks.get('image0') ?? 0) - MIB]])).value ?? NO_STACK;
    expect(checkContentFits(devices, smaller, usage).map(({ code }) => code)).toEqual(['DIB_BLOCKDEV_CONTENT_TIGHT']);
    expect(checkContentFits(devices, smaller, { '/': { bytes: GIB, inodes: 1 } }).map(({ code }) => code)).toEqual([
      'DIB_BLOCKDEV_CONTENT_TOO_LARGE',
    ]);
  });

  test('auto partitions', () => {
    const text = tree('4GiB').replace('size: 550MiB', 'size: auto');
    const sizes = resolveSizes(devicesOf(text), usage);
    expect(sizes.partitions.get('ESP')).toBe(6 * MIB);
    expect(places(text, usage)?.[0]).toEqual([1, 'gpt', 2048, 6 * 2048]);
    expect(resolveSizes(devicesOf(text)).disks.size).toBe(0);
  });
});

test('the drawing', () => {
  const known = devicesOf(EFI_TREE);
  const unknown = devicesOf(EFI_TREE.replace('size: 4GiB', 'size: auto'));
  const stack = resolveStack(known, resolveSizes(known).disks).value ?? NO_STACK;
  expect(`\n${drawDisks([...toPlannedDisks(known, stack), ...toPlannedDisks(unknown, NO_STACK)])}\n`).toMatchInlineSnapshot(`
    "
    local_loop.image0: 4 GiB, gpt, 512-byte sectors
    ┌────────┬─────┬───────────────────────────────────────────────────────────────┐
    │ESP     │BSP  │root                                                           │
    │550 MiB │8 MiB│3.45 GiB                                                       │
    └────────┴─────┴───────────────────────────────────────────────────────────────┘
      ESP   550 MiB   at 1 MiB    vfat /boot/efi
      BSP   8 MiB     at 551 MiB  BIOS boot
      root  3.45 GiB  at 559 MiB  ext4 /

    local_loop.image0: (known after apply), gpt, 512-byte sectors
    ┌──────────────────────────┬─────────────────────────┬─────────────────────────┐
    │ESP                       │BSP                      │root                     │
    │550 MiB                   │8 MiB                    │?                        │
    └──────────────────────────┴─────────────────────────┴─────────────────────────┘
      ESP   550 MiB              vfat /boot/efi
      BSP   8 MiB                BIOS boot
      root  (known after apply)  ext4 /
    "
  `);
});
