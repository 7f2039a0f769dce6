// Generated from schemas/image.schema.json by `npm run generate`: do not edit.

/**
 * A size as text: a number and a unit. KiB MiB GiB TiB count in 1024, KB MB GB TB and K M G T in 1000; no unit is bytes.
 */
export type Size = string;
/**
 * Older notation: a list of [plugin, values] pairs that belong to one level.
 */
export type BlockDeviceLevel = ['local_loop' | 'partitioning' | 'mkfs' | 'mount' | 'fstab', {}][];

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
   * Files to produce. Default: one qcow2.
   *
   * @minItems 1
   *
   * Items: An output: its format alone, or a mapping.
   */
  outputs?: [('raw' | 'qcow2' | 'tar') | Output, ...(('raw' | 'qcow2' | 'tar') | Output)[]];
}
/**
 * The operating system. With an element that brings its own, it only sets DISTRO_NAME, DIB_RELEASE and ARCH.
 */
export interface Distro {
  /**
   * Distribution. Bootstrapped by dib itself: `debian`.
   */
  name: string;
  /**
   * Code name of the release. Debian: `bookworm`, `trixie`.
   */
  release: string;
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
}
/**
 * One device: a mapping with one key, the plugin's name.
 */
export interface BlockDeviceItem {
  local_loop?: LocalLoop;
  partitioning?: Partitioning;
  mkfs?: Mkfs;
  mount?: Mount;
  fstab?: Fstab;
}
/**
 * A disk: a file of the given size.
 */
export interface LocalLoop {
  /**
   * Name of the device; devices refer to each other by it.
   */
  name?: string;
  /**
   * Size of the disk; `auto` is the smallest that the content fits into. Default: computed from the content, with room to spare.
   */
  size?: 'auto' | Size;
  /**
   * Accepted from diskimage-builder; dib places the file itself.
   */
  directory?: string;
  /**
   * Bytes per logical sector.
   */
  block_size?: 512 | 4096;
  partitioning?: Partitioning;
  mkfs?: Mkfs;
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
   * Name of the disk. In the tree notation: the disk it stands in.
   */
  base?: string;
  /**
   * Kind of the table.
   */
  label: 'mbr' | 'gpt';
  /**
   * Where partitions may start: multiples of this.
   */
  align?: Size;
  /**
   * gpt: GUID of the disk. mbr: the signature as eight hexadecimal digits. Default: derived from the image's name.
   */
  uuid?: string;
  /**
   * The partitions in the order in which they lie on the disk.
   *
   * @minItems 1
   */
  partitions: [Partition, ...Partition[]];
}
/**
 * A partition.
 */
export interface Partition {
  /**
   * Name of the partition; devices refer to each other by it.
   */
  name: string;
  /**
   * Name of the disk. Default: that of the table.
   */
  base?: string;
  /**
   * Size, such as `8MiB`, or a share of the space that is left, such as `100%`.
   */
  size: string;
  /**
   * Type, in quotes. gpt: sgdisk's four digits, such as `'8300'`, `'EF00'` or `'EF02'`, or a GUID. mbr: two hexadecimal digits, such as `'83'`.
   */
  type?: string;
  /**
   * gpt: GUID of the partition. Default: derived from the image's name.
   */
  uuid?: string;
  /**
   * `boot` marks the partition as active, `primary` keeps it out of the extended partition. mbr only.
   *
   * Items: A flag.
   */
  flags?: ('boot' | 'primary')[];
  mkfs?: Mkfs;
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
   * Name of the partition or disk. In the tree notation: where it stands in.
   */
  base?: string;
  /**
   * Type of the file system.
   */
  type?: 'ext2' | 'ext3' | 'ext4' | 'xfs' | 'btrfs' | 'vfat' | 'swap';
  /**
   * Label of the file system. Default: its name.
   */
  label?: string;
  /**
   * Further arguments for mkfs, separated by spaces.
   */
  opts?: string;
  /**
   * UUID; for vfat the volume id. Default: derived from the image's name.
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
   * Name of the file system. In the tree notation: where it stands in.
   */
  base?: string;
  /**
   * Absolute path in the image; `none` for swap.
   */
  mount_point: string;
  /**
   * Options for mounting during the build, separated by commas.
   */
  options?: string;
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
   * Name of the mount. In the tree notation: where it stands in.
   */
  base?: string;
  /**
   * Mount options, separated by commas.
   */
  options?: string;
  /**
   * Fifth field: whether dump(8) saves it.
   */
  'dump-freq'?: number;
  /**
   * Sixth field: when fsck(8) checks it; 0 is never.
   */
  'fsck-passno'?: number;
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
