import { fileURLToPath } from 'node:url';
import { withDistroDefaults } from '../distros/registry.ts';
import type { Image, Output } from '../generated/image-schema.ts';
import type { Json } from '../util/json.ts';
import type { DistroConfig, ImageConfig, OutputConfig, TreeSource } from './image.ts';

/** Where an output goes when image.yaml does not say it: `<name>.<format>`, `<name>-<disk>.<format>`, compressed tars with their ending. */
export function defaultOutputPath(output: {
  readonly name: string;
  readonly format: string;
  readonly disk?: string | undefined;
  readonly compression?: string | undefined;
}): string {
  const stem = output.disk === undefined ? output.name : `${output.name}-${output.disk}`;
  const ending = output.format === 'tar' ? ({ zstd: '.zst', gzip: '.gz' }[output.compression ?? ''] ?? '') : '';
  return `${stem}.${output.format}${ending}`;
}

/** Fills in every default: the one place that knows them. `raw` has passed the schema and the rules. */
export function normaliseImage(
  raw: Json,
  options: { readonly hostArch: string; readonly sourceText: (pointer: string) => string | undefined },
): ImageConfig {
  const image = raw as unknown as Image;
  return {
    apiVersion: image.apiVersion,
    name: image.name,
    distro: image.distro === undefined ? undefined : normaliseDistro(image.distro, options.hostArch),
    elements: image.elements ?? [],
    elements_path: image.elements_path ?? [],
    skip_base: image.skip_base ?? false,
    ...(image.native_elements === false && { native_elements: false as const }),
    packages: image.packages ?? [],
    environment: normaliseEnvironment(image.environment ?? {}, options.sourceText),
    block_device: image.block_device as unknown as readonly Json[] | undefined,
    outputs: (image.outputs ?? ['qcow2']).map((output, index) =>
      normaliseOutput(typeof output === 'string' ? { format: output } : output, image.name, `/outputs/${index}`),
    ),
  };
}

function normaliseDistro(distro: NonNullable<Image['distro']>, hostArch: string): DistroConfig {
  const source = treeSource(distro);
  return withDistroDefaults({
    // What is unpacked is called by what is in it; where nobody says that, by what it is unpacked from.
    name: source === undefined ? distro.name : (distro.like ?? distro.name),
    release: distro.release ?? '',
    arch: distro.arch ?? hostArch,
    mirror: distro.mirror,
    security_mirror: distro.security_mirror,
    suites: distro.suites && [...new Set(distro.suites)],
    components: distro.components && [...new Set(distro.components)],
    variant: distro.variant,
    keyring: distro.keyring,
    source,
  });
}

function treeSource(distro: NonNullable<Image['distro']>): TreeSource | undefined {
  if (distro.name === 'oci') return { type: 'oci', ref: distro.ref ?? '' };
  if (distro.name !== 'tarball') return undefined;
  const { url, sha256 } = distro;
  const local = url?.startsWith('file://') === true ? fileURLToPath(url) : undefined;
  return { type: 'tarball', url: local === undefined ? url : undefined, path: distro.path ?? local, sha256 };
}

/** Numbers and booleans reach hooks letter by letter as written: `0755`, `1.10` and `True` would not survive being read. */
function normaliseEnvironment(
  environment: Readonly<Record<string, string | number | boolean>>,
  sourceText: (pointer: string) => string | undefined,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(environment).map(([name, value]) => [
      name,
      typeof value === 'string' ? value : (sourceText(`/environment/${name}`) ?? String(value)),
    ]),
  );
}

function normaliseOutput(output: Output, name: string, pointer: string): OutputConfig {
  const compression = output.compression ?? (output.format === 'qcow2' ? 'zstd' : 'none');
  return {
    format: output.format,
    path: output.path ?? defaultOutputPath({ name, format: output.format, disk: output.disk, compression }),
    compression,
    disk: output.disk,
    pointer,
  };
}
