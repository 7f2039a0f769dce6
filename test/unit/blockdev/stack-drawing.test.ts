import { expect, test } from 'vitest';
import type { BlockDevices, StackLayout } from '../../../src/blockdev/devices.ts';
import { resolveStack } from '../../../src/blockdev/layout.ts';
import { toPlannedDisks } from '../../../src/blockdev/planned-disks.ts';
import { resolveSizes } from '../../../src/blockdev/resolve-sizes.ts';
import { GIB, MIB } from '../../../src/blockdev/sizes.ts';
import { drawDisks } from '../../../src/ui/disk-map.ts';
import { disk, luks, lv, mkfs, mount, pv, raid, table, tree, vg } from '../../support/device-nodes.ts';

const NO_STACK: StackLayout = { disks: [], devices: [], groups: [] };

function drawingOf(devices: BlockDevices): string {
  const stack = resolveStack(devices, resolveSizes(devices).disks).value ?? NO_STACK;
  return `\n${drawDisks(toPlannedDisks(devices, stack))}\n`;
}

const thin = { type: 'thin' as const, pool: 'pool' };
const DEVICES = tree({
  disks: [disk('one', 4 * GIB), disk('two', 2 * GIB)],
  tables: [table('one', { boot: 512 * MIB, main: '100%' }), table('two', { copy: 512 * MIB, more: '100%' })],
  raids: [raid('mirror', 1, ['boot', 'copy'])],
  luks: [luks('crypt', 'main')],
  pvs: [pv('p', 'crypt'), pv('q', 'more')],
  vgs: [vg('data', ['p', 'q'])],
  lvs: [
    lv('root', 'data', 2 * GIB),
    lv('pool', 'data', GIB, { type: 'thin-pool' }),
    lv('var', 'data', 2 * GIB, thin),
    lv('home', 'data', 512 * MIB, thin),
  ],
  filesystems: [mkfs('mirror', 'ext2'), mkfs('root'), mkfs('var', 'xfs'), mkfs('home')],
  mounts: [mount('fs-root', '/'), mount('fs-mirror', '/boot'), mount('fs-var', '/var'), mount('fs-home', '/home')],
});

test('volumes are drawn in their group, containers and arrays where they stand', () => {
  expect(drawingOf(DEVICES)).toMatchInlineSnapshot(`
    "
    local_loop.one: 4 GiB, gpt, 512-byte sectors
    ┌──────────┬───────────────────────────────────────────────────────────────────┐
    │boot      │main                                                               │
    │512 MiB   │3.5 GiB                                                            │
    └──────────┴───────────────────────────────────────────────────────────────────┘
      boot  512 MiB  at 1 MiB    RAID 1 mirror (511 MiB): ext2 /boot
      main  3.5 GiB  at 513 MiB  LUKS crypt (3.48 GiB): physical volume of data

    local_loop.two: 2 GiB, gpt, 512-byte sectors
    ┌───────────────────┬──────────────────────────────────────────────────────────┐
    │copy               │more                                                      │
    │512 MiB            │1.5 GiB                                                   │
    └───────────────────┴──────────────────────────────────────────────────────────┘
      copy  512 MiB  at 1 MiB    RAID 1 mirror
      more  1.5 GiB  at 513 MiB  physical volume of data

    vgs.data: 4.98 GiB, volume group on crypt, more, extents of 4 MiB
    ┌───────────────────────────────┬───────────────┬──────────────────────────────┐
    │root                           │pool           │free                          │
    │2 GiB                          │1.01 GiB       │1.97 GiB                      │
    └───────────────────────────────┴───────────────┴──────────────────────────────┘
      root  2 GiB     ext4 /
      pool  1.01 GiB  thin pool with its metadata

    lvs.pool: 1 GiB, thin pool in data
    ┌──────────────────────────────────────────────────────────────┬───────────────┐
    │var                                                           │home           │
    │2 GiB                                                         │512 MiB        │
    └──────────────────────────────────────────────────────────────┴───────────────┘
      var   2 GiB    xfs /var
      home  512 MiB  ext4 /home
    "
  `);
});

test('as long as sizes are unknown, the parts are named', () => {
  const disks = [{ ...disk('one', 0), size: 'auto' as const }, disk('two', 2 * GIB)];
  expect(drawingOf({ ...DEVICES, disks })).toMatchInlineSnapshot(`
    "
    local_loop.one: (known after apply), gpt, 512-byte sectors
    ┌───────────────────────────────────────┬──────────────────────────────────────┐
    │boot                                   │main                                  │
    │512 MiB                                │?                                     │
    └───────────────────────────────────────┴──────────────────────────────────────┘
      boot  512 MiB              RAID 1 mirror: ext2 /boot
      main  (known after apply)  LUKS crypt: physical volume of data

    local_loop.two: 2 GiB, gpt, 512-byte sectors
    ┌───────────────────┬──────────────────────────────────────────────────────────┐
    │copy               │more                                                      │
    │512 MiB            │1.5 GiB                                                   │
    └───────────────────┴──────────────────────────────────────────────────────────┘
      copy  512 MiB  at 1 MiB    RAID 1 mirror
      more  1.5 GiB  at 513 MiB  physical volume of data

    vgs.data: (known after apply), volume group on crypt, more, extents of 4 MiB
    ┌───────────────────────────────────────────────────┬──────────────────────────┐
    │root                                               │pool                      │
    │2 GiB                                              │1 GiB                     │
    └───────────────────────────────────────────────────┴──────────────────────────┘
      root  2 GiB  ext4 /
      pool  1 GiB  thin pool with its metadata

    lvs.pool: (known after apply), thin pool in data
    ┌──────────────────────────────────────────────────────────────┬───────────────┐
    │var                                                           │home           │
    │2 GiB                                                         │512 MiB        │
    └──────────────────────────────────────────────────────────────┴───────────────┘
      var   2 GiB    xfs /var
      home  512 MiB  ext4 /home
    "
  `);
});
