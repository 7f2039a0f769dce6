/** Name, tree, `line code` of every finding, and a piece of the first one's texts. */
export type WrongTree = readonly [name: string, tree: string, expected: readonly string[], message: string];

const ROOT = 'mkfs: {type: ext4, mount: {mount_point: /}}';
/** Line 1 is a disk with the root file system, lines 2 to 4 are empty disks a, b and c; what is given begins at line 5. */
const beside = (text: string): string =>
  `- local_loop: {name: d, size: 4GiB, ${ROOT}}\n${['a', 'b', 'c'].map((name) => `- local_loop: {name: ${name}, size: 1GiB}\n`).join('')}${text}`;
/** A group on disk a, in line 5; the volumes are lines 6 and on. */
const volumes = (...lvs: readonly string[]): string =>
  beside(
    `- lvm: {pvs: [{name: pv, base: a}], vgs: [{name: vg, base: [pv]}], lvs: [\n${lvs.map((lv) => `    ${lv}`).join(',\n')}]}\n`,
  );
const container = (keys: string): string => beside(`- luks: {base: a, ${keys}}\n`);
const array = (keys: string): string => beside(`- raid: {name: md0, ${keys}}\n`);

const LVM: readonly WrongTree[] = [
  [
    'lvm without lists',
    beside('- lvm: {name: lvm, base: a}\n'),
    ['5 DIB_BLOCKDEV_EMPTY'],
    'has neither `pvs` nor `vgs` nor `lvs`',
  ],
  [
    'a list that is none',
    beside('- lvm: {vgs: {name: vg}}\n'),
    ['5 DIB_BLOCKDEV_WRONG_TYPE'],
    '`vgs` of this lvm must be a list',
  ],
  ['a group that is a string', beside('- lvm: {vgs: [vg]}\n'), ['5 DIB_BLOCKDEV_NOT_A_MAP'], '{name: vg, base: [pv]}'],
  ['misspelt key of an lvm', beside('- lvm: {pvs: [{name: pv, base: a}], vg: []}\n'), ['5 DIB_BLOCKDEV_UNKNOWN_KEY'], 'vgs'],
  [
    'unknown base of an lvm',
    beside('- lvm: {base: [aa], pvs: [{name: pv, base: a}]}\n'),
    ['5 DIB_BLOCKDEV_UNKNOWN_BASE'],
    'there is no `aa`',
  ],
  [
    'group without name',
    beside('- lvm: {pvs: [{name: pv, base: a}], vgs: [{base: [pv]}]}\n'),
    ['5 DIB_BLOCKDEV_MISSING_KEY'],
    'volume group has no `name`',
  ],
  [
    'physical volume without base',
    beside('- lvm: {pvs: [{name: pv}], vgs: [{name: vg, base: [pv]}]}\n'),
    ['5 DIB_BLOCKDEV_MISSING_KEY'],
    'the physical volume `pv` has no `base`',
  ],
  [
    'physical volume on a table',
    `- local_loop: {name: d, size: 1GiB}\n- partitioning: {name: t, base: d, label: gpt, partitions: [{name: r, size: 100%, ${ROOT}}]}\n- lvm: {pvs: [{name: pv, base: t}], vgs: [{name: vg, base: pv}]}\n`,
    ['3 DIB_BLOCKDEV_BASE_KIND'],
    'name one of its partitions',
  ],
  [
    'group of no physical volumes',
    beside('- lvm: {vgs: [{name: vg}], lvs: [{name: l, base: vg, size: 1GiB}]}\n'),
    ['5 DIB_BLOCKDEV_NO_MEMBERS'],
    'lvm_pv: {vg: vg}',
  ],
  [
    'group with an empty base',
    beside('- lvm: {vgs: [{name: vg, base: []}]}\n'),
    ['5 DIB_BLOCKDEV_NO_MEMBERS'],
    'has no physical volume',
  ],
  [
    'group of a device',
    beside('- lvm: {vgs: [{name: vg, base: [a]}]}\n'),
    ['5 DIB_BLOCKDEV_BASE_KIND'],
    'pvs: [{name: pv_a, base: a}]',
  ],
  [
    'group of an unknown physical volume',
    beside('- lvm: {pvs: [{name: pv1, base: a}], vgs: [{name: vg, base: [pv2]}]}\n'),
    ['5 DIB_BLOCKDEV_UNKNOWN_BASE'],
    'Did you mean `pv1`?',
  ],
  [
    'group whose base holds a number',
    beside('- lvm: {pvs: [{name: pv, base: a}], vgs: [{name: vg, base: [pv, 7]}]}\n'),
    ['5 DIB_BLOCKDEV_WRONG_TYPE'],
    'must hold names of nodes',
  ],
  [
    'same physical volume twice',
    beside('- lvm: {pvs: [{name: pv, base: a}], vgs: [{name: vg, base: [pv, pv]}]}\n'),
    ['5 DIB_BLOCKDEV_MEMBER_TWICE'],
    'is twice in the volume group `vg`',
  ],
  [
    'physical volume in two groups',
    beside('- lvm:\n    pvs: [{name: pv, base: a}]\n    vgs:\n      - {name: v, base: [pv]}\n      - {name: w, base: [pv]}\n'),
    ['9 DIB_BLOCKDEV_BASE_IN_USE'],
    'is in the volume group `v` and in the volume group `w`',
  ],
  [
    'stub in two groups',
    beside('- lvm_pv: {base: a, vg: v}\n- lvm: {vgs: [{name: v}, {name: w, base: [pv_a]}]}\n'),
    ['6 DIB_BLOCKDEV_BASE_IN_USE'],
    'belongs to one volume group',
  ],
  [
    'two physical volumes on one device',
    beside('- lvm: {pvs: [{name: p, base: a}, {name: q, base: a}], vgs: [{name: v, base: [p, q]}]}\n'),
    ['5 DIB_BLOCKDEV_BASE_IN_USE'],
    'both stand on the local_loop `a`',
  ],
  [
    'file system on a physical volume’s device',
    beside('- lvm_pv: {base: a, vg: v}\n- mkfs: {base: a, type: ext4}\n- lvm: {vgs: [{name: v}]}\n'),
    ['6 DIB_BLOCKDEV_BASE_IN_USE'],
    'the mkfs `mkfs_a` and the physical volume `pv_a`',
  ],
  [
    'stub of an unknown group',
    beside('- lvm_pv: {base: a, vg: dta}\n- lvm_pv: {base: b, vg: data}\n- lvm: {vgs: [{name: data}]}\n'),
    ['5 DIB_BLOCKDEV_UNKNOWN_BASE'],
    'Did you mean `data`?',
  ],
  [
    'stub where there is no group at all',
    beside('- lvm_pv: {base: a, vg: data}\n'),
    ['5 DIB_BLOCKDEV_UNKNOWN_BASE'],
    '- lvm: {vgs: [{name: data}]',
  ],
  [
    'stub of what is no group',
    beside('- lvm_pv: {base: a, vg: b}\n'),
    ['5 DIB_BLOCKDEV_BASE_KIND'],
    'the local_loop `b` is no volume group',
  ],
  ['stub without group', beside('- lvm_pv: {base: a}\n'), ['5 DIB_BLOCKDEV_MISSING_KEY'], 'has no `vg`'],
  [
    'group in two places',
    beside('- lvm_pv: {base: a, vg: v}\n- lvm: {vgs: [{name: v}]}\n- lvm: {vgs: [{name: v}]}\n'),
    ['7 DIB_BLOCKDEV_DUPLICATE_NAME', '7 DIB_BLOCKDEV_NO_MEMBERS'],
    'two nodes are named `v`',
  ],
  [
    'group named like something in /dev',
    beside('- lvm_pv: {base: a, vg: mapper}\n- lvm: {vgs: [{name: mapper}]}\n'),
    ['6 DIB_BLOCKDEV_LVM_NAME'],
    '/dev/mapper is something else',
  ],
  [
    'group name with @',
    beside('- lvm_pv: {base: a, vg: v@1}\n- lvm: {vgs: [{name: v@1}]}\n'),
    ['6 DIB_BLOCKDEV_LVM_NAME'],
    'characters that LVM does not take',
  ],
  [
    'group name that begins with -',
    beside("- lvm: {pvs: [{name: pv, base: a}], vgs: [{name: '-v', base: [pv]}]}\n"),
    ['5 DIB_BLOCKDEV_NAME'],
    'cannot be the name of a volume group',
  ],
  [
    'group name with a blank, which its volumes and members use',
    beside(
      "- lvm: {vgs: [{name: 'my vg'}], lvs: [{name: lv, base: 'my vg', extents: 100%FREE}]}\n- lvm_pv: {base: a, vg: 'my vg'}\n",
    ),
    ['5 DIB_BLOCKDEV_NAME'],
    '`my vg` cannot be the name of a volume group',
  ],
  [
    'misspelt group beside one whose name is refused',
    beside(
      "- lvm: {pvs: [{name: pv, base: a}], vgs: [{name: 'my vg', base: [pv]}], lvs: [{name: lv, base: 'my-vg', extents: 100%FREE}]}\n",
    ),
    ['5 DIB_BLOCKDEV_NAME', '5 DIB_BLOCKDEV_UNKNOWN_BASE'],
    '`my vg` cannot be the name of a volume group',
  ],
  [
    'extent size',
    beside('- lvm: {pvs: [{name: pv, base: a}], vgs: [{name: v, base: [pv], extent_size: 3MiB}]}\n'),
    ['5 DIB_BLOCKDEV_EXTENT_SIZE'],
    'not `3MiB`',
  ],
  [
    'extent size among the options',
    beside('- lvm: {pvs: [{name: pv, base: a}], vgs: [{name: v, base: [pv], options: --physicalextentsize 3m}]}\n'),
    ['5 DIB_BLOCKDEV_EXTENT_SIZE'],
    'power of two',
  ],
  [
    'options that are a number',
    beside('- lvm: {pvs: [{name: pv, base: a, options: 7}]}\n'),
    ['5 DIB_BLOCKDEV_WRONG_TYPE'],
    'a string or a list of strings',
  ],
  ['volume without group', volumes('{name: l, size: 1GiB}'), ['6 DIB_BLOCKDEV_MISSING_KEY'], 'there is: `vg`'],
  [
    'volume of an unknown group',
    volumes('{name: l, base: vgg, size: 1GiB}'),
    ['6 DIB_BLOCKDEV_UNKNOWN_BASE'],
    'Did you mean `vg`?',
  ],
  [
    'volume on a physical volume',
    volumes('{name: l, base: pv, size: 1GiB}'),
    ['6 DIB_BLOCKDEV_BASE_KIND'],
    'name a volume group',
  ],
  ['volume without size', volumes('{name: l, base: vg}'), ['6 DIB_BLOCKDEV_MISSING_KEY'], 'extents: 100%FREE'],
  [
    'volume with both sizes',
    volumes('{name: l, base: vg, size: 1GiB, extents: 7}'),
    ['6 DIB_BLOCKDEV_VOLUME_SIZE'],
    'both `size` and `extents`',
  ],
  ['share as a size', volumes('{name: l, base: vg, size: 100%}'), ['6 DIB_BLOCKDEV_VOLUME_SIZE'], 'extents: 100%FREE'],
  [
    'volume of automatic size',
    volumes('{name: l, base: vg, size: auto}'),
    ['6 DIB_BLOCKDEV_AUTO_WITHOUT_CONTENT'],
    'cannot be `auto`',
  ],
  ['volume of no size', volumes('{name: l, base: vg, size: 0MiB}'), ['6 DIB_BLOCKDEV_SIZE_RANGE'], 'no space at all'],
  ['size without unit', volumes('{name: l, base: vg, size: 1073741824}'), ['6 DIB_BLOCKDEV_SIZE_NOT_STRING'], 'write `1GiB`'],
  ['share of nothing', volumes('{name: l, base: vg, extents: 50%}'), ['6 DIB_BLOCKDEV_EXTENTS'], 'write `50%FREE` or `50%VG`'],
  ['share of a snapshot’s origin', volumes('{name: l, base: vg, extents: 50%ORIGIN}'), ['6 DIB_BLOCKDEV_EXTENTS'], '`28%VG`'],
  ['share above all', volumes('{name: l, base: vg, extents: 110%VG}'), ['6 DIB_BLOCKDEV_EXTENTS'], 'from 1 to 100 percent'],
  ['no extents', volumes('{name: l, base: vg, extents: 0}'), ['6 DIB_BLOCKDEV_EXTENTS'], 'at least 1'],
  [
    'volume of an unknown type',
    volumes('{name: l, base: vg, size: 1GiB, type: thinpool}'),
    ['6 DIB_BLOCKDEV_VOLUME_TYPE'],
    'Did you mean `thin-pool`?',
  ],
  [
    'reserved volume name',
    volumes('{name: snapshot1, base: vg, size: 1GiB}'),
    ['6 DIB_BLOCKDEV_LVM_NAME'],
    'LVM keeps for itself',
  ],
  ['hidden volume name', volumes('{name: pool_tmeta, base: vg, size: 1GiB}'), ['6 DIB_BLOCKDEV_LVM_NAME'], 'has `_tmeta` in it'],
  [
    'names that are too long together',
    volumes(`{name: ${'l'.repeat(126)}, base: vg, size: 1GiB}`),
    ['6 DIB_BLOCKDEV_LVM_NAME'],
    'at most 127 characters',
  ],
  [
    'same volume name in two groups',
    beside(
      '- lvm_pv: {base: a, vg: v}\n- lvm_pv: {base: b, vg: w}\n- lvm:\n    vgs: [{name: v}, {name: w}]\n    lvs:\n      - {name: l, base: v, size: 1MiB}\n      - {name: l, base: w, size: 1MiB}\n',
    ),
    ['11 DIB_BLOCKDEV_DUPLICATE_NAME'],
    'without its group',
  ],
  [
    'volume named like a partition',
    `- local_loop: {name: d, size: 1GiB}\n- partitioning: {base: d, label: gpt, partitions: [{name: root, size: 100%, lvm_pv: {vg: v}}]}\n- lvm: {vgs: [{name: v}], lvs: [{name: root, base: v, extents: 1, ${ROOT}}]}\n`,
    ['3 DIB_BLOCKDEV_DUPLICATE_NAME', '3 DIB_BLOCKDEV_BASE_IN_USE'],
    'two nodes are named `root`',
  ],
  [
    'thin without pool',
    volumes('{name: l, base: vg, type: thin, size: 1GiB}'),
    ['6 DIB_BLOCKDEV_MISSING_KEY'],
    'has no `thin-pool`',
  ],
  [
    'unknown pool',
    volumes(
      '{name: pool, base: vg, type: thin-pool, size: 500MiB}',
      '{name: l, base: vg, type: thin, thin-pool: pol, size: 1GiB}',
    ),
    ['7 DIB_BLOCKDEV_THIN_POOL'],
    'there is no `pol`',
  ],
  [
    'pool that is none',
    volumes('{name: l, base: vg, size: 500MiB}', '{name: t, base: vg, type: thin, thin-pool: l, size: 1GiB}'),
    ['7 DIB_BLOCKDEV_THIN_POOL'],
    'type: thin-pool',
  ],
  [
    'pool of a linear volume',
    volumes('{name: pool, base: vg, type: thin-pool, size: 500MiB}', '{name: l, base: vg, thin-pool: pool, size: 1GiB}'),
    ['7 DIB_BLOCKDEV_THIN_POOL'],
    'add `type: thin`',
  ],
  [
    'pool in another group',
    beside(
      '- lvm_pv: {base: a, vg: v}\n- lvm_pv: {base: b, vg: w}\n- lvm:\n    vgs: [{name: v}, {name: w}]\n    lvs:\n      - {name: pool, base: v, type: thin-pool, size: 100MiB}\n      - {name: l, base: w, type: thin, thin-pool: pool, size: 1GiB}\n',
    ),
    ['11 DIB_BLOCKDEV_THIN_POOL'],
    'is in the group `v`, not in `w`',
  ],
  [
    'thin volume in extents',
    volumes(
      '{name: pool, base: vg, type: thin-pool, size: 500MiB}',
      '{name: l, base: vg, type: thin, thin-pool: pool, extents: 10%VG}',
    ),
    ['7 DIB_BLOCKDEV_VOLUME_SIZE'],
    'one that it pretends',
  ],
  [
    'file system in a pool',
    volumes('{name: pool, base: vg, type: thin-pool, size: 500MiB, mkfs: {type: ext4}}'),
    ['6 DIB_BLOCKDEV_BASE_KIND'],
    'cannot stand on the thin pool `pool`',
  ],
  [
    'file system on a group',
    volumes('{name: l, base: vg, size: 10MiB}').concat('- mkfs: {base: vg, type: ext4}\n'),
    ['7 DIB_BLOCKDEV_BASE_KIND'],
    'name one of its logical volumes',
  ],
  [
    'group on a volume of itself',
    beside(
      '- lvm:\n    pvs: [{name: p, base: a}, {name: q, base: l}]\n    vgs: [{name: v, base: [p, q]}]\n    lvs: [{name: l, base: v, size: 10MiB}]\n',
    ),
    ['6 DIB_BLOCKDEV_CYCLE'],
    '`q` -> `l` -> `v` -> `q`',
  ],
  [
    'group joined by a volume of itself',
    beside('- lvm_pv: {base: a, vg: v}\n- lvm: {vgs: [{name: v}], lvs: [{name: l, base: v, size: 10MiB, lvm_pv: {vg: v}}]}\n'),
    ['6 DIB_BLOCKDEV_CYCLE'],
    'bases go in a circle',
  ],
];

