// Generated from schemas/state.schema.json by `npm run generate`: do not edit.

/**
 * What dib knows of the resources that it made: `.dib/state.json`. Written by dib alone; programs may read it.
 */
export interface State {
  /**
   * Tells this file from others.
   */
  format: 'dib.state';
  /**
   * A higher minor number adds members, a higher major number changes meanings.
   */
  format_version: string;
  /**
   * UUID given when the state was born: two states of one lineage are versions of each other.
   */
  lineage: string;
  /**
   * Raised by each change.
   */
  serial: number;
  /**
   * Version of dib that wrote the file.
   */
  dib_version: string;
  /**
   * The image that the resources belong to.
   */
  image: {
    /**
     * Configuration file.
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
  /**
   * Where the last change was made.
   */
  host: {
    /**
     * /etc/machine-id, or empty.
     */
    machine_id: string;
    /**
     * /proc/sys/kernel/random/boot_id: attachments of an earlier boot are gone.
     */
    boot_id: string;
  };
  /**
   * Worker of the last apply; null before the first.
   */
  worker: 'host' | 'userns' | 'vm' | null;
  /**
   * What was found while applying and decides what is planned next.
   */
  facts: {
    /**
     * Digest of what was bootstrapped, without what the mirror had: mirrorDigest and epoch belong to it.
     */
    base?: string;
    /**
     * SHA-256 over the mirror's InRelease files that the base was built from.
     */
    mirrorDigest?: string;
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
        [k: string]: {
          /**
           * Bytes.
           */
          bytes: number;
          /**
           * Files, directories and links.
           */
          inodes: number;
        };
      };
    };
  };
  /**
   * Sorted by address.
   */
  resources: Resource[];
}
/**
 * A resource that exists, or that a run that ended in the middle may have left.
 */
export interface Resource {
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
   * `creating` and `destroying` are intents, recorded before the action; `tainted`: its creation failed half-way.
   */
  status: 'creating' | 'created' | 'tainted' | 'destroying';
  inputs: Object;
  outputs: Object;
  /**
   * SHA-256 of key_document, or empty while an input is not known.
   */
  key: string;
  /**
   * All that the result depends on.
   */
  key_document: {
    /**
     * Kind of resource.
     */
    kind: string;
    inputs: Object;
    /**
     * Key of each dependency, by address.
     */
    dependencies: {
      [k: string]: string;
    };
  };
  /**
   * Addresses of the resources that this one was made from.
   */
  depends_on: string[];
  marker?: Object;
  /**
   * How it is attached to the running system (loop device, mount).
   */
  attachment?: {
    /**
     * `attaching` and `detaching` are intents.
     */
    status: 'attaching' | 'attached' | 'detaching';
    /**
     * Boot during which it was attached.
     */
    boot_id: string;
    /**
     * Nothing can be written through it.
     */
    read_only?: boolean;
    marker?: Object;
    outputs: Object;
  };
  /**
   * What tells whether somebody touched it since the last complete run, such as the time of the last change of a disk file.
   */
  stamp?: {};
}
/**
 * Any JSON object.
 */
export interface Object {}
