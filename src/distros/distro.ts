import type { StorageFeature } from '../blockdev/storage-needs.ts';
import type { DistroConfig } from '../config/image.ts';
import type { Command } from '../exec/command.ts';

/** What is put into every tree that a family bootstraps, after its tool has run. */
export interface BootstrapResult {
  /** SHA-256 over the signed release files that the packages came from. */
  readonly mirrorDigest: string;
  /** Seconds since 1970: the newest date that one of those files bears. */
  readonly epoch: number;
}

/** A family of distributions that dib bootstraps by itself. */
export interface Distro {
  readonly name: string;
  readonly releases: readonly string[];
  /** Programs of the builder that bootstrapping needs, and the Debian packages that have them. */
  readonly tools: readonly { readonly name: string; readonly package: string; readonly why: string }[];
  /** What fills the empty directory `target`. Throws a DibError for a configuration that cannot work. */
  bootstrapCommands(config: DistroConfig, target: string): readonly Command[];
  /** Brings a tree that the commands left to its final form, and finds out what it was made from. */
  finishBootstrap(config: DistroConfig, target: string): BootstrapResult;
  /** Brings the package lists up to date, inside the tree. */
  refreshCommand(): readonly string[];
  /** Packages with which a running image uses its own disks, and its initramfs finds the root file system on them. */
  storagePackages(feature: StorageFeature, release: string): readonly string[];
  /** Files that say where packages come from, relative to the root: if they change, the lists are out of date. */
  readonly sources: readonly string[];
  /** Paths below the root (directories are emptied) that no finished image keeps. */
  readonly leftovers: readonly string[];
}
