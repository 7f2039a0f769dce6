// Generated from schemas/image.schema.json by `npm run generate`: do not edit.

/**
 * A size as text: a number and a unit. KiB MiB GiB TiB count in 1024, KB MB GB TB and K M G T in 1000; no unit is bytes.
 */
export type Size = string;
/**
 * Older notation: a list of [plugin, values] pairs that belong to one level.
 */
export type BlockDeviceLevel = [
  (
    | 'local_loop'
    | 'disk'
    | 'partitioning'
    | 'raid'
    | 'raid_member'
    | 'luks'
    | 'lvm'
    | 'lvm_pv'
    | 'mkfs'
    | 'btrfs'
    | 'mount'
    | 'fstab'
  ),
  {}
][];

/**
 * image.yaml: one operating-system image, as `dib` builds it.
 */
export interface Image {
  /**
   * Version of this format.
   */
  apiVersion: 'dib/v1';
  /**
   * Name of the image: names its files and, by default, its host. File system UUIDs are derived from it, so renaming an image changes them.
   */
  name: string;
  distro?: Distro;
  /**
   * Elements to build the image from, in any order: names that are looked for in `elements_path` and then among those shipped with dib, or paths that start with `./`, relative to the directory of image.yaml.
   *
   * Items: Name of an element, or its path starting with `./`.
   */
  elements?: string[];
  /**
   * Directories to look for elements in, the first hit wins; relative to the directory of image.yaml. They may lie outside of it. The elements shipped with dib are always looked at last.
   *
   * Items: A directory that has elements in it.
   */
  elements_path?: string[];
  /**
   * Leave out the element `base`, which otherwise belongs to every image.
   */
  skip_base?: boolean;
  /**
   * Whether dib's own elements win over elements of the same name in `elements_path` where they carry out what others only declare: package-installs, pkg-map, install-bin, install-static, bootloader, block-device-* and the like. `false`: those of `elements_path` run.
   */
  native_elements?: boolean;
  /**
   * Packages to install after the install.d phase of the elements, by the distribution's names.
   *
   * Items: Name of a package.
   */
  packages?: string[];
  /**
   * Environment variables that the hooks of the elements see. A number or boolean is passed exactly as it is written here: `0755` stays 0755.
   */
  environment?: {
    /**
     * Value of the variable.
     */
    [k: string]: string | number | boolean;
  };
  /**
   * Disks and what is on them, in diskimage-builder's notation: tree, flat, mixed, or lists of levels. Left out, an element's block-device-ARCH.yaml or block-device-default.yaml, or else one root file system without a partition table, is used.
   *
   * Items: One device: a mapping with one key, the plugin's name; or one level of the older notation.
   */
  block_device?: (BlockDeviceItem | BlockDeviceLevel)[];
  /**
   * Files to produce. Default: one qcow2; nothing, when the image is only written to existing disks (`disk`).
   *
   * Items: An output: its format alone, or a mapping.
   */
  outputs?: (('raw' | 'qcow2' | 'tar') | Output)[];
}
/**
 * The operating system. With an element that brings its own, it only sets DISTRO_NAME, DIB_RELEASE and ARCH.
 */