const LUKS: readonly WrongTree[] = [
  ['container without key', container('name: crypt'), ['5 DIB_BLOCKDEV_MISSING_KEY'], 'key: {file: unlock.key}'],
  ['key without value', container('key: '), ['5 DIB_BLOCKDEV_MISSING_VALUE'], '`key` of the luks `luks_a` has no value'],
  ['key that is a list', container('key: [a, b]'), ['5 DIB_BLOCKDEV_KEY'], 'does not say where the key comes from'],
  ['two sources of the key', container('key: {file: a, env: B}'), ['5 DIB_BLOCKDEV_KEY_SOURCES'], 'two sources'],
  ['no source of the key', container('key: {}'), ['5 DIB_BLOCKDEV_KEY_SOURCES'], 'no source'],
  ['unknown source of the key', container('key: {url: x}'), ['5 DIB_BLOCKDEV_KEY'], 'a source that dib does not know'],
  ['key_file', container('key_file: unlock.key'), ['5 DIB_BLOCKDEV_UNKNOWN_KEY'], 'key: {file: unlock.key}'],
  [
    'variable that is none',
    container('key: {env: "no variable"}'),
    ['5 DIB_BLOCKDEV_KEY'],
    'the name of an environment variable',
  ],
  ['file that is none', container('key: {file: 7}'), ['5 DIB_BLOCKDEV_KEY'], 'the path of a file'],
  ['cipher', container('key: prompt, cipher: "aes xts"'), ['5 DIB_BLOCKDEV_CIPHER'], 'not the name of a cipher'],
  ['key size', container('key: prompt, key_size: 300'), ['5 DIB_BLOCKDEV_KEY_SIZE'], 'cannot be `300`'],
  ['key size for two keys', container('key: prompt, key_size: 128'), ['5 DIB_BLOCKDEV_KEY_SIZE'], 'takes two keys'],
  ['key derivation', container('key: prompt, pbkdf: argon2'), ['5 DIB_BLOCKDEV_PBKDF'], 'argon2i'],
  ['time to unlock', container('key: prompt, iter_time: 5'), ['5 DIB_BLOCKDEV_WRONG_TYPE'], 'from 100 to 60000'],
  ['memory to unlock', container('key: prompt, pbkdf_memory: 64MiB'), ['5 DIB_BLOCKDEV_WRONG_TYPE'], 'from 32 to 4194304'],
  ['uuid of a container', container('key: prompt, uuid: x'), ['5 DIB_BLOCKDEV_UUID'], 'is not a UUID'],
  [
    'label of a container',
    container(`key: prompt, label: ${'x'.repeat(48)}`),
    ['5 DIB_BLOCKDEV_LABEL_TOO_LONG'],
    '48 > 47 bytes',
  ],
  ['options of crypttab', container('key: prompt, options: "discard, x"'), ['5 DIB_BLOCKDEV_OPTIONS'], 'white space or commas'],
  ['the control device', container('key: prompt, name: control'), ['5 DIB_BLOCKDEV_MAPPER_NAME'], 'control device'],
  [
    'name that is too long for device-mapper',
    container(`key: prompt, name: ${'x'.repeat(84)}`),
    ['5 DIB_BLOCKDEV_MAPPER_NAME'],
    'longer than 83',
  ],
  ['crypt', beside('- crypt: {base: a, key: prompt}\n'), ['5 DIB_BLOCKDEV_UNKNOWN_PLUGIN'], 'write `luks`'],
  [
    'crypt in a disk',
    beside('- local_loop: {name: e, size: 1GiB, crypt: {key: prompt}}\n'),
    ['5 DIB_BLOCKDEV_UNKNOWN_KEY'],
    'write `luks`',
  ],
  [
    'two containers on one disk',
    container('key: prompt').concat('- luks: {name: x, base: a, key: prompt}\n'),
    ['6 DIB_BLOCKDEV_BASE_IN_USE'],
    'both stand on the local_loop `a`',
  ],
  [
    'same label of container and file system',
    container('key: prompt, label: same').concat('- mkfs: {base: b, type: ext4, label: same}\n'),
    ['6 DIB_BLOCKDEV_DUPLICATE_LABEL'],
    'the label `same` is used by',
  ],
  [
    'same UUID of container and file system',
    container('key: prompt, uuid: 0f5c2a6e-8f0b-4c9d-9b7a-3d2e1f0a9b8c').concat(
      '- mkfs: {base: b, type: ext4, uuid: 0f5c2a6e-8f0b-4c9d-9b7a-3d2e1f0a9b8c}\n',
    ),
    ['6 DIB_BLOCKDEV_DUPLICATE_UUID'],
    'is used by',
  ],
  [
    'same name below /dev/mapper',
    volumes('{name: l-x, base: vg, size: 10MiB}').concat('- luks: {name: vg-l--x, base: b, key: prompt}\n'),
    ['7 DIB_BLOCKDEV_DUPLICATE_MAPPER'],
    '`vg-l--x`',
  ],
  [
    'partition table in a container',
    container('key: prompt, partitioning: {label: gpt, partitions: [{name: p, size: 100%}]}'),
    ['5 DIB_BLOCKDEV_BASE_KIND'],
    'cannot stand on the luks `luks_a`',
  ],
];

