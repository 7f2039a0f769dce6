import { describe, expect, test } from 'vitest';
import { hasErrors } from '../../../src/diagnostics/diagnostic.ts';
import { findings, parseText } from './support.ts';
import { WRONG_STACKS, type WrongTree } from './wrong-stacks.ts';

const ROOT = '  mkfs: {type: ext4, mount: {mount_point: /}}';

/** A tree on a gpt with one partition, whose body is given; line 1 is the disk, line 2 the table, line 3 begins the partition. */
const gpt = (partition: string): string =>
  `- local_loop: {name: d, size: 4GiB}\n- partitioning: {base: d, label: gpt, partitions: [\n    ${partition}]}\n`;
const mbr = (...partitions: string[]): string =>
  `- local_loop: {name: d, size: 4GiB}\n- partitioning: {base: d, label: mbr, partitions: [\n${partitions.map((each) => `    ${each}`).join(',\n')}]}\n`;
const MOUNTED = 'mkfs: {type: ext4, mount: {mount_point: /}}';
/** A plain disk with a root file system, then more. */
const plus = (text: string): string =>
  `- local_loop: {name: d, size: 4GiB, mkfs: {name: r, type: ext4, label: r, mount: {name: m, mount_point: /}}}\n${text}`;

const CASES: readonly WrongTree[] = [
  ['empty list', '[]', ['1 DIB_BLOCKDEV_EMPTY'], '`block_device` is empty'],
  ['entry is a string', '- local_loop', ['1 DIB_BLOCKDEV_NOT_A_MAP'], 'not the string'],
  ['entry is null', `- \n${plus('')}`, ['1 DIB_BLOCKDEV_NOT_A_MAP'], 'not nothing'],
  ['entry is a number', `- 7\n${plus('')}`, ['1 DIB_BLOCKDEV_NOT_A_MAP'], 'not the number `7`'],
  [
    'forgotten indentation',
    `${plus('')}- local_loop:\n  name: e\n`,
    ['2 DIB_BLOCKDEV_SEVERAL_PLUGINS'],
    'Indent the other keys below the plugin',
  ],
  [
    'two plugins in one entry',
    `${plus('')}- local_loop: {name: e, size: 1GiB}\n  mkfs: {base: e, type: ext4}\n`,
    ['2 DIB_BLOCKDEV_SEVERAL_PLUGINS'],
    '`local_loop` and `mkfs`',
  ],
  ['empty mapping', `${plus('')}- {}\n`, ['2 DIB_BLOCKDEV_SEVERAL_PLUGINS'], 'an empty mapping'],
  ['misspelt plugin', '- localloop: {name: d}\n', ['1 DIB_BLOCKDEV_UNKNOWN_PLUGIN'], 'local_loop'],
  ['partition as an entry', plus('- partition: {name: x}\n'), ['2 DIB_BLOCKDEV_UNKNOWN_PLUGIN'], 'in the list `partitions`'],
  ['plugin without value', plus('- mkfs:\n'), ['2 DIB_BLOCKDEV_MISSING_VALUE'], '`mkfs` has no value'],
  ['plugin with a string', plus('- mkfs: ext4\n'), ['2 DIB_BLOCKDEV_NOT_A_MAP'], 'must be a mapping, not the string'],
  [
    'nested plugin without value',
    '- local_loop:\n    name: d\n    mkfs:\n',
    ['3 DIB_BLOCKDEV_MISSING_VALUE', '1 DIB_BLOCKDEV_NO_ROOT'],
    '`mkfs` has no value',
  ],
  [
    'level that is no pair',
    '- [local_loop, {name: d}]\n',
    ['1 DIB_BLOCKDEV_LEVEL_ENTRY', '1 DIB_BLOCKDEV_LEVEL_ENTRY'],
    'must be a pair',
  ],
  ['level with unknown plugin', '[[["loop", {"name": "d"}]]]', ['1 DIB_BLOCKDEV_UNKNOWN_PLUGIN'], 'unknown plugin `loop`'],
  ['disk without name', `- local_loop: {size: 1GiB, ${MOUNTED}}\n`, ['1 DIB_BLOCKDEV_MISSING_KEY'], 'add `name: image0`'],
  [
    'disk name that is a path',
    `- local_loop: {name: ../etc, size: 1GiB, ${MOUNTED}}\n`,
    ['1 DIB_BLOCKDEV_NAME'],
    'cannot be the name',
  ],
  [
    'disk name that is a number',
    `- local_loop: {name: 1, size: 1GiB, ${MOUNTED}}\n`,
    ['1 DIB_BLOCKDEV_NAME'],
    'put a number in quotes',
  ],
  ['misspelt key', `- local_loop:\n    name: d\n    sizee: 4GiB\n  ${ROOT}\n`, ['3 DIB_BLOCKDEV_UNKNOWN_KEY'], 'size'],
  ['misspelt key of fstab', plus('- fstab:\n    base: m\n    fck-passno: 1\n'), ['4 DIB_BLOCKDEV_UNKNOWN_KEY'], 'fsck-passno'],
  ['underscore in fstab key', plus('- fstab:\n    base: m\n    fsck_passno: 1\n'), ['4 DIB_BLOCKDEV_UNKNOWN_KEY'], 'fsck-passno'],
  [
    'misspelt nested plugin',
    gpt('{name: a, size: 1GiB, mkfss: {type: ext4, mount: {mount_point: /}}}'),
    ['3 DIB_BLOCKDEV_UNKNOWN_KEY', '1 DIB_BLOCKDEV_NO_ROOT'],
    'mkfs',
  ],
  ['integer size', `- local_loop: {name: d, size: 1073741824, ${MOUNTED}}\n`, ['1 DIB_BLOCKDEV_SIZE_NOT_STRING'], 'write `1GiB`'],
  ['small integer size', `- local_loop: {name: d, size: 4, ${MOUNTED}}\n`, ['1 DIB_BLOCKDEV_SIZE_NOT_STRING'], 'write `1GiB`'],
  ['null size', gpt(`{name: a, size: , ${MOUNTED}}`), ['3 DIB_BLOCKDEV_MISSING_VALUE'], '`size` of the partition'],
  [
    'unknown unit',
    `- local_loop: {name: d, size: 4Gb, ${MOUNTED}}\n`,
    ['1 DIB_BLOCKDEV_SIZE_UNIT'],
    'did you mean `GB`? Units are case-sensitive',
  ],
  ['unit cut off', `- local_loop: {name: d, size: 4Gi, ${MOUNTED}}\n`, ['1 DIB_BLOCKDEV_SIZE_UNIT'], 'did you mean `GiB`?'],
  ['two dots', `- local_loop: {name: d, size: 1.2.3G, ${MOUNTED}}\n`, ['1 DIB_BLOCKDEV_SIZE_SYNTAX'], '`1.2.3` is not a number'],
  ['empty size', `- local_loop: {name: d, size: '', ${MOUNTED}}\n`, ['1 DIB_BLOCKDEV_SIZE_SYNTAX'], 'is not a size'],
  [
    'negative size',
    `- local_loop: {name: d, size: -4GiB, ${MOUNTED}}\n`,
    ['1 DIB_BLOCKDEV_SIZE_SYNTAX'],
    '`-4GiB` is not a size',
  ],
  ['zero size', `- local_loop: {name: d, size: 0GiB, ${MOUNTED}}\n`, ['1 DIB_BLOCKDEV_SIZE_RANGE'], 'no space at all'],
  [
    'absurd size',
    `- local_loop: {name: d, size: 99999999TiB, ${MOUNTED}}\n`,
    ['1 DIB_BLOCKDEV_SIZE_RANGE'],
    'more than dib can count',
  ],
  [
    'percentage of nothing',
    `- local_loop: {name: d, size: 50%, ${MOUNTED}}\n`,
    ['1 DIB_BLOCKDEV_SIZE_SYNTAX'],
    'a disk is not a part of anything',
  ],
  [
    'percentage above 100',
    gpt(`{name: a, size: 150%, ${MOUNTED}}`),
    ['3 DIB_BLOCKDEV_SIZE_PERCENT'],
    '`150%` is outside 0% to 100%',
  ],
  ['negative percentage', gpt(`{name: a, size: -5%, ${MOUNTED}}`), ['3 DIB_BLOCKDEV_SIZE_PERCENT'], '`-5%` is outside'],
  ['no percentage', gpt(`{name: a, size: x%, ${MOUNTED}}`), ['3 DIB_BLOCKDEV_SIZE_SYNTAX'], 'is not a percentage'],
  ['partition without size', gpt(`{name: a, ${MOUNTED}}`), ['3 DIB_BLOCKDEV_MISSING_KEY'], 'the partition `a` has no `size`'],
  ['partition without name', gpt(`{size: 100%, ${MOUNTED}}`), ['3 DIB_BLOCKDEV_MISSING_KEY'], 'this partition has no `name`'],
  [
    'partition that is a string',
    gpt(`root, {name: a, size: 100%, ${MOUNTED}}`),
    ['3 DIB_BLOCKDEV_NOT_A_MAP'],
    'a partition must be a mapping',
  ],
  ['octal type', gpt(`{name: a, size: 100%, type: 0700, ${MOUNTED}}`), ['3 DIB_BLOCKDEV_TYPE_OCTAL'], "`type: '0700'`"],
  ['hexadecimal type', gpt(`{name: a, size: 100%, type: 0x8300, ${MOUNTED}}`), ['3 DIB_BLOCKDEV_TYPE_OCTAL'], "`type: '0x8300'`"],
  [
    'unknown gpt type',
    gpt(`{name: a, size: 100%, type: '1234', ${MOUNTED}}`),
    ['3 DIB_BLOCKDEV_PARTITION_TYPE'],
    'is not a known gpt partition type',
  ],
  [
    'mbr type on gpt',
    gpt(`{name: a, size: 100%, type: '83', ${MOUNTED}}`),
    ['3 DIB_BLOCKDEV_PARTITION_TYPE'],
    'did you mean `8300`?',
  ],
  [
    'gpt type on mbr',
    mbr(`{name: a, size: 100%, type: 'EF00', ${MOUNTED}}`),
    ['3 DIB_BLOCKDEV_PARTITION_TYPE'],
    'did you mean `ef`?',
  ],
  ['numeric mbr type', mbr(`{name: a, size: 100%, type: 83, ${MOUNTED}}`), ['3 DIB_BLOCKDEV_PARTITION_TYPE'], "`type: '83'`"],
  [
    'extended type by hand',
    mbr(`{name: a, size: 100%, type: '0f', ${MOUNTED}}`),
    ['3 DIB_BLOCKDEV_PARTITION_TYPE'],
    'makes the extended partition itself',
  ],
  ['unknown flag', mbr(`{name: a, size: 100%, flags: [bootable], ${MOUNTED}}`), ['3 DIB_BLOCKDEV_FLAG'], 'unknown flag'],
  [
    'flag that is no string',
    mbr(`{name: a, size: 100%, flags: [1], ${MOUNTED}}`),
    ['3 DIB_BLOCKDEV_WRONG_TYPE'],
    'must hold strings',
  ],
  ['primary on gpt', gpt(`{name: a, size: 100%, flags: [primary], ${MOUNTED}}`), ['3 DIB_BLOCKDEV_FLAG'], 'only for mbr'],
  [
    'no table label',
    '- local_loop: {name: d, size: 1GiB}\n- partitioning: {base: d, partitions: [{name: a, size: 100%, mkfs: {type: ext4, mount: {mount_point: /}}}]}\n',
    ['2 DIB_BLOCKDEV_MISSING_KEY'],
    'has no `label`',
  ],
  [
    'wrong table label',
    '- local_loop: {name: d, size: 1GiB}\n- partitioning: {base: d, label: msdos, partitions: [{name: a, size: 100%, mkfs: {type: ext4, mount: {mount_point: /}}}]}\n',
    ['2 DIB_BLOCKDEV_TABLE_LABEL'],
    'mbr',
  ],
  [
    'no partitions',
    `- local_loop: {name: e, size: 1GiB}\n- partitioning: {base: e, label: gpt}\n- local_loop: {name: d, size: 1GiB, ${MOUNTED}}\n`,
    ['2 DIB_BLOCKDEV_MISSING_KEY'],
    'has no `partitions`',
  ],
  [
    'partitions is a mapping',
    `- local_loop: {name: e, size: 1GiB}\n- partitioning: {base: e, label: gpt, partitions: {name: a}}\n- local_loop: {name: d, size: 1GiB, ${MOUNTED}}\n`,
    ['2 DIB_BLOCKDEV_WRONG_TYPE'],
    'must be a list',
  ],
  [
    'five primaries',
    mbr(
      ...[1, 2, 3, 4].map((n) => `{name: p${n}, size: 10MiB, flags: [primary]}`),
      `{name: p5, size: 100%, flags: [primary], ${MOUNTED}}`,
    ),
    ['7 DIB_BLOCKDEV_MBR_ENTRIES'],
    'needs 5 entries; an mbr has 4',
  ],
  [
    'four primaries and a logical',
    mbr(...[1, 2, 3, 4].map((n) => `{name: p${n}, size: 10MiB, flags: [primary]}`), `{name: p5, size: 100%, ${MOUNTED}}`),
    ['7 DIB_BLOCKDEV_MBR_ENTRIES'],
    'an extended one',
  ],
  [
    'primary after logical',
    mbr('{name: a, size: 10MiB}', `{name: b, size: 100%, flags: [primary], ${MOUNTED}}`),
    ['4 DIB_BLOCKDEV_MBR_ORDER'],
    'put all primary partitions first',
  ],
  [
    'uuid on mbr',
    mbr(`{name: a, size: 100%, uuid: 0f5c2a6e-8f0b-4c9d-9b7a-3d2e1f0a9b8c, ${MOUNTED}}`),
    ['3 DIB_BLOCKDEV_UUID'],
    'an mbr has no room for it',
  ],
  [
    'uuid that YAML takes for a number',
    plus('').replace('label: r', 'label: r, uuid: 0123'),
    ['1 DIB_BLOCKDEV_WRONG_TYPE'],
    'must be a string, not the number `0123`',
  ],
  [
    'name that YAML takes for a number',
    `- local_loop: {name: 007, size: 1GiB, ${MOUNTED}}\n`,
    ['1 DIB_BLOCKDEV_NAME'],
    'must be a string, not the number `007`',
  ],
  [
    'size with a leading zero',
    `- local_loop: {name: d, size: 0100, ${MOUNTED}}\n`,
    ['1 DIB_BLOCKDEV_SIZE_NOT_STRING'],
    'a number without a unit: `0100`',
  ],
  ['bad uuid', plus('').replace('label: r', 'label: r, uuid: abc'), ['1 DIB_BLOCKDEV_UUID'], 'is not a UUID'],
  [
    'after 100%',
    `- local_loop: {name: d, size: 4GiB}\n- partitioning: {base: d, label: gpt, partitions: [{name: a, size: 100%, ${MOUNTED}},\n    {name: b, size: 10MiB}]}\n`,
    ['3 DIB_BLOCKDEV_NOTHING_LEFT'],
    'takes 100%',
  ],
  [
    'block size',
    `- local_loop: {name: d, size: 1GiB, block_size: 1024, ${MOUNTED}}\n`,
    ['1 DIB_BLOCKDEV_BLOCK_SIZE'],
    'must be 512 or 4096',
  ],
  [
    'align',
    `- local_loop: {name: d, size: 1GiB}\n- partitioning: {base: d, label: mbr, align: 1000B, partitions: [{name: a, size: 100%, ${MOUNTED}}]}\n`,
    ['2 DIB_BLOCKDEV_ALIGN'],
    'multiple of 4 KiB',
  ],
  ['duplicate disk', plus('- local_loop: {name: d, size: 1GiB}\n'), ['2 DIB_BLOCKDEV_DUPLICATE_NAME'], 'two nodes are named `d`'],
  [
    'duplicate of another kind',
    plus('- local_loop: {name: e, size: 1GiB, mkfs: {name: d, type: ext4}}\n'),
    ['2 DIB_BLOCKDEV_DUPLICATE_NAME'],
    'two nodes are named `d`',
  ],
  [
    'unknown base',
    plus(
      '- mkfs: {base: rooot, type: ext4}\n- partitioning: {base: e, label: gpt, partitions: [{name: root, size: 10MiB}]}\n- local_loop: {name: e, size: 1GiB}\n',
    ),
    ['2 DIB_BLOCKDEV_UNKNOWN_BASE'],
    'root',
  ],
  ['no base', plus('- mkfs: {type: ext4}\n'), ['2 DIB_BLOCKDEV_MISSING_KEY'], 'has no `base`'],
  [
    'base of the wrong kind',
    plus('- mount: {name: x, base: d, mount_point: /x}\n'),
    ['2 DIB_BLOCKDEV_BASE_KIND'],
    'the mount `x` cannot stand on the local_loop `d`',
  ],
  [
    'table on a partition',
    `- local_loop: {name: d, size: 1GiB}\n- partitioning: {base: d, label: gpt, partitions: [{name: a, size: 50%}, {name: b, size: 100%, ${MOUNTED}}]}\n- partitioning: {base: a, label: gpt, partitions: [{name: c, size: 100%}]}\n`,
    ['3 DIB_BLOCKDEV_BASE_KIND'],
    'cannot stand on the partition `a`',
  ],
  [
    'file system on a table',
    `- local_loop: {name: d, size: 1GiB}\n- partitioning: {name: t, base: d, label: gpt, partitions: [{name: a, size: 100%, ${MOUNTED}}]}\n- mkfs: {base: t, type: ext4}\n`,
    ['3 DIB_BLOCKDEV_BASE_KIND'],
    'name one of its partitions',
  ],
  [
    'base that is a list',
    plus('- mkfs: {base: [d], type: ext4, name: x}\n'),
    ['2 DIB_BLOCKDEV_WRONG_TYPE'],
    'must be the name of a node',
  ],
  ['stands on itself', plus('- mkfs: {name: x, base: x, type: ext4}\n'), ['2 DIB_BLOCKDEV_CYCLE'], 'mkfs `x` stands on itself'],
  [
    'cycle',
    plus('- mkfs: {name: x, base: y, type: ext4}\n- mount: {name: y, base: x, mount_point: /y}\n'),
    ['2 DIB_BLOCKDEV_CYCLE'],
    '`x` -> `y` -> `x`',
  ],
  [
    'two file systems on a disk',
    plus('- mkfs: {name: x, base: d, type: ext4}\n'),
    ['2 DIB_BLOCKDEV_BASE_IN_USE'],
    'both stand on the local_loop `d`',
  ],
  [
    'two mounts of one file system',
    plus('- mount: {name: x, base: r, mount_point: /x}\n'),
    ['2 DIB_BLOCKDEV_BASE_IN_USE'],
    'both stand on the mkfs `r`',
  ],
  ['unknown file system', plus('').replace('type: ext4', 'type: exy4'), ['1 DIB_BLOCKDEV_FS_TYPE'], 'ext4'],
  [
    'file system without type',
    plus('- local_loop: {name: e, size: 1GiB, mkfs: {label: e}}\n'),
    ['2 DIB_BLOCKDEV_MISSING_KEY'],
    'has no `type`',
  ],
  [
    'root on vfat',
    plus('').replace('type: ext4', 'type: vfat'),
    ['1 DIB_BLOCKDEV_ROOT_FS_TYPE'],
    'cannot hold a root file system',
  ],
  [
    'label too long for ext4',
    plus('').replace('label: r', 'label: abcdefghijklmnopq'),
    ['1 DIB_BLOCKDEV_LABEL_TOO_LONG'],
    '17 > 16 bytes',
  ],
  [
    'label too long for xfs',
    plus('').replace('type: ext4, label: r', 'type: xfs, label: abcdefghijklm'),
    ['1 DIB_BLOCKDEV_LABEL_TOO_LONG'],
    '13 > 12 bytes',
  ],
  [
    'default label too long',
    plus('- local_loop: {name: e, size: 1GiB, mkfs: {name: long-name-for-fat, type: vfat}}\n'),
    ['2 DIB_BLOCKDEV_LABEL_TOO_LONG'],
    'add a `label:` of at most 11 bytes',
  ],
  [
    'label too long for swap',
    plus('- local_loop: {name: e, size: 1GiB, mkfs: {type: swap, label: abcdefghijklmnop}}\n'),
    ['2 DIB_BLOCKDEV_LABEL_TOO_LONG'],
    '16 > 15 bytes',
  ],
  [
    'label too long for btrfs',
    plus('').replace('type: ext4, label: r', `type: btrfs, label: ${'x'.repeat(256)}`),
    ['1 DIB_BLOCKDEV_LABEL_TOO_LONG'],
    '256 > 255 bytes',
  ],
  ['label in many bytes', plus('').replace('label: r', 'label: ääääääääää'), ['1 DIB_BLOCKDEV_LABEL_TOO_LONG'], '20 > 16 bytes'],
  [
    'label with a star on vfat',
    plus('- local_loop: {name: e, size: 1GiB, mkfs: {type: vfat, label: "a*"}}\n'),
    ['2 DIB_BLOCKDEV_LABEL'],
    'does not allow',
  ],
  ['numeric label', plus('').replace('label: r', 'label: 2024'), ['1 DIB_BLOCKDEV_WRONG_TYPE'], 'put it in quotes'],
  [
    'duplicate label',
    plus('- local_loop: {name: e, size: 1GiB, mkfs: {type: ext4, label: r}}\n'),
    ['2 DIB_BLOCKDEV_DUPLICATE_LABEL'],
    'the label `r` is used by the mkfs `r` and by the mkfs `mkfs_e`',
  ],
  [
    'duplicate uuid',
    plus('').replace('label: r', 'label: r, uuid: 0f5c2a6e-8f0b-4c9d-9b7a-3d2e1f0a9b8c') +
      '- local_loop: {name: e, size: 1GiB, mkfs: {type: ext4, uuid: 0F5C2A6E-8f0b-4c9d-9b7a-3d2e1f0a9b8c}}\n',
    ['2 DIB_BLOCKDEV_DUPLICATE_UUID'],
    'is used by',
  ],
  [
    'duplicate mount point',
    plus('- local_loop: {name: e, size: 1GiB, mkfs: {type: ext4, mount: {mount_point: //}}}\n'),
    ['2 DIB_BLOCKDEV_DUPLICATE_MOUNT_POINT'],
    'the mount point `/` is used by the mount `m` and by the mount `mount_mkfs_e`',
  ],
  [
    'no root',
    '- local_loop: {name: d, size: 1GiB, mkfs: {type: ext4, mount: {mount_point: /srv}}}\n',
    ['1 DIB_BLOCKDEV_NO_ROOT'],
    'no file system is mounted at `/`',
  ],
  ['no mount at all', '- local_loop: {name: d, size: 1GiB, mkfs: {type: ext4}}\n', ['1 DIB_BLOCKDEV_NO_ROOT'], 'mount_point: /'],
  [
    'relative mount point',
    plus('- local_loop: {name: e, size: 1GiB, mkfs: {type: ext4, mount: {mount_point: var}}}\n'),
    ['2 DIB_BLOCKDEV_MOUNT_POINT'],
    'write `/var`',
  ],
  [
    'mount point that escapes',
    plus('- local_loop: {name: e, size: 1GiB, mkfs: {type: ext4, mount: {mount_point: /var/../../etc}}}\n'),
    ['2 DIB_BLOCKDEV_MOUNT_POINT'],
    'has `.` or `..` in it',
  ],
  [
    'mount point on /proc',
    plus('- local_loop: {name: e, size: 1GiB, mkfs: {type: ext4, mount: {mount_point: /proc/x}}}\n'),
    ['2 DIB_BLOCKDEV_MOUNT_POINT'],
    'is in `/proc`',
  ],
  [
    'mount without mount point',
    plus('- local_loop: {name: e, size: 1GiB, mkfs: {type: ext4, mount: {}}}\n'),
    ['2 DIB_BLOCKDEV_MISSING_KEY'],
    'has no `mount_point`',
  ],
  [
    'none for a file system',
    plus('- local_loop: {name: e, size: 1GiB, mkfs: {type: ext4, mount: {mount_point: none}}}\n'),
    ['2 DIB_BLOCKDEV_MOUNT_POINT'],
    'only for swap',
  ],
  [
    'swap with a mount point',
    plus('- local_loop: {name: e, size: 1GiB, mkfs: {type: swap, mount: {mount_point: /swap}}}\n'),
    ['2 DIB_BLOCKDEV_MOUNT_POINT'],
    'write `mount_point: none`',
  ],
  [
    'options with white space',
    plus('- fstab: {base: m, options: "noatime, nodev"}\n'),
    ['2 DIB_BLOCKDEV_MOUNT_OPTIONS'],
    'has white space',
  ],
  [
    'passno that is no number',
    plus('- fstab: {base: m, fsck-passno: first}\n'),
    ['2 DIB_BLOCKDEV_WRONG_TYPE'],
    'must be an integer from 0 to 9',
  ],
  [
    'auto without content',
    gpt(`{name: a, size: auto}, {name: b, size: 100%, ${MOUNTED}}`),
    ['3 DIB_BLOCKDEV_AUTO_WITHOUT_CONTENT'],
    'nothing is mounted from it',
  ],
  ['disk without size or content', plus('- local_loop: {name: e}\n'), ['2 DIB_BLOCKDEV_DISK_SIZE'], 'cannot be computed'],
  [
    'no disk',
    '- mkfs: {name: r, base: d, type: ext4, mount: {mount_point: /}}\n',
    ['1 DIB_BLOCKDEV_UNKNOWN_BASE', '1 DIB_BLOCKDEV_NO_DISK'],
    'there is no `d`',
  ],
];

