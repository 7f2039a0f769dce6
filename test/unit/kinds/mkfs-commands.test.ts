import { describe, expect, it } from 'vitest';
import { offlineCapable } from '../../../src/blockdev/offline.ts';
import type { MkfsInputs } from '../../../src/kinds/disk-inputs.ts';
import { UNKNOWN } from '../../../src/kinds/kind.ts';
import { mkfsCommand, mkfsRequirements } from '../../../src/kinds/mkfs-commands.ts';

const UUID = '11111111-2222-5333-8444-555555555555';
const MIB = 1024 ** 2;

function inputs(more: Partial<MkfsInputs>): MkfsInputs {
  const base = {
    device: 'partition.root',
    offset: 9 * MIB,
    length: 100 * MIB,
    sectorSize: 512,
    type: 'ext4',
    label: 'root',
    uuid: UUID,
  };
  return { ...base, opts: [], realisation: 'offline', epoch: 1_700_000_000, ...more } as MkfsInputs;
}

describe('mkfsCommand', () => {
  it('fills ext4 at its place in the disk file', () => {
    const command = mkfsCommand(inputs({ opts: ['-i', '4096'] }), { file: '/w/image0.raw', offset: 9 * MIB }, '/tree');
    expect(command.argv.join(' ')).toBe(
      `mkfs.ext4 -q -F -i 4096 -L root -U ${UUID} -E root_owner=0:0,hash_seed=${UUID},lazy_itable_init=0,lazy_journal_init=0,offset=9437184 -d /tree /w/image0.raw 102400k`,
    );
    expect(command.env).toEqual({
      E2FSPROGS_FAKE_TIME: '1700000000',
      SOURCE_DATE_EPOCH: '1700000000',
      MKE2FS_DEVICE_SECTSIZE: '512',
    });
  });

  it("joins the user's extended options with its own", () => {
    const command = mkfsCommand(inputs({ opts: ['-E', 'stride=8', '-b', '4096', '-Enodiscard'] }), { device: '/dev/loop0' });
    expect(command.argv.join(' ')).toBe(
      `mkfs.ext4 -q -F -b 4096 -L root -U ${UUID} -E stride=8,nodiscard,root_owner=0:0,hash_seed=${UUID},lazy_itable_init=0,lazy_journal_init=0 /dev/loop0`,
    );
  });

  it('shows what is not known yet', () => {
    const unknown = inputs({ offset: UNKNOWN, length: UNKNOWN });
    const command = mkfsCommand(unknown, { file: '<work>/image0.raw', offset: UNKNOWN }, '<tree>');
    expect(command.argv).toContain('<size>k');
    expect(command.argv.join(' ')).toContain('offset=<offset>');
  });

  it.each([
    ['swap', 'swap', 'mkswap --pagesize 4096 --label L --uuid 1111-2222 /dev/loop0'],
    ['xfs', 'root', 'mkfs.xfs -f -q -L L -m uuid=1111-2222 /dev/loop0'],
    ['btrfs', 'root', 'mkfs.btrfs --force --quiet --label L --uuid 1111-2222 /dev/loop0'],
    ['vfat', 'ESP', 'mkfs.vfat --invariant --mbr=n -I -i 11112222 -n L /dev/loop0'],
  ] as const)('makes %s with its identifiers', (type, _, text) => {
    expect(mkfsCommand(inputs({ type, label: 'L', uuid: '1111-2222' }), { device: '/dev/loop0' }).argv.join(' ')).toBe(text);
  });
});

it('knows what can be filled offline', () => {
  for (const type of ['ext2', 'ext3', 'ext4', 'vfat', 'swap'] as const)
    expect(offlineCapable({ type, mounted: true }).ok).toBe(true);
  for (const type of ['xfs', 'btrfs'] as const) {
    expect(offlineCapable({ type, mounted: true })).toMatchObject({
      ok: false,
      reason: expect.stringContaining('must be mounted'),
    });
    expect(offlineCapable({ type, mounted: false })).toEqual({ ok: true, reason: 'it stays empty' });
  }
});

it('names the tools with their Debian packages', () => {
  const fill = { tree: 'layer.finalise', path: '/boot/efi', hide: [] };
  const tools = mkfsRequirements(inputs({ type: 'vfat', fill })).map(
    (each) => each.need === 'tool' && `${each.name} (${each.package})`,
  );
  expect(tools).toEqual(['mkfs.vfat (dosfstools)', 'fallocate (util-linux)', 'mcopy (mtools)']);
  expect(mkfsRequirements(inputs({ type: 'xfs', realisation: 'attached' })).map(({ need }) => need)).toEqual(['tool']);
});