const RAID: readonly WrongTree[] = [
  ['array without level', array('base: [a, b]'), ['5 DIB_BLOCKDEV_MISSING_KEY'], 'has no `level`'],
  ['unknown level', array('level: 4, base: [a, b]'), ['5 DIB_BLOCKDEV_RAID_LEVEL'], 'cannot be `4`'],
  ['level as a word', array('level: raid1, base: [a, b]'), ['5 DIB_BLOCKDEV_RAID_LEVEL'], 'cannot be `raid1`'],
  ['array without members', array('level: 1'), ['5 DIB_BLOCKDEV_RAID_MEMBERS'], 'raid_member: {raid: md0}'],
  ['mirror of one', array('level: 1, base: a'), ['5 DIB_BLOCKDEV_RAID_MEMBERS'], 'one member; level 1 needs at least 2'],
  ['RAID 5 of two', array('level: 5, base: [a, b]'), ['5 DIB_BLOCKDEV_RAID_MEMBERS'], 'level 5 needs at least 3'],
  ['RAID 6 of three', array('level: "6", base: [a, b, c]'), ['5 DIB_BLOCKDEV_RAID_MEMBERS'], 'level 6 needs at least 4'],
  ['RAID 10 of one', array('level: 10, base: [a]'), ['5 DIB_BLOCKDEV_RAID_MEMBERS'], 'Levels 0, 1 and 10 need 2 members'],
  [
    'same member twice',
    array('level: 1, base: [a, a]'),
    ['5 DIB_BLOCKDEV_MEMBER_TWICE'],
    'the local_loop `a` is twice in the raid `md0`',
  ],
  [
    'same member in the list and by name',
    array('level: 1, base: [a, b]').concat('- raid_member: {base: a, raid: md0}\n'),
    ['6 DIB_BLOCKDEV_MEMBER_TWICE'],
    'name it once',
  ],
  [
    'member of two arrays',
    array('level: 1, base: [a, b]').concat('- raid: {name: md1, level: 1, base: [c, b]}\n'),
    ['6 DIB_BLOCKDEV_BASE_IN_USE'],
    'both stand on the local_loop `b`',
  ],
  [
    'member and file system',
    array('level: 1, base: [a, b]').concat('- mkfs: {base: b, type: ext4}\n'),
    ['6 DIB_BLOCKDEV_BASE_IN_USE'],
    'the raid `md0`',
  ],
  [
    'two memberships',
    array('level: 1, base: [b, c]').concat('- raid_member: {base: a, raid: md0}\n- raid_member: {base: a, raid: md0}\n'),
    ['7 DIB_BLOCKDEV_MEMBER_TWICE'],
    'name it once',
  ],
  [
    'member of an unknown array',
    beside('- raid_member: {base: a, raid: md0}\n'),
    ['5 DIB_BLOCKDEV_UNKNOWN_BASE'],
    '- raid: {name: md0, level: 1}',
  ],
  ['member of no array', beside('- raid_member: {base: a}\n'), ['5 DIB_BLOCKDEV_MISSING_KEY'], 'has no `raid`'],
  ['unknown member', array('level: 1, base: [a, x]'), ['5 DIB_BLOCKDEV_UNKNOWN_BASE'], 'there is no `x`'],
  [
    'member that is a file system',
    array('level: 1, base: [a, mkfs_d]'),
    ['5 DIB_BLOCKDEV_BASE_KIND'],
    'cannot stand on the mkfs `mkfs_d`',
  ],
  ['base that is a mapping', array('level: 1, base: {a: b}'), ['5 DIB_BLOCKDEV_WRONG_TYPE'], 'a list of names'],
  [
    'array in a partition',
    `- local_loop: {name: d, size: 1GiB}\n- partitioning: {base: d, label: gpt, partitions: [\n    {name: x, size: 10MiB, raid: {name: md0, level: 1}}, {name: r, size: 100%, ${ROOT}}]}\n`,
    ['3 DIB_BLOCKDEV_BASE_KIND'],
    'raid_member: {raid: md0}',
  ],
  ['chunk', array('level: 0, base: [a, b], chunk: 100KiB'), ['5 DIB_BLOCKDEV_CHUNK'], 'power of two'],
  ['superblock', array('level: 1, base: [a, b], metadata: 0.9'), ['5 DIB_BLOCKDEV_RAID_METADATA'], 'cannot be `0.9`'],
  [
    'array name',
    beside(`- raid: {name: ${'m'.repeat(33)}, level: 1, base: [a, b]}\n`),
    ['5 DIB_BLOCKDEV_RAID_NAME'],
    'at most 32',
  ],
  [
    'array on itself',
    beside('- raid: {name: m, level: 1, base: [a, n]}\n- raid: {name: n, level: 1, base: [b, m]}\n'),
    ['5 DIB_BLOCKDEV_CYCLE'],
    '`m` -> `n` -> `m`',
  ],
  [
    'the shortest of two circles',
    beside(
      '- raid: {name: m, level: 1, base: [o, n]}\n- luks: {name: o, base: x, key: prompt}\n- luks: {name: x, base: m, key: prompt}\n- raid: {name: n, level: 1, base: [m, a]}\n',
    ),
    ['5 DIB_BLOCKDEV_CYCLE'],
    '`m` -> `n` -> `m`',
  ],
  ['mdraid', beside('- mdraid: {name: md0}\n'), ['5 DIB_BLOCKDEV_UNKNOWN_PLUGIN'], 'raid_member: {raid: md0}'],
];