export interface Distro {
  /**
   * Distribution, bootstrapped by dib itself; or `tarball` or `oci`: a root file system from an archive or a container image.
   */
  name: string;
  /**
   * Code name of the release. Debian: `bookworm`, `trixie`. Ubuntu: `jammy`, `noble`, `plucky`, `questing`. Others: the number, such as `44` (Fedora), `10-stream` (CentOS), `9` (Rocky Linux, AlmaLinux), `16.0` (openSUSE). Not needed with `tarball` and `oci`.
   */
  release?: string;
  /**
   * Debian's name of the architecture. Default: that of this machine.
   */
  arch?: string;
  /**
   * URL of the package archive. Default: chosen by the bootstrap tool.
   */
  mirror?: string;
  /**
   * URL of the archive of security updates. Default: chosen by the bootstrap tool.
   */
  security_mirror?: string;
  /**
   * Further suites of the archive, by what follows the release's name and `-`. Default: `updates`, `security` and for Ubuntu `backports`.
   *
   * Items: End of a suite's name.
   */
  suites?: string[];
  /**
   * File with the public keys that the archive is signed with, relative to image.yaml. Default: the distribution's own keys.
   */
  keyring?: string;
  /**
   * Components of the archive.
   *
   * @minItems 1
   *
   * Items: Name of a component.
   */
  components?: [string, ...string[]];
  /**
   * Which packages the bootstrap starts with, as mmdebstrap names them.
   */
  variant?: 'essential' | 'apt' | 'required' | 'minbase' | 'buildd' | 'important' | 'standard';
  /**
   * With `tarball`: where to download the archive from.
   */
  url?: string;
  /**
   * With `tarball`: the archive, relative to image.yaml.
   */
  path?: string;
  /**
   * With `tarball`: SHA-256 of the archive. Required with `url`.
   */
  sha256?: string;
  /**
   * With `oci`: a container image, as skopeo names them: a directory or an archive beside image.yaml, or one of a registry.
   */
  ref?: string;
  /**
   * With `tarball` and `oci`: the distribution that the root file system is of. Needed to install packages.
   */
  like?: string;
}
/**
 * One device: a mapping with one key, the plugin's name.
 */
export interface BlockDeviceItem {
  local_loop?: LocalLoop;
  disk?: Disk;
  partitioning?: Partitioning;
  raid?: Raid;
  raid_member?: RaidMember;
  luks?: Luks;
  lvm?: Lvm;
  lvm_pv?: LvmPv;
  mkfs?: Mkfs;
  btrfs?: Btrfs;
  mount?: Mount;
  fstab?: Fstab;
}
/**
 * A disk of the image: a file of the given size.
 */
export interface LocalLoop {
  /**
   * Name of the disk, such as `image0`; devices refer to each other by their names.
   */
  name: string;
  /**
   * Size of the disk; `auto` is the smallest on which every file system holds its files, through whatever lies between. Default: computed from the content, with room to spare.
   */
  size?: 'auto' | Size;
  /**
   * Accepted from diskimage-builder, without effect: dib places the file itself.
   */
  directory?: string;
  /**
   * Bytes per logical sector. Default: 512.
   */
  block_size?: 512 | 4096;
  partitioning?: Partitioning;
  raid_member?: RaidMember;
  luks?: Luks;
  lvm?: Lvm;
  lvm_pv?: LvmPv;
  mkfs?: Mkfs;
  btrfs?: Btrfs;
}
/**
 * A partition table.
 */
export interface Partitioning {
  /**
   * Name of the table. Default: `partitioning_<base>`.
   */
  name?: string;
  /**
   * Name of the disk. Default: the disk that it is nested in.
   */
  base?: string;
  /**
   * Kind of the table.
   */
  label: 'mbr' | 'gpt';
  /**
   * Partitions begin at multiples of this; only for mbr. Default: 1MiB.
   */
  align?: Size;
  /**
   * gpt: GUID of the disk. mbr: signature, such as `0x1a2b3c4d`, in quotes. Default: derived from the image's name.
   */
  uuid?: string;
  /**
   * The partitions in the order in which they lie on the disk.
   */
  partitions: Partition[];
  lvm?: Lvm;
}
/**
 * A partition.
 */
