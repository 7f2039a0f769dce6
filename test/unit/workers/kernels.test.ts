import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { KernelNeed } from '../../../src/plan/kernels.ts';
import { probeBackends } from '../../../src/vm/open.ts';
import { readHostKernel, readKernels, readModules } from '../../../src/workers/kernels.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'dib-kernels-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function write(path: string, text = ''): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

const LOOP: KernelNeed = { need: 'loop', why: '' };
const driver = (name: string): KernelNeed => ({ need: 'kernel', name, why: '' });
const filesystem = (name: string): KernelNeed => ({ need: 'filesystem', name, why: '' });

const MODULES = 'lib/modules/6.1.0-37-amd64';

function writeModules(): void {
  write(
    `${MODULES}/modules.dep`,
    [
      'kernel/drivers/md/raid1.ko: kernel/drivers/md/md-mod.ko',
      'kernel/drivers/md/dm-thin-pool.ko.xz: kernel/drivers/md/dm-bufio.ko.xz',
      'kernel/fs/xfs/xfs.ko.zst:',
      '',
    ].join('\n'),
  );
  write(`${MODULES}/modules.builtin`, 'kernel/drivers/block/loop.ko\nkernel/fs/ext4/ext4.ko\n');
}

describe('a kernel by its modules', () => {
  it('has what can be loaded and what is built in, compressed or not, with either dash', async () => {
    writeModules();
    const kernel = await readModules(join(root, MODULES));
    for (const need of [
      LOOP,
      driver('raid1'),
      driver('dm_thin_pool'),
      driver('dm-thin-pool'),
      filesystem('xfs'),
      filesystem('ext4'),
    ])
      expect(kernel.has(need), JSON.stringify(need)).toBe(true);
    for (const need of [driver('raid10'), filesystem('btrfs'), driver('dm_bufio')])
      expect(kernel.has(need), JSON.stringify(need)).toBe(false);
  });

  it('has nothing where there are none', async () => {
    expect((await readModules(join(root, 'nowhere'))).has(LOOP)).toBe(false);
  });
});

describe('the kernel of this machine', () => {
  const host = () => readHostKernel(root, '6.1.0-37-amd64');

  it('has what its modules say', async () => {
    writeModules();
    const kernel = await host();
    expect([LOOP, driver('raid1'), filesystem('btrfs')].map((need) => kernel.has(need))).toEqual([true, true, false]);
  });

  it('is known by /proc, /sys and /dev where its modules are not installed, as in a container', async () => {
    write('proc/filesystems', 'nodev\tsysfs\n\text4\n\tbtrfs\nnodev\toverlay\n');
    write('proc/misc', '236 device-mapper\n237 loop-control\n');
    write('dev/loop-control');
    write('sys/module/dm_crypt/version', '1');
    const kernel = await host();
    for (const need of [
      LOOP,
      filesystem('ext4'),
      filesystem('btrfs'),
      filesystem('overlay'),
      driver('dm_mod'),
      driver('dm_crypt'),
    ])
      expect(kernel.has(need), JSON.stringify(need)).toBe(true);
    for (const need of [filesystem('xfs'), driver('dm_thin_pool'), driver('raid1')])
      expect(kernel.has(need), JSON.stringify(need)).toBe(false);
  });

  it('has nothing where nothing can be read', async () => {
    const kernel = await host();
    for (const need of [LOOP, filesystem('ext4'), driver('dm_mod')]) expect(kernel.has(need)).toBe(false);
  });
});

it('lists the machines, those that can be started here with their kernels, user-mode Linux first', async () => {
  const [{ host, machines }, backends] = await Promise.all([readKernels(), probeBackends()]);
  expect(machines.map(({ name, title }) => [name, title])).toEqual([
    ['uml', 'user-mode Linux'],
    ['qemu', 'QEMU'],
  ]);
  for (const { name, capability, kernel } of machines) {
    expect(capability).toEqual(backends[name]);
    expect(kernel !== undefined).toBe(capability.ok);
  }
  // Linux has it everywhere.
  expect(host.has(filesystem('proc'))).toBe(true);
});
