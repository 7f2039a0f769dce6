// Generated from schemas/plan.schema.json by `npm run generate`: do not edit.

/**
 * Something that the place of execution must offer.
 */
export type Requirement =
  | {
      /**
       * Tells the kinds of requirements apart.
       */
      need: 'root';
      /**
       * What needs it, in words.
       */
      why: string;
    }
  | {
      /**
       * Tells the kinds of requirements apart.
       */
      need: 'loop';
      /**
       * What needs it, in words.
       */
      why: string;
    }
  | {
      /**
       * Tells the kinds of requirements apart.
       */
      need: 'kernel';
      /**
       * Name of the module, such as `dm_thin_pool`.
       */
      name: string;
      /**
       * What needs it, in words.
       */
      why: string;
    }
  | {
      /**
       * Tells the kinds of requirements apart.
       */
      need: 'filesystem';
      /**
       * Type of the file system.
       */
      name: string;
      /**
       * What needs it, in words.
       */
      why: string;
    }
  | {
      /**
       * Tells the kinds of requirements apart.
       */
      need: 'tool';
      /**
       * Name on PATH.
       */
      name: string;
      /**
       * Debian package that has it.
       */
      package: string;
      /**
       * What needs it, in words.
       */
      why: string;
    };

/**
 * What `dib apply` would do, in the order in which it does it: the output of `dib plan --json`. The members follow Terraform's plan JSON where it has the same, so that its viewers and policies work. A higher minor number of format_version adds members, a higher major number changes meanings. Secrets stand in it as digests only.
 */
export interface Plan {
  /**
   * Version of this format.
   */
  format_version: '1.0';
  /**
   * Version of dib that made the plan.
   */
  dib_version: string;
  /**
   * `destroy`: only removes what the state knows. `refresh-only`: only records what changed outside of dib.
   */
  mode: 'apply' | 'destroy' | 'refresh-only';
  /**
   * The image that is planned.
   */
  image: {
    /**
     * Absolute path of its configuration file.
     */
    file: string;
    /**
     * `name` of the configuration.
     */
    name: string;
    /**
     * SHA-256 of the configuration file, in hexadecimal.
     */
    sha256: string;
  };
  configuration?: Configuration;
  /**
   * Names of the caller's variables that count as configuration, sorted: from another shell the plan may be another one.
   *
   * Items: Name of a variable.
   */
  environment_variables: string[];
  /**
   * Elements of `elements_path` in whose place dib's own of the same name run; absent when there is none.
   *
   * Items: One element.
   */
  replaced_elements?: {
    /**
     * Name of the element.
     */
    name: string;
    /**
     * Directory of the one that does not run.
     */
    directory: string;
  }[];
  /**
   * Where the actions run.
   */
  worker: {
    /**
     * `host`: as root, in a mount namespace of its own. `userns`: in a user namespace, without root. `vm`: the same as one of them, with block devices in a virtual machine.
     */
    name: 'host' | 'userns' | 'vm';
    /**
     * Of `vm`: what runs the virtual machine. `uml`: user-mode Linux. `qemu`: QEMU.
     */
    machine?: 'uml' | 'qemu';
    /**
     * Why there, in words.
     */
    reason: string;
    /**
     * How each disk is made, by address of its local_loop.
     */
    realisation: {
      /**
       * How one disk is made.
       */
      [k: string]: {
        /**
         * `offline`: as bytes in files only. `attached`: with loop devices and mounts.
         */
        name: 'offline' | 'attached';
        /**
         * Why so, in words.
         */
        reason: string;
      };
    };
  };
  facts: Facts;
  /**
   * All resources, in the order in which their actions run: deletions first.
   */
  resource_changes: ResourceChange[];
  /**
   * What changed outside of dib since it was recorded; absent when nothing did. `before` is what the state has of it: outputs, attachment, stamp; `after` the same as it is, or null where it is gone.
   */
  resource_drift?: ResourceChange[];
  /**
   * What keeps the image's files in use and is stopped before anything else, deepest first; absent when there is nothing.
   */
  teardown?: TeardownStep[];
  /**
   * The layout of each disk that is made, and of each volume group and thin pool on them.
   */
  disks: Disk[];
  /**
   * Numbers of the line `Plan: A to add, B to change, C to destroy.`: a replacement is one to add and one to destroy.
   */
  summary: {
    /**
     * Resources that are created.
     */
    add: number;
    /**
     * Resources that are made anew beside the old ones.
     */
    change: number;
    /**
     * Resources that are destroyed.
     */
    destroy: number;
  };
  /**
   * What a saved plan was made from: it is refused once any of this differs.
   */
  bound_to: {
    /**
     * SHA-256 of the configuration with its defaults; empty in a plan to destroy.
     */
    configuration_sha256: string;
    /**
     * SHA-256 over all elements; empty in a plan to destroy.
     */
    elements_sha256: string;
    /**
     * Lineage of the state; empty before the first apply.
     */
    lineage: string;
    /**
     * Serial of the state.
     */
    serial: number;
  };
  /**
   * Options of the command line that the plan was made with.
   */
  options: {};
  /**
   * What to know before this is applied.
   *
   * Items: One sentence or more.
   */
  warnings: string[];
}
/**
 * The configuration with its defaults; absent in a plan to destroy.
 */