export interface Partition {
  /**
   * Name of the partition; on gpt, its name in the table too.
   */
  name: string;
  /**
   * Name of the disk. Default: the disk of the table.
   */
  base?: string;
  /**
   * Size, a share of the space that is left, or `auto` for as small as the files of the image in it allow.
   */
  size: string;
  /**
   * Type, in quotes. gpt: sgdisk's four digits, such as `'8300'`, `'EF00'` or `'EF02'`, or a GUID. mbr: two hexadecimal digits, such as `'83'`. Default: `8300` (gpt), `83` (mbr).
   */
  type?: string | number;
  /**
   * GUID of the partition; only for gpt. Default: derived from the image's name.
   */
  uuid?: string;
  /**
   * `boot` marks the partition as active, `primary` keeps it out of the extended partition. mbr only. Default: none.
   */
  flags?: string | string[];
  raid_member?: RaidMember;
  luks?: Luks;
  lvm?: Lvm;
  lvm_pv?: LvmPv;
  mkfs?: Mkfs;
  btrfs?: Btrfs;
}
/**
 * Gives the device that it stands on to a RAID, by name.
 */
export interface RaidMember {
  /**
   * Name of the device. Default: what it is nested in.
   */
  base?: string;
  /**
   * Name of the RAID.
   */
  raid: string;
}
/**
 * An encrypted container (LUKS2).
 */
export interface Luks {
  /**
   * Name of the opened container: /dev/mapper/<name>. Default: `luks_<base>`.
   */
  name?: string;
  /**
   * Name of the device. Default: what it is nested in.
   */
  base?: string;
  /**
   * Where the key comes from: a file, an environment variable, or the terminal. Never the key itself.
   */
  key:
    | 'prompt'
    | {
        /**
         * Path of a file, relative to the directory of image.yaml; all its bytes are the key.
         */
        file?: string;
        /**
         * Name of an environment variable; its value is the passphrase.
         */
        env?: string;
      };
  /**
   * Label of the container, at most 47 bytes. Default: its name.
   */
  label?: string;
  /**
   * UUID of the container. Default: derived from the image's name.
   */
  uuid?: string;
  /**
   * Cipher. Default: aes-xts-plain64.
   */
  cipher?: string;
  /**
   * Bits of the volume key. Default: 512 for xts, else 256.
   */
  key_size?: 128 | 192 | 256 | 384 | 512;
  /**
   * Key derivation. GRUB 2.06 reads only pbkdf2. Default: argon2id.
   */
  pbkdf?: 'argon2id' | 'argon2i' | 'pbkdf2';
  /**
   * Milliseconds that one attempt to unlock shall take, as measured on the machine that builds. Default: 2000.
   */
  iter_time?: number;
  /**
   * KiB that argon2 uses: what unlocks the image must have them free. Default: 65536.
   */
  pbkdf_memory?: number;
  /**
   * Options in /etc/crypttab; `luks`, and `initramfs` unless it is to be opened later, are added. Default: `discard`.
   */
  options?: string | string[];
  raid_member?: RaidMember;
  luks?: Luks;
  lvm?: Lvm;
  lvm_pv?: LvmPv;
  mkfs?: Mkfs;
  btrfs?: Btrfs;
}
/**
 * Physical volumes, volume groups and logical volumes that belong together.
 */
export interface Lvm {
  /**
   * Accepted from diskimage-builder; only told in messages. Default: `lvm_<base>`.
   */
  name?: string;
  /**
   * Device of those physical volumes that name none. Default: what it is nested in.
   */
  base?: string | string[];
  /**
   * Physical volumes. Default: none.
   */
  pvs?: Pvs[];
  /**
   * Volume groups. Default: none.
   */
  vgs?: Vgs[];
  /**
   * Logical volumes, made in this order. Default: none.
   */
  lvs?: Lvs[];
}
/**
 * A device as a physical volume.
 */
export interface Pvs {
  /**
   * Name of the physical volume in this file.
   */
  name: string;
  /**
   * Name of the device. Default: the device that the `lvm` is nested in.
   */
  base?: string;
  /**
   * Further arguments for pvcreate. Default: none.
   */
  options?: string | string[];
}
/**
 * A volume group of one or more physical volumes.
 */
export interface Vgs {
  /**
   * Name of the volume group, in LVM too.
   */
  name: string;
  /**
   * Names of the physical volumes, in order; those with an `lvm_pv` come after them. Default: the devices whose `lvm_pv` names it.
   */
  base?: string | string[];
  /**
   * Size of an extent: a power of two from 4KiB. Default: 4MiB.
   */
  extent_size?: Size;
  /**
   * Further arguments for vgcreate. Default: none.
   */
  options?: string | string[];
}
/**
 * A logical volume in a volume group.
 */
