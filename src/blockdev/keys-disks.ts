import { BOOLEAN, choice, either, type KeyGrammar, NAME, nodes, SIZE, shaped, TEXT, words } from './grammar-values.ts';

/** Keys of disks and partition tables, for the grammar. */
type Keys = Readonly<Record<string, KeyGrammar>>;

const DERIVED = "derived from the image's name";

export const LOCAL_LOOP_KEYS: Keys = {
  name: {
    form: NAME,
    required: true,
    meaning: 'Name of the disk, such as `image0`; devices refer to each other by their names.',
  },
  size: {
    form: either('size, or `auto`', { const: 'auto' }, { $ref: '#/definitions/size' }),
    default: 'computed from the content, with room to spare',
    meaning:
      'Size of the disk; `auto` is the smallest on which every file system holds its files, through whatever lies between.',
  },
  directory: { form: TEXT, meaning: 'Accepted from diskimage-builder, without effect: dib places the file itself.' },
  block_size: { form: choice(512, 4096), default: '512', meaning: 'Bytes per logical sector.' },
};

export const DISK_KEYS: Keys = {
  name: { form: NAME, required: true, meaning: 'Name of the disk in this file.' },
  path: {
    form: shaped('path below /dev', '^/dev/', ['/dev/disk/by-id/ata-DISK-SERIAL']),
    required: true,
    meaning: 'Absolute path of the device. Names in /dev/disk/by-id stay when disks change places.',
  },
  wipe: {
    form: BOOLEAN,
    default: 'false',
    meaning: 'Whether what is on the disk may be overwritten, once that has been confirmed. Otherwise the disk must be empty.',
  },
};

export const PARTITIONING_KEYS: Keys = {
  name: { form: NAME, default: '`partitioning_<base>`', meaning: 'Name of the table.' },
  base: { form: NAME, default: 'the disk that it is nested in', meaning: 'Name of the disk.' },
  label: { form: choice('mbr', 'gpt'), required: true, meaning: 'Kind of the table.' },
  align: { form: SIZE, default: '1MiB', meaning: 'Partitions begin at multiples of this; only for mbr.' },
  uuid: {
    form: TEXT,
    default: DERIVED,
    meaning: 'gpt: GUID of the disk. mbr: signature, such as `0x1a2b3c4d`, in quotes.',
  },
  partitions: {
    form: nodes('partition', 'partitions'),
    required: true,
    meaning: 'The partitions in the order in which they lie on the disk.',
  },
};

export const PARTITION_KEYS: Keys = {
  name: { form: NAME, required: true, meaning: 'Name of the partition; on gpt, its name in the table too.' },
  base: { form: NAME, default: 'the disk of the table', meaning: 'Name of the disk.' },
  size: {
    form: shaped('size, share such as `100%`, or `auto`', '^([0-9.]* ?([A-Za-z0-9_]*|%)|auto)$', ['8MiB', '100%', 'auto']),
    required: true,
    meaning: 'Size, a share of the space that is left, or `auto` for as small as the files of the image in it allow.',
  },
  type: {
    form: { text: 'text', schema: { type: ['string', 'integer'], examples: ['8300', 'EF00', 'EF02', '83'] } },
    default: '`8300` (gpt), `83` (mbr)',
    meaning:
      "Type, in quotes. gpt: sgdisk's four digits, such as `'8300'`, `'EF00'` or `'EF02'`, or a GUID. mbr: two hexadecimal digits, such as `'83'`.",
  },
  uuid: { form: TEXT, default: DERIVED, meaning: 'GUID of the partition; only for gpt.' },
  flags: {
    form: words('commas', [['boot', 'primary']]),
    default: 'none',
    meaning: '`boot` marks the partition as active, `primary` keeps it out of the extended partition. mbr only.',
  },
};