export interface Configuration {
  /**
   * Version of the configuration's format.
   */
  apiVersion: 'dib/v1';
  /**
   * Name of the image.
   */
  name: string;
  /**
   * The distribution that dib bootstraps.
   */
  distro?: {
    /**
     * Name, such as debian.
     */
    name: string;
    /**
     * Release, such as bookworm.
     */
    release: string;
    /**
     * The distribution's name of the architecture.
     */
    arch: string;
    /**
     * Mirror in place of the usual one.
     */
    mirror?: string;
    /**
     * Mirror of security updates in place of the usual one.
     */
    security_mirror?: string;
    /**
     * Components of the archive.
     *
     * Items: Name of a component.
     */
    components: string[];
    /**
     * What is installed at first, such as minbase.
     */
    variant: string;
    /**
     * Further suites of the archive, such as updates.
     *
     * Items: What follows the release's name and `-`.
     */
    suites?: string[];
    /**
     * File with the public keys of the archive, as declared.
     */
    keyring?: string;
    /**
     * Where the root file system is unpacked from.
     */
    source?:
      | {
          /**
           * An archive.
           */
          type: 'tarball';
          /**
           * Where it is downloaded from.
           */
          url?: string;
          /**
           * Where it lies on the builder, as declared.
           */
          path?: string;
          /**
           * Its SHA-256, as declared.
           */
          sha256?: string;
        }
      | {
          /**
           * A container image.
           */
          type: 'oci';
          /**
           * Its name, as skopeo writes it.
           */
          ref: string;
        };
    /**
     * Files of the builder that the declaration names.
     */
    files?: {
      /**
       * The file of keys.
       */
      keyring?: {
        /**
         * Absolute path.
         */
        path: string;
        /**
         * SHA-256 of its content; of a container image, of its manifest.
         */
        sha256: string;
      };
      /**
       * The archive or container image.
       */
      tree?: {
        /**
         * Absolute path.
         */
        path: string;
        /**
         * SHA-256 of its content; of a container image, of its manifest.
         */
        sha256: string;
      };
    };
  };
  /**
   * Elements, as declared.
   *
   * Items: Name or path of an element.
   */
  elements: string[];
  /**
   * Directories with elements.
   *
   * Items: A directory.
   */
  elements_path: string[];
  /**
   * The element `base` is left out.
   */
  skip_base: boolean;
  /**
   * Present if elements of `elements_path` run in place of dib's own of the same name.
   */
  native_elements?: false;
  /**
   * Packages beside those of the elements.
   *
   * Items: Name of a package.
   */
  packages: string[];
  /**
   * Variables that hooks see; secrets as digests.
   */
  environment: {
    /**
     * Value of the variable.
     */
    [k: string]: string;
  };
  /**
   * Block devices as declared, in diskimage-builder's notation.
   *
   * Items: A device, or a level of them.
   */
  block_device?: {
    [k: string]: unknown;
  }[];
  /**
   * Files to make.
   *
   * Items: One file.
   */
  outputs: {
    /**
     * Format of the file.
     */
    format: 'raw' | 'qcow2' | 'tar';
    /**
     * Path, relative to the directory of the configuration.
     */
    path: string;
    /**
     * How its content is compressed.
     */
    compression: 'zstd' | 'zlib' | 'gzip' | 'none';
    /**
     * Name of the disk; absent for the first one and for a tar.
     */
    disk?: string;
    /**
     * JSON pointer of the declaration.
     */
    pointer: string;
  }[];
}
/**
 * What earlier runs found, or the cache holds, and what was planned from.
 */