describe('mistakes in block devices', () => {
  test('are many', () => {
    expect(CASES.length + WRONG_STACKS.length).toBeGreaterThanOrEqual(200);
  });

  test.each([...CASES, ...WRONG_STACKS])('%s', (_name, text, expected, message) => {
    const checked = parseText(text);
    expect(findings(checked)).toEqual(expected);
    expect(checked.value).toBeUndefined();
    expect(hasErrors(checked.diagnostics)).toBe(true);
    const first = checked.diagnostics[0];
    expect(`${first?.summary}\n${first?.detail}\n${first?.help}`).toContain(
      message.charAt(0) === message.charAt(0).toLowerCase() ? message.slice(1) : message,
    );
    expect(first?.help).toMatch(/^\S.*[.?]$/s);
  });

  test('all mistakes at once, in the order of the file', () => {
    const checked = parseText(`- local_loop:
    name: d
    size: 4294967296
    colour: red
- partitioning:
    base: dd
    label: gtp
    partitions:
      - name: root
        size: 120%
        type: 0700
        mkfs:
          type: ext5
          mount: {mount_point: srv}
`);
    expect(findings(checked).sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10))).toEqual([
      '3 DIB_BLOCKDEV_SIZE_NOT_STRING',
      '4 DIB_BLOCKDEV_UNKNOWN_KEY',
      '6 DIB_BLOCKDEV_UNKNOWN_BASE',
      '7 DIB_BLOCKDEV_TABLE_LABEL',
      '10 DIB_BLOCKDEV_SIZE_PERCENT',
      '11 DIB_BLOCKDEV_TYPE_OCTAL',
      '13 DIB_BLOCKDEV_FS_TYPE',
      '14 DIB_BLOCKDEV_MOUNT_POINT',
    ]);
  });

  test('a cycle names each hop with its place', () => {
    const { diagnostics } = parseText(
      plus('- mkfs: {name: x, base: z, type: ext4}\n- mount: {name: y, base: x, mount_point: /y}\n- fstab: {name: z, base: y}\n'),
    );
    expect(diagnostics).toHaveLength(1);
    expect(diagnostics[0]?.summary).toBe('Bases go in a circle: `x` -> `z` -> `y` -> `x`');
    expect(diagnostics[0]?.related?.map(({ message, range }) => `${range.start.line} ${message}`)).toEqual([
      '4 the fstab `z` stands on `y`',
      '3 the mount `y` stands on `x`',
    ]);
  });

  test('warnings leave the value', () => {
    const checked = parseText(
      `- local_loop: {name: d, size: 1GiB, directory: /tmp}\n- partitioning: {base: d, label: gpt, align: 2MiB, partitions: [{name: a, size: 100%, flags: [boot], ${MOUNTED}}]}\n`,
    );
    expect(findings(checked)).toEqual([
      '1 DIB_BLOCKDEV_DIRECTORY',
      '2 DIB_BLOCKDEV_ALIGN_IGNORED',
      '2 DIB_BLOCKDEV_FLAG_IGNORED',
    ]);
    expect(checked.value).toBeDefined();
  });

  test('pointers carry the prefix', () => {
    expect(parseText('- loop: {}\n', { pointerPrefix: '/block_device' }).diagnostics[0]?.pointer).toBe('/block_device/0/loop');
  });
});
