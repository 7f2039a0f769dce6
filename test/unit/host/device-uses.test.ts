import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { describeUse } from '../../../src/blockdev/device-facts.ts';
import { type OwnLoop, readDeviceUses } from '../../../src/host/device-uses.ts';
import { hostFiles } from '../../../src/host/files.ts';
import { type FakeMachine, fakeHost } from '../../support/fake-host.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'dib-unit-uses-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

async function uses(name: string, machine: FakeMachine, own: readonly OwnLoop[] = []): Promise<string[]> {
  fakeHost(root, machine);
  return (await readDeviceUses(name, hostFiles(root), own)).map(describeUse);
}

const SDB = { sdb: {}, sdb1: { disk: 'sdb' }, sdb2: { disk: 'sdb' }, vda: {} };

describe('who uses a disk', () => {
  it('nobody: others have mounts, swap and loop devices too', async () => {
    const machine = {
      devices: { ...SDB, loop0: { loop: '/dev/sdc' }, sdc: {}, sdbx: {} },
      mounts: [{ target: '/mnt', source: '/dev/sdc', device: 'sdc' }],
      swaps: ['/dev/sdbx', '/swapfile'],
    };
    expect(await uses('sdb', machine)).toEqual([]);
  });

  it('mounts and swap of the disk itself and of its partitions', async () => {
    const mounts = [
      { target: '/srv data', source: '/dev/sdb1', device: 'sdb1' },
      { target: '/whole', source: '/dev/disk/by-label/x', device: 'sdb' },
    ];
    expect(await uses('sdb', { devices: SDB, mounts, swaps: ['/dev/sdb2'] })).toEqual([
      '/dev/sdb is mounted at /whole',
      '/dev/sdb1 is mounted at /srv data',
      '/dev/sdb2 is swap in use',
    ]);
  });

  it('active volume groups, open LUKS containers, running arrays, and what is mounted on them', async () => {
    const devices = {
      ...SDB,
      sdb3: { disk: 'sdb' },
      'dm-0': { on: ['sdb1'], dm: ['vg-root', `LVM-${'x'.repeat(64)}`] as const },
      'dm-1': { on: ['sdb2'], dm: ['crypt', 'CRYPT-LUKS2-123-crypt'] as const },
      'dm-2': { on: ['dm-1'], dm: ['mpatha', 'mpath-1'] as const },
      md127: { on: ['sdb3'], md: ['raid1', '1:2'] as const },
    };
    const mounts = [{ target: '/data', source: '/dev/mapper/vg-root', device: 'dm-0' }];
    expect(await uses('sdb', { devices, mounts })).toEqual([
      '/dev/sdb1 is a physical volume of an active volume group: /dev/mapper/vg-root',
      '/dev/mapper/vg-root is mounted at /data',
      '/dev/sdb2 holds an open LUKS container: /dev/mapper/crypt',
      '/dev/mapper/crypt is in use by the device mapper: /dev/mapper/mpatha',
      '/dev/sdb3 is a member of a running array: /dev/md127',
    ]);
  });

  it('a btrfs, also where another of its devices was mounted', async () => {
    mkdirSync(join(root, 'sys/fs/btrfs/uuid/devices'), { recursive: true });
    for (const name of ['sdb1', 'sdc']) writeFileSync(join(root, 'sys/fs/btrfs/uuid/devices', name), '');
    const devices = { ...SDB, sdc: {} };
    const seen = { devices, mounts: [{ target: '/pool', source: '/dev/sdc', type: 'btrfs' }] };
    expect(await uses('sdb', seen)).toEqual(['/dev/sdb1 is mounted at /pool']);
    expect(await uses('sdb', { devices })).toEqual(['/dev/sdb1 is mounted at a place that is not seen from here (btrfs)']);
  });

  it('loop devices of others, not our own pieces', async () => {
    const devices = { ...SDB, loop0: { loop: '/dev/sdb', offset: 1024, length: 4096 }, loop1: { loop: '/dev/sdb2' } };
    const mounts = [{ target: '/mnt', source: '/dev/loop0', device: 'loop0' }];
    expect(await uses('sdb', { devices, mounts })).toEqual([
      '/dev/sdb is shown by the loop device /dev/loop0',
      '/dev/loop0 is mounted at /mnt',
      '/dev/sdb2 is shown by the loop device /dev/loop1',
    ]);
    rmSync(root, { recursive: true });
    expect(await uses('sdb', { devices, mounts }, [{ offset: 1024, length: 4096 }])).toEqual([
      '/dev/sdb2 is shown by the loop device /dev/loop1',
    ]);
  });

  it('of a partition: users of it and of its disk as a whole, not of its neighbours', async () => {
    const devices = { ...SDB, 'dm-0': { on: ['sdb'], dm: ['whole', ''] as const } };
    const mounts = [{ target: '/srv', source: '/dev/sdb2', device: 'sdb2' }];
    expect(await uses('sdb1', { devices, mounts })).toEqual(['/dev/sdb is in use by the device mapper: /dev/mapper/whole']);
  });
});

describe('the disk that this machine runs from', () => {
  const ROOT = 'this machine runs from';

  it('with the root file system on a volume on an array on partitions', async () => {
    const devices = {
      vda: { on: ['md0'], dm: ['vg-root', `LVM-${'x'.repeat(64)}`] as const },
      md0: { on: ['sda2', 'sdb2'], md: ['raid1', ''] as const },
      sda: {},
      sda1: { disk: 'sda' },
      sda2: { disk: 'sda' },
      sdb: {},
      sdb2: { disk: 'sdb' },
    };
    const machine = { devices, mounts: [{ target: '/', source: '/dev/vda', device: 'vda' }] };
    for (const name of ['sda', 'sda2', 'sdb', 'md0', 'vda']) {
      expect((await uses(name, machine))[0]).toContain(ROOT);
      rmSync(root, { recursive: true });
    }
    expect(await uses('sda1', machine)).toEqual([]);
  });

  it('with the root file system in a file, and as an overlay over one', async () => {
    const devices = { sda: {}, sda1: { disk: 'sda' }, loop0: { loop: '/run/medium/live/root.img' }, vdb: {} };
    fakeHost(root, { devices });
    const line = (id: number, number: string, target: string, end: string) => `${id} 1 ${number} / ${target} ro - ${end}`;
    writeFileSync(
      join(root, 'proc/self/mountinfo'),
      [
        line(20, '0:40', '/', 'overlay overlay rw,lowerdir=/run/root:/run/other,upperdir=/run/rw/upper'),
        line(21, '254:1', '/run/medium', 'iso9660 /dev/sda1 ro'),
        line(22, '7:2', '/run/root', 'squashfs /dev/loop0 ro'),
        line(23, '0:41', '/run/rw', 'tmpfs tmpfs rw'),
      ].join('\n'),
    );
    const found = await readDeviceUses('sda', hostFiles(root));
    expect(found.map(describeUse)).toEqual([`${ROOT} /dev/sda`, '/dev/sda1 is mounted at /run/medium']);
    expect(await readDeviceUses('vdb', hostFiles(root))).toEqual([]);
  });
});