export interface Facts {
  /**
   * Digest of what was bootstrapped, without what the mirror had: mirrorDigest and epoch belong to it.
   */
  base?: string;
  /**
   * SHA-256 over the mirror's signed InRelease files that the base is built from.
   */
  mirrorDigest?: string;
  /**
   * Seconds since 1970: no time stamp in the image is later.
   */
  epoch?: number;
  /**
   * Who the existing disks are, by name.
   */
  devices?: {
    [k: string]: DeviceIdentity;
  };
  /**
   * What was found at source repositories, by name.
   */
  sources?: {
    /**
     * One source.
     */
    [k: string]: {
      /**
       * SHA-256 of type, location and ref: of what it was found.
       */
      identity: string;
      /**
       * Commit, or SHA-256 of what is downloaded.
       */
      revision: string;
    };
  };
  /**
   * Fingerprints of the keys of LUKS containers, by name of the container.
   */
  luksKeys?: {
    /**
     * Fingerprint: equal keys of a container have equal ones.
     */
    [k: string]: string;
  };
  /**
   * Space that the tree needs.
   */
  usage?: {
    /**
     * Key of the layer that was measured.
     */
    layer: string;
    /**
     * By mount point.
     */
    mounts: {
      /**
       * What one file system has to hold.
       */
      [k: string]: {
        /**
         * Bytes in whole blocks of 4096.
         */
        bytes: number;
        /**
         * Files, directories and links.
         */
        inodes: number;
      };
    };
  };
}
/**
 * Who an existing disk is.
 */
export interface DeviceIdentity {
  /**
   * Path as declared.
   */
  path: string;
  /**
   * Bytes.
   */
  size: number;
  /**
   * Bytes of a logical sector.
   */
  sectorSize: number;
  /**
   * Maker and model.
   */
  model?: string;
  /**
   * Serial number.
   */
  serial?: string;
  /**
   * World-wide name, or what stands for one of a virtual device.
   */
  wwid?: string;
}
/**
 * What happens to one resource.
 */
export interface ResourceChange {
  /**
   * `kind.name`.
   */
  address: string;
  /**
   * Kind of resource.
   */
  kind: string;
  /**
   * Name within its kind.
   */
  name: string;
  /**
   * What it is, in one line.
   */
  description: string;
  /**
   * The action, and the inputs before and after it.
   */
  change: {
    /**
     * One or two verbs. `update` makes the resource anew beside the old one; `forget` only takes it from the state.
     */
    actions: ['no-op'] | ['create'] | ['update'] | ['delete', 'create'] | ['delete'] | ['forget'];
    /**
     * Inputs that the state has; null if it has none.
     */
    before: Inputs | null;
    /**
     * Inputs that are planned; null if it is destroyed. What is not known yet is the text `(known after apply)`.
     */
    after: Inputs | null;
  };
  /**
   * Why, for programs.
   */
  action_reason:
    | 'create_because_new'
    | 'create_because_missing'
    | 'replace_because_inputs_changed'
    | 'replace_because_dependency_replaced'
    | 'replace_because_interrupted'
    | 'replace_because_drifted'
    | 'replace_by_request'
    | 'no_op_because_unchanged'
    | 'no_op_because_not_needed'
    | 'reuse_because_cached'
    | 'delete_because_no_resource_config'
    | 'delete_because_destroy'
    | 'drift_because_missing'
    | 'drift_because_changed'
    | 'drift_because_detached'
    | 'drift_because_held';
  /**
   * Why, in words that continue the address: `must be replaced: size 4GiB -> 6GiB`.
   */
  reason: string;
  /**
   * Addresses of the resources that it is made from.
   *
   * Items: An address.
   */
  depends_on: string[];
  /**
   * Commands that will run; `<...>` stands for what is not known yet. Empty where nothing is made.
   */
  commands: Command[];
  /**
   * What the place of execution must offer. Empty where nothing is made.
   */
  requires: Requirement[];
  /**
   * SHA-256 of key_document; absent while that depends on what is only known after apply.
   */
  key?: string;
  key_document?: KeyDocument;
}
/**
 * All that the result depends on, besides what it is made from.
 */
