import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { DistroConfig } from '../../config/image.ts';
import type { BootstrapContext, BuilderTool } from '../../distros/distro.ts';
import type { Command } from '../../exec/command.ts';
import { pinnedReference, treeDigest } from './digest.ts';
import {
  type ContainerImage,
  checkBlob,
  goArchitecture,
  type ImageLayer,
  readDockerArchive,
  readLayout,
  readSkopeoDirectory,
  type Wanted,
  wrongDigest,
} from './oci-image.ts';
import { explainRegistry, type RegistryFetch } from './registry-failures.ts';
import type { TreeMaker, TreePlace } from './tree-source.ts';
import { checkTree, tarCommand, unpackOver, unpackTools } from './unpack.ts';

/** A reference in the words of containers-transports(5). */
export interface Reference {
  readonly transport: 'oci' | 'oci-archive' | 'docker-archive' | 'docker';
  /** Relative to the directory of image.yaml; of `docker` host and name. */
  readonly path: string;
  readonly tag?: string | undefined;
}

/** `oci:DIRECTORY[:tag]`, `oci-archive:FILE[:tag]`, `docker-archive:FILE[:name:tag]`, `docker://HOST/NAME`. The schema has checked the beginning. */
export function parseReference(ref: string): Reference {
  const colon = ref.indexOf(':');
  const [transport, rest] = [ref.slice(0, colon) as Reference['transport'], ref.slice(colon + 1)];
  if (transport === 'docker') return { transport, path: rest.replace(/^\/\//, '') };
  const [path = '', ...tag] = rest.split(':');
  return { transport, path, tag: tag.length === 0 ? undefined : tag.join(':') };
}

/** The root file system of a container image. */
export const oci: TreeMaker = {
  tools(config): readonly BuilderTool[] {
    const { transport } = parseReference(refOf(config));
    const skopeo: BuilderTool = { name: 'skopeo', package: 'skopeo', why: 'fetches container images from registries' };
    return [...(transport === 'docker' ? [skopeo] : []), ...unpackTools('layer.gz')];
  },
  commands: (config, place) => [
    ...fetchCommands(config, place),
    tarCommand(join(place.scratch, 'layer'), place.target, join(place.scratch, 'layer.skipped')),
  ],
  async fill(config, place, context) {
    const wanted = wantedOf(config);
    const image = await open(config, place, context, wanted);
    let newest = 0;
    for (const [number, layer] of image.layers.entries()) {
      context.progress(`layer ${number + 1} of ${image.layers.length}`);
      const members = await unpackLayer(layer, place, context, wanted);
      newest = Math.max(newest, members.newest);
    }
    checkTree(place.target, config);
    return { mirrorDigest: treeDigest(config) ?? image.sha256, epoch: image.created ?? newest };
  },
};

/** In a plan's inputs only references to registries stand. */
function refOf({ source }: DistroConfig): string {
  return (source?.type === 'oci' ? source.ref : undefined) ?? 'oci:';
}

function wantedOf(config: DistroConfig): Wanted {
  const ref = refOf(config);
  return { ref, arch: config.arch, tag: parseReference(ref).tag };
}

function fetchCommands(config: DistroConfig, { scratch, pinned }: TreePlace): Command[] {
  const ref = refOf(config);
  if (parseReference(ref).transport !== 'docker') return [];
  const digest = treeDigest(config) ?? pinned;
  const source = digest === undefined ? ref : pinnedReference(ref, digest);
  const platform = ['--override-os', 'linux', '--override-arch', goArchitecture(config.arch)];
  return [{ argv: ['skopeo', ...platform, 'copy', '--quiet', source, `dir:${join(scratch, 'image')}`] }];
}

/** Brings a container image to where its blobs are files, and checks its manifest. */
async function open(config: DistroConfig, place: TreePlace, context: BootstrapContext, wanted: Wanted): Promise<ContainerImage> {
  const { transport } = parseReference(wanted.ref);
  const path = config.files?.tree?.path ?? '';
  const image = join(place.scratch, 'image');
  for (const command of fetchCommands(config, place))
    await fetch(command, { ref: wanted.ref, pinned: treeDigest(config) === undefined ? place.pinned : undefined }, context);
  if (transport === 'docker') return readSkopeoDirectory(image, wanted);
  if (transport === 'oci') return readLayout(path, wanted);
  const archive = join(place.scratch, 'archive');
  copyFileSync(path, archive);
  mkdirSync(image);
  await unpackOver(archive, image, context, { layer: false });
  return transport === 'oci-archive' ? readLayout(image, wanted) : readDockerArchive(image, wanted);
}

async function fetch(command: Command, what: RegistryFetch, context: BootstrapContext): Promise<void> {
  try {
    await context.run(command);
  } catch (error) {
    throw explainRegistry(error, what);
  }
}

async function unpackLayer(layer: ImageLayer, { target, scratch }: TreePlace, context: BootstrapContext, wanted: Wanted) {
  const file = join(scratch, 'layer');
  copyFileSync(layer.file, file);
  if (layer.digest !== undefined) await checkBlob(file, layer.digest, wanted);
  return await unpackOver(file, target, context, {
    layer: true,
    check: ({ sha256 }) => {
      if (layer.diffId !== `sha256:${sha256}`) wrongDigest(layer.diffId, `sha256:${sha256}`, wanted);
    },
  });
}