const BTRFS: readonly WrongTree[] = [
  [
    'subvolumes that are no list',
    beside('- btrfs: {base: a, subvolumes: {name: s}}\n'),
    ['5 DIB_BLOCKDEV_WRONG_TYPE'],
    'must be a list',
  ],
  [
    'subvolume without name',
    beside("- btrfs: {base: a, subvolumes: [{path: '@'}]}\n"),
    ['5 DIB_BLOCKDEV_MISSING_KEY'],
    'this subvolume has no `name`',
  ],
  ['type of a btrfs', beside('- btrfs: {base: a, type: btrfs}\n'), ['5 DIB_BLOCKDEV_UNKNOWN_KEY'], 'unknown key `type`'],
  [
    'same path twice',
    beside("- btrfs: {base: a, subvolumes: [{name: s, path: '@'},\n    {name: t, path: '@'}]}\n"),
    ['6 DIB_BLOCKDEV_DUPLICATE_SUBVOLUME'],
    'the path `@` is used by',
  ],
  [
    'path with ..',
    beside('- btrfs: {base: a, subvolumes: [{name: s, path: x/../../y}]}\n'),
    ['5 DIB_BLOCKDEV_SUBVOLUME_PATH'],
    '`..`',
  ],
  [
    'absolute path',
    beside('- btrfs: {base: a, subvolumes: [{name: s, path: /home}]}\n'),
    ['5 DIB_BLOCKDEV_SUBVOLUME_PATH'],
    'begins with a slash',
  ],
  [
    'btrfs and its subvolume at one place',
    beside('- btrfs: {base: a, mount: {mount_point: /srv}, subvolumes: [\n    {name: s, mount: {mount_point: /srv}}]}\n'),
    ['6 DIB_BLOCKDEV_DUPLICATE_MOUNT_POINT'],
    '`/srv` is used by',
  ],
  [
    'subvolume mounted twice',
    beside(
      '- btrfs: {base: a, subvolumes: [{name: s, mount: {mount_point: /s}}]}\n- mount: {name: x, base: s, mount_point: /t}\n',
    ),
    ['6 DIB_BLOCKDEV_BASE_IN_USE'],
    'both stand on the subvolume `s`',
  ],
  [
    'subvolume of ext4',
    beside('- mkfs: {base: a, type: ext4, subvolumes: []}\n'),
    ['5 DIB_BLOCKDEV_UNKNOWN_KEY'],
    'list `subvolumes` of a `btrfs`',
  ],
  [
    'subvolume as an entry',
    beside('- subvolume: {base: d, name: s}\n'),
    ['5 DIB_BLOCKDEV_UNKNOWN_PLUGIN'],
    'in the list `subvolumes` of a btrfs',
  ],
];