export interface Lvs {
  /**
   * Name of the logical volume, in LVM too.
   */
  name: string;
  /**
   * Name of the volume group.
   */
  base: string;
  /**
   * Size, cut to whole extents; of a thin volume the size that it pretends. Either this or `extents`.
   */
  size?: Size;
  /**
   * Number of extents, or a share: `%VG` and `%PVS` of the whole group, `%FREE` of what the volumes before it leave. Not for thin volumes.
   */
  extents?: string | number;
  /**
   * Kind of volume. Default: linear.
   */
  type?: 'linear' | 'thin-pool' | 'thin';
  /**
   * Name of the pool of a thin volume, in the same group.
   */
  'thin-pool'?: string;
  /**
   * Further arguments for lvcreate. Default: none.
   */
  options?: string | string[];
  raid_member?: RaidMember;
  luks?: Luks;
  lvm?: Lvm;
  lvm_pv?: LvmPv;
  mkfs?: Mkfs;
  btrfs?: Btrfs;
}
/**
 * Gives the device that it stands on to a volume group, by name.
 */
export interface LvmPv {
  /**
   * Name of the physical volume in this file. Default: `pv_<base>`.
   */
  name?: string;
  /**
   * Name of the device. Default: what it is nested in.
   */
  base?: string;
  /**
   * Name of the volume group.
   */
  vg: string;
  /**
   * Further arguments for pvcreate. Default: none.
   */
  options?: string | string[];
}
/**
 * A file system or a swap area.
 */
export interface Mkfs {
  /**
   * Name of the file system. Default: `mkfs_<base>`.
   */
  name?: string;
  /**
   * Name of the device. Default: what it is nested in.
   */
  base?: string;
  /**
   * Type of the file system. Default: at `/`: `FS_TYPE`, else `ext4`; elsewhere it must be said.
   */
  type?: 'ext4' | 'ext3' | 'ext2' | 'xfs' | 'btrfs' | 'vfat' | 'swap';
  /**
   * Label of the file system. vfat labels become upper case. Default: its name; at `/`: `ROOT_LABEL`, else `cloudimg-rootfs` (xfs: `img-rootfs`).
   */
  label?: string;
  /**
   * Further arguments for mkfs. Default: none.
   */
  opts?: string | string[];
  /**
   * UUID; for vfat the volume id, such as `1A2B-3C4D`. Default: derived from the image's name.
   */
  uuid?: string;
  mount?: Mount;
}
/**
 * Where a file system belongs in the tree.
 */
export interface Mount {
  /**
   * Name of the mount. Default: `mount_<base>`.
   */
  name?: string;
  /**
   * Name of the file system or subvolume. Default: what it is nested in.
   */
  base?: string;
  /**
   * Where the file system is mounted in the image; `none` for swap. Default: of swap: `none`; elsewhere it must be said.
   */
  mount_point?: string;
  /**
   * Options for mounting while building, and in fstab unless that says otherwise. Default: none.
   */
  options?: string | string[];
  fstab?: Fstab;
}
/**
 * The line in /etc/fstab.
 */
export interface Fstab {
  /**
   * Name of the entry. Default: `fstab_<base>`.
   */
  name?: string;
  /**
   * Name of the mount. Default: what it is nested in.
   */
  base?: string;
  /**
   * Mount options. Default: those of the mount, else `defaults`.
   */
  options?: string | string[];
  /**
   * Fifth field: whether dump(8) saves it. Default: 0.
   */
  'dump-freq'?: number;
  /**
   * Sixth field: when fsck(8) checks it; 0 is never. Default: 1 for `/`, 2 for others, 0 for swap.
   */
  'fsck-passno'?: number;
}
/**
 * A btrfs file system with subvolumes.
 */
