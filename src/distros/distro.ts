import type { StorageFeature } from '../blockdev/storage-needs.ts';
import type { DistroConfig } from '../config/image.ts';
import type { Command } from '../exec/command.ts';

/** What is known of a tree once it is there. */
export interface BootstrapResult {
  /** SHA-256 over the signed release files that the packages came from, or of what the tree was unpacked from. */
  readonly mirrorDigest: string;
  /** Seconds since 1970: the newest date that one of those files bears. */
  readonly epoch: number;
}

/** Where a bootstrap works: absolute paths, or words such as `<tree>` in a plan. */
export interface BootstrapPlace {
  /** Empty directory that becomes the root of the image. */
  readonly target: string;
  /** Empty directory for the bootstrap's own files, such as lists of repositories; gone afterwards. */
  readonly scratch: string;
  /** A copy of the file of keys that image.yaml gives: `.asc` if it is armoured, else `.gpg`. Absent: the distribution's own keys. */
  readonly keyring?: string | undefined;
  /** The same program with /proc, /dev, /sys and /run of a sandbox mounted on `target`, which has directories for them by then. It is not chrooted. */
  mounted(argv: readonly string[]): readonly string[];
  /** Packages that were downloaded before, on the same file system as `target`, where new ones are put too; absent in a plan. */
  readonly packagePool?: string | undefined;
  /** The same for a package manager that keeps packages in a directory which it is told; absent in a plan. */
  readonly packages?: SharedPackages | undefined;
}

/** Packages that any build has downloaded, where a program of the builder sees them and puts new ones. */
export interface SharedPackages {
  /** Absolute path, which is there only for what runs by `lend`. */
  readonly directory: string;
  /** The same program with the packages in `directory`. Whatever it does there reaches no other build. */
  lend(argv: readonly string[]): readonly string[];
}

/** What a bootstrap is given to say and do things with. */
export interface BootstrapContext {
  readonly signal: AbortSignal;
  run(command: Command): Promise<unknown>;
  /** A line for the user, below the action's name. */
  progress(message: string): void;
  /** Appends to the action's log. */
  log(text: string): void;
}

/** A program of the builder, and the Debian package that has it. */
export interface BuilderTool {
  readonly name: string;
  readonly package: string;
  readonly why: string;
}

/** How an empty directory becomes a root file system. Everything throws a DibError for a configuration that cannot work. */
export interface Bootstrap {
  readonly tools: readonly BuilderTool[];
  /** Writes what the commands read, into `scratch` or `target`. */
  prepareBootstrap?(config: DistroConfig, place: BootstrapPlace, context: BootstrapContext): Promise<void>;
  /** What fills `target`. Pure: a plan shows the same. */
  bootstrapCommands(config: DistroConfig, place: BootstrapPlace): readonly Command[];
  /** Brings a tree that the commands left to its final form, and finds out what it was made from. */
  finishBootstrap(config: DistroConfig, place: BootstrapPlace): BootstrapResult | Promise<BootstrapResult>;
  /** A better account of what its commands died of, such as a signature; the same error where there is none. */
  explainFailure?(error: unknown, config: DistroConfig, place: BootstrapPlace): unknown;
}

/** Where packages are installed from outside. */
export type OutsidePlace = Pick<BootstrapPlace, 'target' | 'scratch' | 'packages'>;

/** Installs packages into a tree that has no package manager of its own: that of the builder, working from outside. */
export interface OutsideInstaller {
  /** Programs of the tree, any of which does it better: relative paths. */
  readonly inside: readonly string[];
  /** Writes what the commands read into `scratch`, which is empty. */
  prepare(config: DistroConfig, place: OutsidePlace): void;
  /** To be run with the sandbox's mounts on `target`. `refresh`: what is known of the repositories is out of date. */
  commands(
    config: DistroConfig,
    place: OutsidePlace,
    action: 'install' | 'uninstall',
    packages: readonly string[],
    refresh: boolean,
  ): readonly Command[];
  /** Prints the file names of all packages in the tree, one a line. */
  installed(config: DistroConfig, place: OutsidePlace): Command;
}

/** By which package manager a distribution lives: that of `redhat` is dnf, that of `suse` zypper. */
export type DistroFamily = 'debian' | 'redhat' | 'suse';

/** A distribution that dib bootstraps by itself. */
export interface Distro extends Bootstrap {
  /** As in image.yaml and in DISTRO_NAME. */
  readonly name: string;
  readonly family: DistroFamily;
  /** Its keys on the builder, needed unless image.yaml brings others; absent: they come with a tool. */
  readonly keyring?: BuilderTool | undefined;
  /** The shipped element that stands for it: what is installed beyond the bootstrap. */
  readonly element: string;
  readonly releases: readonly string[];
  /** The release of an image that names only the element. */
  readonly defaultRelease: string;
  /** Other ways to name a release. */
  readonly releaseAliases: Readonly<Record<string, string>>;
  /** By release, in Debian's names. */
  readonly architectures: Readonly<Record<string, readonly string[]>>;
  /** Components of the archive that are known, and those of an image that names none. */
  readonly components: readonly string[];
  readonly defaultComponents: readonly string[];
  /** For trees without a package manager. */
  readonly outside?: OutsideInstaller;
  /** Brings the package lists up to date, inside the tree. */
  refreshCommand(): readonly string[];
  /** Packages with which a running image uses its own disks, and its initramfs finds the root file system on them. */
  storagePackages(feature: StorageFeature, release: string): readonly string[];
  /** Files that say where packages come from, relative to the root: if they change, the lists are out of date. */
  readonly sources: readonly string[];
  /** Paths below the root (directories are emptied) that no finished image keeps. */
  readonly leftovers: readonly string[];
}