export interface Inputs {}
/**
 * A process.
 */
export interface Command {
  /**
   * Program and arguments.
   *
   * Items: An argument.
   */
  argv: string[];
  /**
   * Variables set beside PATH, HOME and LC_ALL.
   */
  env?: {
    /**
     * Value of the variable.
     */
    [k: string]: string;
  };
  /**
   * Directory that it runs in.
   */
  cwd?: string;
  /**
   * Text for its standard input.
   */
  input?: string;
  /**
   * Exit statuses that count as success; absent: only 0.
   *
   * Items: An exit status.
   */
  okExitCodes?: number[];
}
/**
 * All that the result depends on: hashed, it is the key.
 */
export interface KeyDocument {
  /**
   * Kind of resource.
   */
  kind: string;
  inputs: Inputs;
  /**
   * Key of each dependency, by address.
   */
  dependencies: {
    /**
     * A key.
     */
    [k: string]: string;
  };
}
/**
 * Something of the running kernel that stands on the image's files.
 */
export interface TeardownStep {
  /**
   * `lvm`, `luks`: device mappings of LVM and cryptsetup; `dm`: any other one; `md`: an array; `other`: a device of an unknown sort.
   */
  what: 'mount' | 'swap' | 'lvm' | 'luks' | 'dm' | 'md' | 'loop' | 'other';
  /**
   * Mount point, or path of the device.
   */
  name: string;
  /**
   * About it, in words.
   */
  detail: string;
  /**
   * The command that stops it.
   */
  action: string;
  /**
   * Whether the state knows of it. What it does not know was attached by somebody else, or by a run that was killed.
   */
  known: boolean;
}
/**
 * The layout of one disk, volume group or thin pool.
 */
export interface Disk {
  /**
   * Address: `local_loop.NAME`, or `disk.NAME` of an existing one; `vgs.NAME` of a group, `lvs.NAME` of a pool.
   */
  address: string;
  /**
   * Bytes; absent while that is only known after apply.
   */
  size?: number;
  /**
   * `gpt`, `mbr`, or that there is no table; what a group or pool is.
   */
  label: string;
  /**
   * Bytes of a logical sector; of disks only.
   */
  sectorSize?: number;
  /**
   * Partitions in the order of their places; of a disk without a table, the disk; volumes in the order of their declaration.
   *
   * Items: A part of it.
   */
  segments: {
    /**
     * Name of the partition, disk or volume.
     */
    name: string;
    /**
     * First byte; absent while unknown, and of volumes, which may lie in pieces.
     */
    start?: number;
    /**
     * Bytes; absent while unknown. Of a pool with its metadata; of a thin volume what it promises.
     */
    length?: number;
    /**
     * What it holds, in words.
     */
    what: string;
  }[];
  device?: ExistingDisk;
}
/**
 * An existing disk as it was when the plan was made. All but `path` is absent when it was not on this machine.
 */
export interface ExistingDisk {
  /**
   * Path as declared.
   */
  path: string;
  /**
   * Whether it was on this machine.
   */
  present: boolean;
  /**
   * Where the path led to, such as /dev/sdb.
   */
  node?: string;
  /**
   * Maker and model.
   */
  model?: string;
  /**
   * Serial number.
   */
  serial?: string;
  /**
   * World-wide name, or what stands for one of a virtual device.
   */
  wwid?: string;
  /**
   * What is on it, in words.
   */
  holds?: string;
  /**
   * What is on it was made from this state and not used since.
   */
  ours?: boolean;
  /**
   * What is on it goes: apply asks for the name of the disk, or for `--wipe-device`.
   */
  lost?: boolean;
}
