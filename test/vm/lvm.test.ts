import { beforeAll, describe, expect, test } from 'vitest';
import { printedLvmId } from '../../src/blockdev/lvm-metadata.ts';
import { readVolumeGroup } from '../../src/blockdev/lvm-text.ts';
import { GIB, MIB } from '../../src/blockdev/sizes.ts';
import { disk, lv, pv, table, tree, vg } from '../support/device-nodes.ts';
import { DiskFiles } from './support/disk-files.ts';
import { useMachine } from './support/machine.ts';

const judge = useMachine();

/** Two groups; one of them on two disks, with a volume over both. */
const DEVICES = tree({
  disks: [disk('one', GIB), disk('two', 217 * MIB)],
  tables: [table('one', { boot: 10 * MIB, main: 300 * MIB, other: '100%' })],
  pvs: [pv('p1', 'main'), pv('p2', 'two'), pv('p3', 'other')],
  vgs: [vg('my-vg', ['p1', 'p2']), vg('data', ['p3'], { extentSize: 8 * MIB })],
  lvs: [
    lv('ro-ot', 'my-vg', 250 * MIB),
    lv('span', 'my-vg', '60%FREE'),
    lv('a.b+c_d', 'my-vg', 90 * MIB),
    lv('srv', 'data', 100 * MIB),
    lv('rest', 'data', '100%FREE'),
  ],
});

/** Everything that pvck tells; a fault that it finds stands in a line with CHECK or WARNING. */
async function check(device: string): Promise<string> {
  const texts = [
    await judge.runAll('pvck', '--dump', 'headers', device),
    await judge.runAll('pvck', '--dump', 'metadata_all', '--verbose', device),
  ];
  return texts.join('\n');
}

const content = (name: string): string => `This is ${name}.\n`;

