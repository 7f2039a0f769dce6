import { describe, expect, it } from 'vitest';
import {
  keyPipeCommand,
  luksCloseCommand,
  luksFormatCommand,
  luksFormatFileCommand,
  luksOpenCommand,
} from '../../../src/kinds/cryptsetup-commands.ts';
import { parseMappings, volumeMapping } from '../../../src/kinds/device-mapper.ts';
import type { LuksHeader, LvsInputs, PvsInputs, RaidInputs, VgsInputs } from '../../../src/kinds/disk-inputs.ts';
import { UNKNOWN } from '../../../src/kinds/kind.ts';
import {
  activateCommand,
  createGroupCommand,
  createLogicalVolumeCommand,
  createVolumeCommand,
  deactivateGroupCommand,
  listGroupsCommand,
  listVolumesCommand,
  parseGroups,
  parseVolumes,
  removeGroupCommand,
  removeVolumesCommand,
  renameGroupCommand,
} from '../../../src/kinds/lvm-commands.ts';
import {
  assembleArrayCommand,
  createArrayCommand,
  describeArrayCommand,
  describedUuid,
  parseMdstat,
  stopArrayCommand,
  uuidDigits,
} from '../../../src/kinds/mdadm-commands.ts';

const MIB = 1024 * 1024;
const words = (text: string): string[] => text.trim().split(/\s+/);

describe('mdadm', () => {
  const raid: RaidInputs = {
    name: 'data',
    members: ['partition.a', 'partition.b'],
    level: 1,
    metadata: '1.2',
    chunk: 512,
    uuid: '01234567-89ab-cdef-0123-456789abcdef',
    componentSize: 100 * MIB,
    dataOffset: 2 * MIB,
    size: 100 * MIB,
    sectorSize: 512,
    zeroed: true,
    options: [],
  };
  const argv = (more: Partial<RaidInputs>) =>
    createArrayCommand({ ...raid, ...more } as RaidInputs, '/dev/md/x', ['/dev/a', '/dev/b']).argv;
  const head = 'mdadm --create /dev/md/x --run --homehost=any --name=data';
  const uuid = '--uuid=01234567-89ab-cdef-0123-456789abcdef';

  it('makes a mirror in the planned size, in step from the start', () => {
    expect(argv({})).toEqual(
      words(`${head} --metadata=1.2 ${uuid} --level=1 --raid-devices=2
        --data-offset=2048K --size=102400K --assume-clean --bitmap=internal /dev/a /dev/b`),
    );
  });

  it('lets the kernel synchronise members whose content nobody knows', () => {
    expect(argv({ zeroed: false })).not.toContain('--assume-clean');
  });

  it('gives chunks to all levels but 1, and the size to all but 0', () => {
    expect(argv({ level: 5, chunk: 64 })).toEqual(
      words(`${head} --metadata=1.2 ${uuid} --level=5 --raid-devices=2 --chunk=64K
        --data-offset=2048K --size=102400K --assume-clean --bitmap=internal /dev/a /dev/b`),
    );
    expect(argv({ level: 0, componentSize: undefined })).toEqual(
      words(`${head} --metadata=1.2 ${uuid} --level=0 --raid-devices=2 --chunk=512K --data-offset=2048K /dev/a /dev/b`),
    );
  });

  it('knows no data offset of metadata at the end', () => {
    expect(argv({ metadata: '1.0', dataOffset: 0 })).toEqual(
      words(`${head} --metadata=1.0 ${uuid} --level=1 --raid-devices=2
        --size=102400K --assume-clean --bitmap=internal /dev/a /dev/b`),
    );
  });

  it.each([['--bitmap=none'], ['--consistency-policy=resync'], ['-b']])(
    'leaves the bitmap to the user who gives %s',
    (option) => {
      const given = argv({ options: [option, 'more'] });
      expect(given).not.toContain('--bitmap=internal');
      expect(given.slice(-4)).toEqual([option, 'more', '/dev/a', '/dev/b']);
    },
  );

  it('shows what is not known yet', () => {
    expect(argv({ componentSize: UNKNOWN, dataOffset: UNKNOWN })).toEqual(
      expect.arrayContaining(['--data-offset=<data offset>K', '--size=<size>K']),
    );
  });

  it('assembles exactly the given devices, never what a scan finds', () => {
    expect(assembleArrayCommand(raid.uuid, '/dev/md/x', ['/dev/a', '/dev/b']).argv).toEqual(
      words(`mdadm --assemble --config=none ${uuid} /dev/md/x /dev/a /dev/b`),
    );
    expect(assembleArrayCommand(raid.uuid, '/dev/md/x', ['/dev/a'], true).argv).toContain('--readonly');
    expect(stopArrayCommand('/dev/md127').argv).toEqual(['mdadm', '--stop', '/dev/md127']);
    expect(describeArrayCommand('/dev/md127').argv).toEqual(['mdadm', '--detail', '--export', '/dev/md127']);
  });

  it('reads who an array is, and /proc/mdstat', () => {
    expect(describedUuid('MD_LEVEL=raid1\nMD_UUID=01234567:89abcdef:01234567:89ABCDEF\nMD_NAME=any:x\n')).toBe(
      uuidDigits(raid.uuid),
    );
    expect(describedUuid('mdadm: cannot open\n')).toBeUndefined();
    const text = [
      'Personalities : [raid1] [raid6] [raid5] [raid4]',
      'md126 : active (auto-read-only) raid5 loop2[2] dm-1[1] loop0[0](F)',
      '      409600 blocks super 1.2 level 5, 64k chunk, algorithm 2 [3/3] [UUU]',
      '      bitmap: 1/1 pages [4KB], 65536KB chunk',
      '',
      'md_data : inactive sda1[0](S)',
      'unused devices: <none>',
      '',
    ].join('\n');
    expect(parseMdstat(text)).toEqual([
      { device: '/dev/md126', members: ['loop2', 'dm-1', 'loop0'] },
      { device: '/dev/md_data', members: ['sda1'] },
    ]);
    expect(parseMdstat('')).toEqual([]);
  });
});

