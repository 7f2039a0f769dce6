import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hostFiles } from '../../../src/host/files.ts';
import { type OwnFiles, standingOn } from '../../../src/host/standing.ts';
import { usersOf } from '../../../src/host/users.ts';
import { type FakeMachine, fakeHost } from '../../support/fake-host.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'dib-unit-host-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const WORK = '/images/web/.dib/work';
const DISK = `${WORK}/image0.raw`;
const LVM = (volume: string) => `LVM-${'g'.repeat(32)}${volume.padEnd(32, volume)}`;

/** `what name` of all that stands on our files, deepest first; with what is foreign below in brackets. `loops`: numbers of the files they show. */
async function standing(
  machine: FakeMachine,
  own: Partial<OwnFiles> = {},
  loops: Readonly<Record<string, string>> = {},
): Promise<string[]> {
  fakeHost(root, machine);
  const host = { ...hostFiles(root), loopFiles: async () => new Map(Object.entries(loops)) };
  const things = await standingOn({ files: [DISK], directories: [WORK], numbers: new Map(), ...own }, host);
  return things.map(({ what, name, foreign }) => `${what} ${name}${foreign.length === 0 ? '' : ` [${foreign.join(' ')}]`}`);
}

describe('what stands on our files, deepest first', () => {
  it('nothing, beside loop devices of others', async () => {
    expect(
      await standing({
        devices: {
          loop0: { loop: '/images/web/.dib/work.raw' },
          loop1: { loop: '/images/web/.dib/workshop/x' },
          loop2: {},
          vda: {},
        },
        mounts: [{ target: '/mnt', source: '/dev/loop0', device: 'loop0' }],
      }),
    ).toEqual([]);
  });

  it('slices of a disk, with file systems and swap on them', async () => {
    expect(
      await standing({
        devices: {
          loop0: { loop: DISK },
          loop1: { loop: DISK, offset: 1 << 20, length: 1 << 26 },
          loop2: { loop: DISK, offset: 1 << 27 },
        },
        mounts: [
          { target: `${WORK}/mnt`, source: '/dev/loop1', device: 'loop1' },
          { target: `${WORK}/mnt/proc`, source: 'proc', type: 'proc', on: `${WORK}/mnt` },
        ],
        swaps: ['/dev/loop2'],
      }),
    ).toEqual([
      `mount ${WORK}/mnt/proc`,
      `mount ${WORK}/mnt`,
      'swap /dev/loop2',
      'loop /dev/loop2',
      'loop /dev/loop1',
      'loop /dev/loop0',
    ]);
  });

  it('volumes on LUKS on an array on slices of two disks', async () => {
    expect(
      await standing({
        devices: {
          loop3: { loop: DISK, offset: 1 << 20 },
          loop4: { loop: `${WORK}/data.raw (deleted)` },
          md127: { on: ['loop3', 'loop4'], md: ['raid1', '3d2f1f0e'] },
          'dm-0': { on: ['md127'], dm: ['crypt', 'CRYPT-LUKS2-0123-crypt'] },
          'dm-1': { on: ['dm-0'], dm: ['vg--0-root', LVM('r')] },
          'dm-2': { on: ['dm-0'], dm: ['vg--0-swap', LVM('s')] },
        },
        mounts: [
          { target: '/mnt/my image', source: '/dev/mapper/vg--0-root', device: 'dm-1' },
          { target: '/elsewhere', source: '/dev/vda', device: 'dm-9' },
        ],
        swaps: ['/dev/dm-2'],
      }),
    ).toEqual([
      'mount /mnt/my image',
      'swap /dev/dm-2',
      'lvm /dev/mapper/vg--0-swap',
      'lvm /dev/mapper/vg--0-root',
      'luks /dev/mapper/crypt',
      'md /dev/md127',
      'loop /dev/loop4',
      'loop /dev/loop3',
    ]);
  });

  it('a thin pool before the parts that it is made of, however it was found', async () => {
    const order = await standing({
      devices: {
        'dm-4': { on: ['dm-3'], dm: ['vg-thin', LVM('t')] },
        'dm-3': { on: ['dm-1', 'dm-2'], dm: ['vg-pool-tpool', `${LVM('p')}-tpool`] },
        'dm-1': { on: ['loop0'], dm: ['vg-pool_tmeta', `${LVM('m')}-tmeta`] },
        'dm-2': { on: ['loop0'], dm: ['vg-pool_tdata', `${LVM('d')}-tdata`] },
        loop0: { loop: DISK },
      },
    });
    expect(order.slice(0, 2)).toEqual(['lvm /dev/mapper/vg-thin', 'lvm /dev/mapper/vg-pool-tpool']);
    expect(order.slice(2, 4).sort()).toEqual(['lvm /dev/mapper/vg-pool_tdata', 'lvm /dev/mapper/vg-pool_tmeta']);
    expect(order.at(-1)).toBe('loop /dev/loop0');
  });

  it('partitions that the kernel found go with their loop device', async () => {
    expect(
      await standing({
        devices: {
          loop0: { loop: DISK },
          loop0p1: { disk: 'loop0' },
          loop0p2: { disk: 'loop0' },
          'dm-0': { on: ['loop0p2'], dm: ['opened', 'CRYPT-LUKS1-0123-opened'] },
          'dm-1': { on: ['loop0'], dm: ['loop0p9', 'part9-loop0'] },
        },
        mounts: [{ target: '/mnt', source: '/dev/loop0p1', device: 'loop0p1' }],
      }),
    ).toEqual(['mount /mnt', 'luks /dev/mapper/opened', 'dm /dev/mapper/loop0p9', 'loop /dev/loop0']);
  });

  it('a btrfs, whose mounts have a number of their own', async () => {
    expect(
      await standing({
        devices: { loop0: { loop: DISK } },
        mounts: [
          { target: '/a', source: '/dev/loop0', type: 'btrfs' },
          { target: '/b', source: '/dev/loop0', type: 'btrfs' },
        ],
      }),
    ).toEqual(['mount /b', 'mount /a', 'loop /dev/loop0']);
  });

  it('loop devices on files inside of the mounted image, but not of what else is mounted there', async () => {
    expect(
      await standing({
        devices: {
          loop0: { loop: DISK },
          loop1: { loop: '/mnt/srv/nested.img' },
          loop2: { loop: '/mnt/other/their.img' },
          loop3: { loop: `${WORK}/mnt/usb/their.img` },
          sdb: {},
        },
        mounts: [
          { target: '/mnt', source: '/dev/loop0', device: 'loop0' },
          { target: '/mnt/other', source: '/dev/sdb', device: 'sdb', on: '/mnt' },
          { target: `${WORK}/mnt/usb`, source: '/dev/sdb', device: 'sdb' },
        ],
      }),
    ).toEqual(['mount /mnt/other', 'loop /dev/loop1', 'mount /mnt', `mount ${WORK}/mnt/usb`, 'loop /dev/loop0']);
  });

  it('what also stands on others is not ours to stop', async () => {
    const order = await standing({
      devices: {
        sda: {},
        sda2: { disk: 'sda' },
        loop0: { loop: DISK },
        loop9: { loop: '/somewhere/else.img' },
        'dm-0': { on: ['loop0', 'sda2'], dm: ['host-data', LVM('d')] },
        'dm-1': { on: ['dm-0'], dm: ['inner', 'CRYPT-LUKS2-0-inner'] },
        md1: { on: ['loop0', 'loop9'], md: ['raid1', '0'] },
        bcache0: { on: ['loop0'] },
      },
      mounts: [{ target: '/data', source: '/dev/mapper/inner', device: 'dm-1' }],
      swaps: ['/dev/md1'],
    });
    expect(order).toEqual([
      'mount /data [/dev/sda2]',
      'swap /dev/md1 [/dev/loop9]',
      'luks /dev/mapper/inner [/dev/sda2]',
      'lvm /dev/mapper/host-data [/dev/sda2]',
      'md /dev/md1 [/dev/loop9]',
      'other /dev/bcache0',
      'loop /dev/loop0',
    ]);
  });

  it('a disk file that lies elsewhere', async () => {
    const machine: FakeMachine = { devices: { loop0: { loop: '/srv/imported.raw' }, loop1: { loop: '/srv/imported.raw.old' } } };
    expect(await standing(machine, { files: ['/srv/imported.raw'], directories: [] })).toEqual(['loop /dev/loop0']);
  });

  it('a file by its numbers, under whatever path another mount namespace had it', async () => {
    const machine: FakeMachine = {
      devices: {
        loop0: { loop: '/web/.dib/work/image0.raw' },
        loop1: { loop: DISK },
        loop2: { loop: DISK },
        loop3: { loop: `${DISK} (deleted)` },
        loop4: { loop: DISK },
      },
      mounts: [{ target: '/mnt', source: '/dev/loop0', device: 'loop0' }],
    };
    const numbers = new Map([['8:3 17', DISK]]);
    const loops = { '/dev/loop0': '8:3 17', '/dev/loop1': '8:1 18', '/dev/loop2': '0:45 17', '/dev/loop3': '8:3 16' };
    // The second shows a file of another file system, the third a file of a subvolume of btrfs, the last is not ours to ask.
    expect(await standing(machine, { numbers }, loops)).toEqual([
      'mount /mnt',
      ...['loop /dev/loop4', 'loop /dev/loop3', 'loop /dev/loop2', 'loop /dev/loop0'],
    ]);
  });
});

describe('who uses it', () => {
  it('processes with something open there, by pid', async () => {
    fakeHost(root, {
      devices: {},
      processes: {
        12: { name: 'bash', open: ['/dev/pts/0', '/mnt/etc'] },
        9: { name: 'qemu', open: [`${DISK} (deleted)`] },
        13: { name: 'vim', open: ['/mnt2/x'] },
      },
    });
    expect(await usersOf({ paths: ['/mnt', DISK], numbers: [] }, hostFiles(root))).toEqual([
      { pid: 9, name: 'qemu', has: `has open ${DISK}` },
      { pid: 12, name: 'bash', has: 'has open /mnt/etc' },
    ]);
  });

  it('on this machine: this process', async () => {
    const users = await usersOf({ paths: [process.cwd()], numbers: [] }, hostFiles());
    expect(users.find(({ pid }) => pid === process.pid)?.has).toBe(`works in ${process.cwd()}`);
  });
});
