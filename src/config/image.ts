import type { Locator } from '../diagnostics/diagnostic.ts';
import type { Json } from '../util/json.ts';

/** The operating system to bootstrap natively. Absent when an element brings its own. */
export interface DistroConfig {
  readonly name: string;
  readonly release: string;
  /** Debian architecture name, such as `amd64`. */
  readonly arch: string;
  readonly mirror?: string | undefined;
  readonly security_mirror?: string | undefined;
  readonly components: readonly string[];
  /** Further suites of an archive of Debian's family: `updates` for `bookworm-updates`. Absent: those of the distribution. */
  readonly suites?: readonly string[] | undefined;
  /** mmdebstrap variant, such as `minbase`. */
  readonly variant: string;
  /** File of the public keys that the archives are signed with, relative to the directory of image.yaml. */
  readonly keyring?: string | undefined;
  /** Where to unpack a root file system from, instead of bootstrapping one. `name` and `release` say then what is in it. */
  readonly source?: TreeSource | undefined;
  /** The files of the builder that these keys name, once they were read. */
  readonly files?: { readonly keyring?: BuilderFile | undefined; readonly tree?: BuilderFile | undefined } | undefined;
}

/** A root file system as one archive, or as a container image. */
export type TreeSource =
  | {
      readonly type: 'tarball';
      readonly url?: string | undefined;
      /** Relative to the directory of image.yaml. */
      readonly path?: string | undefined;
      readonly sha256?: string | undefined;
    }
  /** `ref` as skopeo(1) has it: `oci:DIR:tag`, `oci-archive:FILE`, `docker-archive:FILE`, `docker://HOST/NAME@sha256:...`. */
  | { readonly type: 'oci'; readonly ref: string };

/** A file of the builder that an image is made from. */
export interface BuilderFile {
  /** Absolute. */
  readonly path: string;
  /** Of its content; of a container image, that of its manifest. */
  readonly sha256: string;
}

export type OutputFormat = 'raw' | 'qcow2' | 'tar';

export interface OutputConfig {
  readonly format: OutputFormat;
  /** Relative to the directory of image.yaml. Default `<name>.<format>`; `<name>-<disk>.<format>` when `disk` is given. */
  readonly path: string;
  /** Of qcow2: `zstd` (default), `zlib`, `none`. Of tar: `none` (default), `zstd`, `gzip`. */
  readonly compression: 'zstd' | 'zlib' | 'gzip' | 'none';
  /** Name of the local_loop node; absent for the first disk and for tar. */
  readonly disk?: string | undefined;
  /** JSON pointer of its declaration. */
  readonly pointer: string;
}

/** image.yaml, checked, with every default filled in. */
export interface ImageConfig {
  readonly apiVersion: 'dib/v1';
  readonly name: string;
  readonly distro?: DistroConfig | undefined;
  readonly elements: readonly string[];
  readonly elements_path: readonly string[];
  /** The element `base` is left out. */
  readonly skip_base: boolean;
  /** `false`: elements of `elements_path` that carry out what others declare run in place of dib's own. Absent: dib's own win. */
  readonly native_elements?: false | undefined;
  readonly packages: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** diskimage-builder's block-device configuration, any notation, unparsed. Absent: elements or the built-in default supply it. */
  readonly block_device?: readonly Json[] | undefined;
  readonly outputs: readonly OutputConfig[];
}

/** An image with the file it came from. */
export interface LoadedImage {
  /** Absolute path of image.yaml. */
  readonly file: string;
  /** Absolute path of the directory that relative paths of the image start from. */
  readonly directory: string;
  /** SHA-256 of the file's bytes. */
  readonly sha256: string;
  readonly text: string;
  readonly config: ImageConfig;
  readonly locate: Locator;
  /** A value exactly as it is written, quotes included, by JSON pointer: `0700` and `'0700'` differ only here. Undefined where nothing stands. */
  readonly sourceText: (pointer: string) => string | undefined;
}