describe('volume groups that dib wrote', () => {
  let files: DiskFiles;
  const loops: Record<string, string> = {};

  beforeAll(async () => {
    files = new DiskFiles(judge.directory, DEVICES);
    for (const { name } of DEVICES.lvs) files.fill(name, content(name));
    for (const { name } of DEVICES.disks) loops[name] = await judge.loop(files.file(name));
  });

  const device = (base: string): string =>
    base === 'main' ? `${loops['one']}p2` : base === 'other' ? `${loops['one']}p3` : (loops[base] ?? '');

  test('pvck and vgck find nothing wrong', async () => {
    for (const { base } of DEVICES.pvs) expect(await check(device(base))).not.toMatch(/CHECK|WARNING|[Ff]ail|[Ii]nvalid/);
    for (const { name } of DEVICES.vgs)
      expect(await judge.runAll('vgck', '--verbose', name)).not.toMatch(/WARNING|[Ii]nconsisten/);
  });

  test('what LVM reports is the plan', async () => {
    const groups = await judge.report('vgs', 'vg_name,vg_uuid,vg_extent_size,vg_free_count,pv_count,lv_count,vg_seqno');
    expect(groups.toSorted((a, b) => (String(a['vg_name']) < String(b['vg_name']) ? 1 : -1))).toEqual(
      files.stack.groups.map(({ group, extentSize, free, pvs, lvs }) => ({
        vg_name: group,
        vg_uuid: printedLvmId(DEVICES.vgs.find(({ name }) => name === group)?.id ?? ''),
        vg_extent_size: String(extentSize),
        vg_free_count: String(free),
        pv_count: String(pvs.length),
        lv_count: String(lvs.length),
        vg_seqno: '1',
      })),
    );
    const physical = await judge.report('pvs', 'pv_name,pv_uuid,dev_size,pe_start,pv_pe_count,vg_name');
    expect(new Set(physical)).toEqual(
      new Set(
        files.stack.groups.flatMap(({ group, pvs }) =>
          pvs.map(({ name, size, start, extents }) => {
            const node = DEVICES.pvs.find((candidate) => candidate.name === name);
            return {
              pv_name: device(node?.base ?? ''),
              pv_uuid: printedLvmId(node?.id ?? ''),
              dev_size: String(size),
              pe_start: String(start),
              pv_pe_count: String(extents),
              vg_name: group,
            };
          }),
        ),
      ),
    );
    const volumes = await judge.report('lvs', 'vg_name,lv_name,lv_uuid,lv_size,lv_time,lv_host,lv_dm_path');
    expect(new Set(volumes)).toEqual(
      new Set(
        files.stack.groups.flatMap(({ group, lvs }) =>
          lvs.map(({ name, size }) => ({
            vg_name: group,
            lv_name: name,
            lv_uuid: printedLvmId(DEVICES.lvs.find((candidate) => candidate.name === name)?.id ?? ''),
            lv_size: String(size),
            lv_time: '2023-11-14 22:13:20 +0000',
            lv_host: 'dib',
            lv_dm_path: `/dev/mapper/${group.replaceAll('-', '--')}-${name.replaceAll('-', '--')}`,
          })),
        ),
      ),
    );
    const segments = await judge.report('lvs', 'lv_name,seg_pe_ranges,segtype', '--segments');
    expect(new Set(segments)).toEqual(
      new Set(
        files.stack.groups.flatMap(({ lvs }) =>
          lvs.flatMap((volume) =>
            volume.segments.map(({ pv: name, start, count }) => ({
              lv_name: volume.name,
              seg_pe_ranges: `${device(DEVICES.pvs.find((candidate) => candidate.name === name)?.base ?? '')}:${start}-${start + count - 1}`,
              segtype: 'linear',
            })),
          ),
        ),
      ),
    );
    expect(files.stack.groups[0]?.lvs.map(({ segments: { length } }) => length)).toEqual([1, 1, 2]);
  });

  test('volumes are active and hold what was put into their extents', async () => {
    for (const { name } of DEVICES.vgs) await judge.run('vgchange', '--activate', 'y', name);
    for (const { name, base } of DEVICES.lvs) {
      expect(await judge.run('blockdev', '--getsize64', `/dev/${base}/${name}`)).toBe(String(files.size(name)));
      await expectContent(`/dev/${base}/${name}`, content(name));
    }
  });

  test('LVM goes on from there: lvcreate, lvextend, vgrename', async () => {
    await judge.run('lvcreate', '--yes', '--size', '8M', '--name', 'later', 'my-vg');
    await judge.run('lvextend', '--size', '+8M', 'my-vg/ro-ot');
    await judge.run('e2fsck', '-f', '-y', '/dev/my-vg/ro-ot');
    await judge.run('resize2fs', '/dev/my-vg/ro-ot');
    await judge.run('vgchange', '--activate', 'n', 'my-vg');
    await judge.run('vgrename', 'my-vg', 'new-name');
    await judge.run('vgchange', '--activate', 'y', 'new-name');
    const volumes = await judge.report('lvs', 'lv_name,lv_size', 'new-name');
    expect(Object.fromEntries(volumes.map((row) => [row['lv_name'], Number(row['lv_size']) / MIB]))).toMatchObject({
      'ro-ot': 248 + 8,
      later: 8,
    });
    for (const base of ['main', 'two']) expect(await check(device(base))).not.toMatch(/CHECK|WARNING|[Ff]ail|[Ii]nvalid/);
    expect(await judge.runAll('vgck', 'new-name')).toBe('');
    await judge.run('sync');
    for (const base of ['main', 'two']) {
      const read = await readVolumeGroup(async (offset, length) => files.read(base, offset, length));
      expect(read).toMatchObject({ name: 'new-name', id: printedLvmId(DEVICES.vgs[0]?.id ?? ''), seqno: 4 });
      expect(read?.lvs.map(({ name }) => name)).toEqual(['ro-ot', 'span', 'a.b+c_d', 'later']);
    }
    for (const name of ['ro-ot', 'span', 'a.b+c_d']) await expectContent(`/dev/new-name/${name}`, content(name));
  });
});

/** e2fsck finds nothing to do, and the file in the file system is the one that was put there. */
async function expectContent(device: string, text: string): Promise<void> {
  await judge.run('e2fsck', '-f', '-n', device);
  await judge.run('mkdir', '-p', '/run/content');
  await judge.run('mount', device, '/run/content');
  expect(await judge.run('cat', '/run/content/content')).toBe(text.trimEnd());
  await judge.run('umount', '/run/content');
}
