import { choice, either, integer, type KeyGrammar, NAME, NAMES, nodes, SIZE, shaped, TEXT, words } from './grammar-values.ts';

/** Keys of LVM, LUKS and RAID, for the grammar. */
type Keys = Readonly<Record<string, KeyGrammar>>;

const NESTED = 'what it is nested in';
const DEVICE = { form: NAME, default: NESTED, meaning: 'Name of the device.' };
const UUID = { form: TEXT, default: "derived from the image's name" };

export const RAID_KEYS: Keys = {
  name: { form: NAME, required: true, meaning: 'Name of the array: /dev/md/<name>.' },
  base: {
    form: NAMES,
    default: 'the devices whose `raid_member` names it',
    meaning: 'Names of the member devices, in order; those with a `raid_member` come after them.',
  },
  level: {
    form: choice(0, 1, 5, 6, 10, '0', '1', '5', '6', '10'),
    required: true,
    meaning: 'RAID level. At least 2 members for 0, 1 and 10, 3 for 5, 4 for 6.',
  },
  chunk: { form: SIZE, default: '512KiB', meaning: 'Stripe on one member: a power of two from 4KiB; not for level 1.' },
  metadata: {
    form: choice(1, 1.2, '1.0', '1.2'),
    default: '1.2',
    meaning: 'Version of the superblock; `1.0` is at the end of the members, so that firmware can read a mirrored ESP.',
  },
  uuid: { ...UUID, meaning: 'UUID of the array.' },
  options: { form: words('white space'), default: 'none', meaning: 'Further arguments for `mdadm --create`.' },
};

export const RAID_MEMBER_KEYS: Keys = {
  base: DEVICE,
  raid: { form: NAME, required: true, meaning: 'Name of the RAID.' },
};

export const LUKS_KEYS: Keys = {
  name: { form: NAME, default: '`luks_<base>`', meaning: 'Name of the opened container: /dev/mapper/<name>.' },
  base: DEVICE,
  key: {
    form: either(
      '`{file: path}`, `{env: NAME}` or `prompt`',
      { const: 'prompt' },
      {
        type: 'object',
        additionalProperties: false,
        minProperties: 1,
        maxProperties: 1,
        properties: {
          file: {
            description: 'Path of a file, relative to the directory of image.yaml; all its bytes are the key.',
            type: 'string',
          },
          env: { description: 'Name of an environment variable; its value is the passphrase.', type: 'string' },
        },
      },
    ),
    required: true,
    meaning: 'Where the key comes from: a file, an environment variable, or the terminal. Never the key itself.',
  },
  label: { form: TEXT, default: 'its name', meaning: 'Label of the container, at most 47 bytes.' },
  uuid: { ...UUID, meaning: 'UUID of the container.' },
  cipher: {
    form: shaped('text', '^[a-z0-9]+(-[a-z0-9:]+)*$', ['aes-xts-plain64']),
    default: 'aes-xts-plain64',
    meaning: 'Cipher.',
  },
  key_size: { form: choice(128, 192, 256, 384, 512), default: '512 for xts, else 256', meaning: 'Bits of the volume key.' },
  pbkdf: {
    form: choice('argon2id', 'argon2i', 'pbkdf2'),
    default: 'argon2id',
    meaning: 'Key derivation. GRUB 2.06 reads only pbkdf2.',
  },
  iter_time: {
    form: integer(100, 60_000),
    default: '2000',
    meaning: 'Milliseconds that one attempt to unlock shall take, as measured on the machine that builds.',
  },
  pbkdf_memory: {
    form: integer(32, 4_194_304),
    default: '65536',
    meaning: 'KiB that argon2 uses: what unlocks the image must have them free.',
  },
  options: {
    form: words('commas', ['discard']),
    default: '`discard`',
    meaning: 'Options in /etc/crypttab; `luks`, and `initramfs` unless it is to be opened later, are added.',
  },
};

export const LVM_KEYS: Keys = {
  name: { form: NAME, default: '`lvm_<base>`', meaning: 'Accepted from diskimage-builder; only told in messages.' },
  base: { form: NAMES, default: NESTED, meaning: 'Device of those physical volumes that name none.' },
  pvs: { form: nodes('pvs', 'physical volumes'), default: 'none', meaning: 'Physical volumes.' },
  vgs: { form: nodes('vgs', 'volume groups'), default: 'none', meaning: 'Volume groups.' },
  lvs: { form: nodes('lvs', 'logical volumes'), default: 'none', meaning: 'Logical volumes, made in this order.' },
};

export const PVS_KEYS: Keys = {
  name: { form: NAME, required: true, meaning: 'Name of the physical volume in this file.' },
  base: { form: NAME, default: 'the device that the `lvm` is nested in', meaning: 'Name of the device.' },
  options: { form: words('white space'), default: 'none', meaning: 'Further arguments for pvcreate.' },
};

export const VGS_KEYS: Keys = {
  name: { form: NAME, required: true, meaning: 'Name of the volume group, in LVM too.' },
  base: {
    form: NAMES,
    default: 'the devices whose `lvm_pv` names it',
    meaning: 'Names of the physical volumes, in order; those with an `lvm_pv` come after them.',
  },
  extent_size: { form: SIZE, default: '4MiB', meaning: 'Size of an extent: a power of two from 4KiB.' },
  options: { form: words('white space'), default: 'none', meaning: 'Further arguments for vgcreate.' },
};

export const LVS_KEYS: Keys = {
  name: { form: NAME, required: true, meaning: 'Name of the logical volume, in LVM too.' },
  base: { form: NAME, required: true, meaning: 'Name of the volume group.' },
  size: {
    form: SIZE,
    meaning: 'Size, cut to whole extents; of a thin volume the size that it pretends. Either this or `extents`.',
  },
  extents: {
    form: {
      text: 'number, or share such as `100%FREE`',
      schema: { type: ['string', 'integer'], examples: ['28%VG', '100%FREE', '640'] },
    },
    meaning:
      'Number of extents, or a share: `%VG` and `%PVS` of the whole group, `%FREE` of what the volumes before it leave. Not for thin volumes.',
  },
  type: { form: choice('linear', 'thin-pool', 'thin'), default: 'linear', meaning: 'Kind of volume.' },
  'thin-pool': { form: NAME, meaning: 'Name of the pool of a thin volume, in the same group.' },
  options: { form: words('white space'), default: 'none', meaning: 'Further arguments for lvcreate.' },
};

export const LVM_PV_KEYS: Keys = {
  name: { form: NAME, default: '`pv_<base>`', meaning: 'Name of the physical volume in this file.' },
  base: DEVICE,
  vg: { form: NAME, required: true, meaning: 'Name of the volume group.' },
  options: { form: words('white space'), default: 'none', meaning: 'Further arguments for pvcreate.' },
};
