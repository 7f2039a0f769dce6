import { execFileSync } from 'node:child_process';
import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Raid } from '../../src/blockdev/devices.ts';
import { raidGeometry } from '../../src/blockdev/raid-layout.ts';
import { GIB, KIB, MIB } from '../../src/blockdev/sizes.ts';
import { disk, luks, lv, pv, tree, vg } from '../support/device-nodes.ts';
import { stackOf } from './support/disk-files.ts';
import { useMachine } from './support/machine.ts';

const judge = useMachine();

function sparse(name: string, size: number): string {
  const file = join(judge.directory, name);
  writeFileSync(file, '');
  truncateSync(file, size);
  return file;
}

const bytesOf = async (device: string): Promise<number> => Number(await judge.run('blockdev', '--getsize64', device));

describe('arrays of mdadm have the size of the plan', () => {
  const small = [101 * MIB, 100 * MIB + 512 * 7, 130 * MIB, 100 * MIB];
  const table: [string, Pick<Raid, 'level' | 'metadata' | 'chunk'>, number[]][] = [];
  for (const metadata of ['1.2', '1.0'] as const) {
    for (const level of [0, 1, 5, 6, 10] as const)
      table.push([`level ${level}, ${metadata}`, { level, metadata, chunk: 512 }, small]);
  }
  table.push(['odd number of mirrors', { level: 10, metadata: '1.2', chunk: 64 }, small.slice(0, 3)]);
  table.push(['small chunks', { level: 0, metadata: '1.2', chunk: 4 }, small.slice(0, 3)]);
  table.push(['a large mirror', { level: 1, metadata: '1.2', chunk: 512 }, [300 * GIB, 300 * GIB + MIB]]);
  table.push(['a large mirror, 1.0', { level: 1, metadata: '1.0', chunk: 512 }, [300 * GIB, 300 * GIB + MIB]]);
  for (const size of [9 * GIB, 300 * GIB]) {
    table.push([`stripes of ${size / GIB} GiB, 1.0`, { level: 0, metadata: '1.0', chunk: 4 }, [size, size + 7 * 512]]);
  }
  table.push(['tiny', { level: 1, metadata: '1.2', chunk: 512 }, [2 * MIB, 3 * MIB]]);

  test.each(table)('%s', async (name, array, members) => {
    const devices: string[] = [];
    for (const [index, size] of members.entries()) devices.push(await judge.loop(sparse(`${name}-${index}`, size)));
    const { dataOffset, component, size } = raidGeometry(array, members);
    const chunk = array.level === 1 ? [] : ['--chunk', String(array.chunk)];
    const places = [
      ...(component === undefined ? [] : ['--size', `${component / KIB}`]),
      ...(dataOffset === 0 ? [] : ['--data-offset', `${dataOffset / KIB}`]),
    ];
    const argv = ['mdadm', '--create', '/dev/md/test', '--run', '--assume-clean', '--level', String(array.level)];
    argv.push('--metadata', array.metadata, ...chunk, ...places, '--raid-devices', String(members.length), ...devices);
    try {
      const said = await judge.runAll(...argv);
      expect(await bytesOf('/dev/md/test'), said).toBe(size);
      expect(await judge.run('mdadm', '--detail', '/dev/md/test')).toMatch(/State : (clean|active)/);
      // Stops and starts as the image will.
      await judge.run('mdadm', '--stop', '/dev/md/test');
      await judge.run('mdadm', '--assemble', '/dev/md/test', ...devices);
      expect(await bytesOf('/dev/md/test')).toBe(size);
    } finally {
      await judge.run('mdadm', '--stop', '/dev/md/test');
    }
    await judge.run('losetup', '--detach', ...devices);
  });
});

test('thin pools take what the plan says', async () => {
  const thin = { type: 'thin' as const, pool: 'pool' };
  for (const [size, bytes] of [
    ['500', 3 * GIB],
    ['100%FREE', 10 * GIB],
    ['50%VG', 600 * GIB],
  ] as const) {
    const devices = tree({
      disks: [disk('d', bytes)],
      pvs: [pv('p', 'd')],
      vgs: [vg('thin-vg', ['p'])],
      lvs: [lv('pool', 'thin-vg', size, { type: 'thin-pool' }), lv('root', 'thin-vg', GIB, thin)],
    });
    const [group] = stackOf(devices).groups;
    const pool = group?.lvs[0];
    const device = await judge.loop(sparse(`thin-${bytes}`, bytes));
    await judge.run('vgcreate', 'thin-vg', device);
    // All by itself: no size of metadata, no size of chunks.
    await judge.run('lvcreate', '--yes', '--type', 'thin-pool', '--extents', size, '--name', 'pool', 'thin-vg');
    await judge.run('lvcreate', '--yes', '--thin', '--virtualsize', '1G', '--name', 'root', 'thin-vg/pool');
    expect(await judge.run('vgs', '--noheadings', '--options', 'vg_free_count', 'thin-vg')).toMatch(
      new RegExp(`^ *${group?.free}$`),
    );
    const columns = 'lv_size,lv_metadata_size,chunk_size';
    const row = await judge.run('lvs', '--noheadings', '--units', 'b', '--nosuffix', '--options', columns, 'thin-vg/pool');
    const metadata = (pool?.metadata?.extents ?? 0) * 4 * MIB;
    expect(row.trim().split(/ +/).map(Number)).toEqual([pool?.size, metadata, pool?.metadata?.chunk]);
    expect(await bytesOf('/dev/thin-vg/root')).toBe(GIB);
    await judge.run('vgremove', '--force', '--yes', 'thin-vg');
    await judge.run('losetup', '--detach', device);
  }
});

test('a LUKS2 container gives what is behind its header', async () => {
  const size = 100 * MIB + 512 * 3;
  const file = sparse('container', size);
  const key = join(judge.directory, 'key');
  writeFileSync(key, 'secret');
  const format = ['luksFormat', '--type', 'luks2', '--batch-mode', '--pbkdf', 'pbkdf2', '--pbkdf-force-iterations', '1000'];
  execFileSync('/usr/sbin/cryptsetup', [...format, '--sector-size', '512', '--key-file', key, file]);
  const device = await judge.loop(file);
  await judge.run('cryptsetup', 'open', '--key-file', key, device, 'opened');
  const stack = stackOf(tree({ disks: [disk('d', size)], luks: [luks('opened', 'd')] }));
  expect(await bytesOf('/dev/mapper/opened')).toBe(stack.devices.at(-1)?.size);
  await judge.run('cryptsetup', 'close', 'opened');
});