const DISKS: readonly WrongTree[] = [
  ['existing disk without path', beside('- disk: {name: x}\n'), ['5 DIB_BLOCKDEV_MISSING_KEY'], '/dev/disk/by-id/'],
  [
    'existing disk that is a file',
    beside('- disk: {name: x, path: /home/me/disk.raw}\n'),
    ['5 DIB_BLOCKDEV_DISK_PATH'],
    'use `local_loop`',
  ],
  [
    'existing disk by a relative path',
    beside('- disk: {name: x, path: dev/sda}\n'),
    ['5 DIB_BLOCKDEV_DISK_PATH'],
    'is not a path below /dev',
  ],
  [
    'existing disk through ..',
    beside('- disk: {name: x, path: /dev/../etc/passwd}\n'),
    ['5 DIB_BLOCKDEV_DISK_PATH'],
    'has `.` or `..` in it',
  ],
  [
    'wipe that is text',
    beside("- disk: {name: x, path: /dev/sdx, wipe: 'yes'}\n"),
    ['5 DIB_BLOCKDEV_WRONG_TYPE'],
    'must be `true` or `false`',
  ],
  [
    'size of an existing disk',
    beside('- disk: {name: x, path: /dev/sdx, size: 4GiB}\n'),
    ['5 DIB_BLOCKDEV_UNKNOWN_KEY'],
    'unknown key `size`',
  ],
  [
    'existing disk twice',
    beside('- disk: {name: x, path: /dev/sdx}\n- disk: {name: y, path: /dev/sdx}\n'),
    ['6 DIB_BLOCKDEV_DUPLICATE_DISK'],
    'the device `/dev/sdx` is used by',
  ],
  [
    'disk in a disk',
    beside('- local_loop: {name: x, size: 1GiB, disk: {name: y, path: /dev/sdx}}\n'),
    ['5 DIB_BLOCKDEV_BASE_KIND'],
    'as an entry of its own',
  ],
  ['zfs', beside('- zpool: {name: tank}\n'), ['5 DIB_BLOCKDEV_UNSUPPORTED_PLUGIN'], '`zpool` is not supported'],
  [
    'computed disk that carries nothing',
    beside('- local_loop: {name: x, luks: {key: prompt}}\n'),
    ['5 DIB_BLOCKDEV_DISK_SIZE'],
    'cannot be computed',
  ],
  [
    'automatic partition that carries nothing',
    `- local_loop: {name: d, size: 1GiB}\n- partitioning: {base: d, label: gpt, partitions: [\n    {name: x, size: auto, luks: {key: prompt}}, {name: r, size: 100%, ${ROOT}}]}\n`,
    ['3 DIB_BLOCKDEV_AUTO_WITHOUT_CONTENT'],
    'nothing is mounted from it',
  ],
];

/** Wrong stacks of devices; disks, tables and file systems alone are in mistakes.test.ts. */
export const WRONG_STACKS: readonly WrongTree[] = [...LVM, ...LUKS, ...RAID, ...BTRFS, ...DISKS];