export interface Btrfs {
  /**
   * Name of the file system. Default: `btrfs_<base>`.
   */
  name?: string;
  /**
   * Name of the device. Default: what it is nested in.
   */
  base?: string;
  /**
   * Label of the file system. vfat labels become upper case. Default: its name; at `/`: `ROOT_LABEL`, else `cloudimg-rootfs` (xfs: `img-rootfs`).
   */
  label?: string;
  /**
   * Further arguments for mkfs.btrfs. Default: none.
   */
  opts?: string | string[];
  /**
   * UUID of the file system. Default: derived from the image's name.
   */
  uuid?: string;
  /**
   * The subvolumes, made in this order. Default: none.
   */
  subvolumes?: Subvolume[];
  mount?: Mount;
}
/**
 * A subvolume of a btrfs file system.
 */
export interface Subvolume {
  /**
   * Name of the subvolume in this file.
   */
  name: string;
  /**
   * Name of the file system. Default: the btrfs that it is written in.
   */
  base?: string;
  /**
   * Path inside of the file system, without a slash in front. Default: its name.
   */
  path?: string;
  mount?: Mount;
}
/**
 * A disk of this machine that is there already, such as a hard disk, an iSCSI target or a LUN.
 */
export interface Disk {
  /**
   * Name of the disk in this file.
   */
  name: string;
  /**
   * Absolute path of the device. Names in /dev/disk/by-id stay when disks change places.
   */
  path: string;
  /**
   * Whether what is on the disk may be overwritten, once that has been confirmed. Otherwise the disk must be empty. Default: false.
   */
  wipe?: boolean;
  partitioning?: Partitioning;
  raid_member?: RaidMember;
  luks?: Luks;
  lvm?: Lvm;
  lvm_pv?: LvmPv;
  mkfs?: Mkfs;
  btrfs?: Btrfs;
}
/**
 * A software RAID of several devices, as mdadm makes it.
 */
export interface Raid {
  /**
   * Name of the array: /dev/md/<name>.
   */
  name: string;
  /**
   * Names of the member devices, in order; those with a `raid_member` come after them. Default: the devices whose `raid_member` names it.
   */
  base?: string | string[];
  /**
   * RAID level. At least 2 members for 0, 1 and 10, 3 for 5, 4 for 6.
   */
  level: 0 | 1 | 5 | 6 | 10 | '0' | '1' | '5' | '6' | '10';
  /**
   * Stripe on one member: a power of two from 4KiB; not for level 1. Default: 512KiB.
   */
  chunk?: Size;
  /**
   * Version of the superblock; `1.0` is at the end of the members, so that firmware can read a mirrored ESP. Default: 1.2.
   */
  metadata?: 1 | 1.2 | '1.0' | '1.2';
  /**
   * UUID of the array. Default: derived from the image's name.
   */
  uuid?: string;
  /**
   * Further arguments for `mdadm --create`. Default: none.
   */
  options?: string | string[];
  raid_member?: RaidMember;
  luks?: Luks;
  lvm?: Lvm;
  lvm_pv?: LvmPv;
  mkfs?: Mkfs;
  btrfs?: Btrfs;
}
/**
 * A file to produce.
 */
export interface Output {
  /**
   * `raw`: the disk, byte by byte, sparse. `qcow2`: QEMU's format. `tar`: the root file system as an archive.
   */
  format: 'raw' | 'qcow2' | 'tar';
  /**
   * Where to write it, relative to the directory of image.yaml. Default: `<name>.<format>`, or `<name>-<disk>.<format>` when `disk` is given.
   */
  path?: string;
  /**
   * qcow2: `zstd` (default), `zlib`, `none`. tar: `none` (default), `zstd`, `gzip`. raw: `none`.
   */
  compression?: 'zstd' | 'zlib' | 'gzip' | 'none';
  /**
   * Name of the `local_loop` to take, when there are several. Default: the first.
   */
  disk?: string;
}
