import type { DistroConfig } from '../../config/image.ts';
import type { BootstrapContext, BootstrapResult, BuilderTool } from '../../distros/distro.ts';
import type { Command } from '../../exec/command.ts';
import { oci } from './oci.ts';
import { tarball } from './tarball.ts';

/** Where a tree is unpacked: absolute paths, or words such as `<tree>` in a plan. */
export interface TreePlace {
  readonly target: string;
  readonly scratch: string;
  /** SHA-256 of what a moving reference meant when it was first fetched. */
  readonly pinned?: string | undefined;
}

/** A way to have a root file system without bootstrapping one: archives, container images. */
export interface TreeMaker {
  tools(config: DistroConfig): readonly BuilderTool[];
  /** What fill will run, for the plan. Pure. */
  commands(config: DistroConfig, place: TreePlace): readonly Command[];
  /** Fills the empty directory `target`. Throws DibError for what cannot be fetched, is not what it should be, or would leave the tree. */
  fill(config: DistroConfig, place: TreePlace, context: BootstrapContext): Promise<BootstrapResult>;
}

/** What unpacks the tree of an image; undefined for a distribution that is bootstrapped. */
export function treeMaker(config: DistroConfig): TreeMaker | undefined {
  return config.source === undefined ? undefined : { tarball, oci }[config.source.type];
}