describe('cryptsetup', () => {
  const header: LuksHeader = {
    uuid: '01234567-89ab-cdef-0123-456789abcdef',
    label: 'crypt',
    cipher: 'aes-xts-plain64',
    keySize: 512,
    pbkdf: 'argon2id',
    iterTime: 2000,
    pbkdfMemory: 65_536,
    sectorSize: 512,
  };
  const identity = `--type luks2 --uuid ${header.uuid} --label crypt --cipher aes-xts-plain64 --key-size 512 --sector-size 512`;
  const derivation = '--pbkdf argon2id --iter-time 2000 --pbkdf-memory 65536';

  it('makes a container whose content begins at 16 MiB', () => {
    expect(luksFormatCommand(header, '/dev/a').argv).toEqual(
      words(`cryptsetup luksFormat ${identity} ${derivation} --offset 32768 --batch-mode --key-file - /dev/a`),
    );
  });

  it('makes one in a file, with a volume key that comes from a pipe', () => {
    expect(keyPipeCommand('/scratch/pipe').argv).toEqual(words('mkfifo --mode=600 /scratch/pipe'));
    expect(luksFormatFileCommand(header, '/scratch/x', '/scratch/pipe').argv).toEqual(
      words(`cryptsetup luksFormat ${identity} ${derivation} --offset 32768 --volume-key-file /scratch/pipe --disable-locks
        --disable-keyring --batch-mode --key-file - /scratch/x`),
    );
  });

  it('gives no memory to a key derivation that takes none, and no empty label', () => {
    const { argv } = luksFormatCommand({ ...header, pbkdf: 'pbkdf2', label: '' }, '/dev/a');
    expect(argv.join(' ')).toContain('--pbkdf pbkdf2 --iter-time 2000 --offset');
    expect(argv).not.toContain('--label');
  });

  it('opens and closes; the key is no argument', () => {
    expect(luksOpenCommand('/dev/a', 'dib-x').argv).toEqual(
      words('cryptsetup open --type luks2 --disable-keyring --batch-mode --key-file - /dev/a dib-x'),
    );
    expect(luksOpenCommand('/dev/a', 'dib-x', true).argv).toContain('--readonly');
    expect(luksCloseCommand('dib-x').argv).toEqual(['cryptsetup', 'close', 'dib-x']);
  });
});

describe('LVM', () => {
  const config = [
    'backup{backup=0 archive=0}',
    'devices{use_devicesfile=0 scan_lvs=1}',
    'global{event_activation=0 use_lvmpolld=0}',
    'activation{monitoring=0}',
  ].join(' ');
  const on = (program: string, devices: string, text: string): string[] => [
    ...[program, '--devices', devices, '--config', config],
    ...words(text),
  ];
  const id = 'abcdef0123456789ABCDEF0123456789';
  const printed = 'abcdef-0123-4567-89AB-CDEF-0123-456789';
  const place = { group: 'dib-x', devices: ['/dev/a', '/dev/b'] };
  const volume: LvsInputs = {
    group: 'vgs.sys',
    volume: 'ro-ot',
    id,
    type: 'linear',
    extents: 16,
    size: 64 * MIB,
    sectorSize: 512,
    options: [],
    realisation: 'attached',
  };
  const geometry = { metadata: 4 * MIB, chunk: 65_536 };

  it('reads no configuration of the machine', () => {
    expect(listGroupsCommand(['/dev/a']).env).toEqual({ LVM_SYSTEM_DIR: '', LVM_SUPPRESS_FD_WARNINGS: '1' });
  });

  it('makes physical volumes under their id, and takes the options of the user for its own', () => {
    const pv: PvsInputs = { device: 'partition.a', id, options: [], realisation: 'attached' };
    expect(createVolumeCommand(pv, '/dev/a').argv).toEqual(
      on('pvcreate', '/dev/a', `--yes -ff --uuid ${printed} --norestorefile --dataalignment 1m /dev/a`),
    );
    expect(createVolumeCommand({ ...pv, options: ['--dataalignment=4m', '--metadatacopies', '2'] }, '/dev/a').argv).toEqual(
      on('pvcreate', '/dev/a', `--yes -ff --uuid ${printed} --norestorefile --dataalignment=4m --metadatacopies 2 /dev/a`),
    );
  });

  it('makes a group that sees its own devices alone', () => {
    const group = { name: 'sys', extentSize: 4 * MIB, options: ['--maxlogicalvolumes', '8'] } as unknown as VgsInputs;
    expect(createGroupCommand(group, 'dib-x', place.devices).argv).toEqual(
      on('vgcreate', '/dev/a,/dev/b', '--yes --physicalextentsize 4194304b --maxlogicalvolumes 8 dib-x /dev/a /dev/b'),
    );
  });

  it('makes linear volumes, inactive and as they are', () => {
    expect(createLogicalVolumeCommand({ ...volume, options: ['--contiguous', 'y'] }, place, geometry).argv).toEqual(
      on(
        'lvcreate',
        '/dev/a,/dev/b',
        '--yes --activate n --name ro-ot --zero n --wipesignatures n --size 67108864b --contiguous y dib-x',
      ),
    );
  });

  it('makes pools with the planned metadata and spare, unless the user says otherwise', () => {
    const pool: LvsInputs = { ...volume, volume: 'pool', type: 'thin-pool' };
    expect(createLogicalVolumeCommand(pool, place, geometry).argv).toEqual(
      on(
        'lvcreate',
        '/dev/a,/dev/b',
        `--yes --activate n --name pool --type thin-pool --size 67108864b
         --poolmetadatasize 4194304b --poolmetadataspare y --chunksize 65536b dib-x`,
      ),
    );
    const { argv } = createLogicalVolumeCommand({ ...pool, options: ['--chunksize', '128k'] }, place, geometry);
    expect(argv.filter((word) => word === '--chunksize')).toHaveLength(1);
    const shown = createLogicalVolumeCommand({ ...pool, size: UNKNOWN }, place, { metadata: '', chunk: '' }).argv;
    expect(shown).toEqual(expect.arrayContaining(['<size>b', '<size of metadata>b', '<size of a chunk>b']));
  });

  it('makes thin volumes of a virtual size in their pool', () => {
    expect(createLogicalVolumeCommand({ ...volume, type: 'thin', pool: 'lvs.po-ol' }, place, geometry).argv).toEqual(
      on(
        'lvcreate',
        '/dev/a,/dev/b',
        '--yes --activate n --name ro-ot --wipesignatures n --type thin --virtualsize 67108864b --thinpool po-ol dib-x',
      ),
    );
  });

  it('never changes a group without its name or UUID', () => {
    expect(activateCommand(place, 'ro-ot', 'y').argv).toEqual(on('lvchange', '/dev/a,/dev/b', '--activate y dib-x/ro-ot'));
    expect(deactivateGroupCommand(place).argv).toEqual(on('vgchange', '/dev/a,/dev/b', '--activate n dib-x'));
    const rename = on('vgrename', '/dev/a', `${printed} sys`);
    rename[4] = config.replace('scan_lvs=1', 'scan_lvs=1 dir="/run/dib/no-links"');
    expect(renameGroupCommand(['/dev/a'], id, 'sys').argv).toEqual(rename);
    expect(removeVolumesCommand(place, ['a', 'b']).argv).toEqual(
      on('lvremove', '/dev/a,/dev/b', '--yes --force dib-x/a dib-x/b'),
    );
    expect(removeGroupCommand(['/dev/a'], id).argv).toEqual(
      on('vgremove', '/dev/a', `--yes --force --force --select vg_uuid=${printed}`),
    );
    expect(listVolumesCommand(place).argv).toEqual(
      on('lvs', '/dev/a,/dev/b', '--reportformat json --options lv_name,lv_uuid dib-x'),
    );
  });

  it('reads its reports', () => {
    const report = (table: string, ...rows: object[]) => JSON.stringify({ report: [{ [table]: rows }] });
    expect(parseGroups(report('vg', { vg_name: 'sys', vg_uuid: printed }))).toEqual([{ name: 'sys', id }]);
    expect(parseVolumes(report('lv', { lv_name: 'root', lv_uuid: printed }))).toEqual([{ name: 'root', id }]);
    expect(parseGroups('\n')).toEqual([]);
  });

  it('names mappings as LVM does, and reads what dmsetup lists', () => {
    expect(volumeMapping('sys-tem', 'ro--ot')).toBe('sys--tem-ro----ot');
    expect(parseMappings('sys-root/LVM-abc\n dib-x/CRYPT-LUKS2-0123-dib-x\nplain/\n')).toEqual([
      { name: 'sys-root', uuid: 'LVM-abc' },
      { name: 'dib-x', uuid: 'CRYPT-LUKS2-0123-dib-x' },
      { name: 'plain', uuid: '' },
    ]);
    expect(parseMappings('No devices found\n')).toEqual([]);
  });
});
