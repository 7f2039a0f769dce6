import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fail } from '../../diagnostics/errors.ts';
import { quoted, quotedPath } from '../../diagnostics/printable.ts';
import { listOf } from '../../diagnostics/suggest.ts';
import { fileDigest } from '../../util/hash.ts';
import { resolveInside } from '../inside.ts';

/** `sha256:HEX`: https://github.com/opencontainers/image-spec, descriptor.md. */
type Digest = string;

interface Descriptor {
  readonly mediaType?: string;
  readonly digest?: Digest;
  readonly platform?: { readonly os?: string; readonly architecture?: string; readonly variant?: string };
  readonly annotations?: Readonly<Record<string, string>>;
}

/** The image configuration of OCI and of Docker: what is used of it. */
interface ImageConfiguration {
  readonly os?: string;
  readonly architecture?: string;
  readonly created?: string;
  readonly rootfs?: { readonly diff_ids?: readonly Digest[] };
}

/** One layer of a container image, lowest first. */
export interface ImageLayer {
  /** Absolute path of the blob. */
  readonly file: string;
  /** Of the blob as it is, absent in docker-archive. */
  readonly digest?: Digest | undefined;
  /** Of the uncompressed archive in it. */
  readonly diffId: Digest;
}

/** A container image whose manifest and configuration were checked. */
export interface ContainerImage {
  /** SHA-256 of the manifest, or of the configuration where there is none. */
  readonly sha256: string;
  readonly layers: readonly ImageLayer[];
  /** Seconds since 1970; undefined where it does not say. */
  readonly created?: number | undefined;
}

/** What a reading is of, for messages, and for which architecture (Debian's name). */
export interface Wanted {
  readonly ref: string;
  readonly arch: string;
  readonly tag?: string | undefined;
}

/** Debian's names of architectures in the words of Go, which container images use. */
const GO_ARCHITECTURES: Readonly<Record<string, string>> = {
  i386: '386',
  armel: 'arm',
  armhf: 'arm',
  ppc64el: 'ppc64le',
  mipsel: 'mipsle',
  mips64el: 'mips64le',
};

/** GOARCH of a Debian architecture. */
export function goArchitecture(arch: string): string {
  return GO_ARCHITECTURES[arch] ?? arch;
}

/** An OCI image layout (image-layout.md of the specification) in a directory. */
export function readLayout(directory: string, wanted: Wanted): ContainerImage {
  if (!existsSync(join(directory, 'oci-layout')) || !existsSync(join(directory, 'index.json'))) {
    fail({
      code: 'DIB_OCI_LAYOUT',
      summary: `${quotedPath(wanted.ref)} is not an OCI image layout: it has no \`${existsSync(join(directory, 'oci-layout')) ? 'index.json' : 'oci-layout'}\``,
      help: 'Make one with `skopeo copy SOURCE oci:DIRECTORY:tag`, or with `buildah push`.',
    });
  }
  const blob = (digest: Digest) => join(directory, 'blobs', ...digestParts(digest, wanted));
  const index = parse(readFileSync(join(directory, 'index.json'), 'utf8'), wanted) as { manifests?: Descriptor[] };
  return readManifest(chooseTag(index.manifests ?? [], wanted), blob, wanted);
}

/** The directory that `skopeo copy ... dir:DIRECTORY` writes: manifest.json as the registry has it, and blobs by their digests. */
export function readSkopeoDirectory(directory: string, wanted: Wanted): ContainerImage {
  const text = readFileSync(join(directory, 'manifest.json'));
  const digest = `sha256:${createHash('sha256').update(text).digest('hex')}`;
  const blob = (name: Digest) =>
    name === digest ? join(directory, 'manifest.json') : join(directory, digestParts(name, wanted)[1]);
  return readManifest({ digest }, blob, wanted);
}

/** An unpacked `docker save`: manifest.json with the names of the files. */
export function readDockerArchive(directory: string, wanted: Wanted): ContainerImage {
  const path = resolveInside(directory, 'manifest.json');
  const list = (path === undefined ? [] : parse(readFileSync(path, 'utf8'), wanted)) as {
    Config: string;
    RepoTags?: string[] | null;
    Layers: string[];
  }[];
  const tagged = wanted.tag === undefined ? list : list.filter((entry) => entry.RepoTags?.includes(wanted.tag ?? '') === true);
  const [entry] = tagged;
  if (entry === undefined || tagged.length > 1)
    noSuchTag(
      list.flatMap((item) => item.RepoTags ?? []),
      wanted,
    );
  const within = (name: string) => {
    const full = resolveInside(directory, name);
    return full ?? missingBlob(name, wanted);
  };
  const text = readFileSync(within(entry.Config));
  const found = createHash('sha256').update(text).digest('hex');
  const named = /([0-9a-f]{64})(\.json)?$/.exec(entry.Config)?.[1];
  if (named !== undefined && named !== found) wrongDigest(entry.Config, found, wanted);
  const configuration = parse(text.toString('utf8'), wanted) as ImageConfiguration;
  checkPlatform(configuration, wanted);
  const ids = diffIds(configuration, entry.Layers.length, wanted);
  return {
    sha256: found,
    layers: entry.Layers.map((name, number) => ({ file: within(name), diffId: ids[number] ?? '' })),
    created: createdOf(configuration),
  };
}

function readManifest(descriptor: Descriptor, blob: (digest: Digest) => string, wanted: Wanted): ContainerImage {
  const digest = descriptor.digest ?? '';
  const manifest = readBlob(digest, blob, wanted) as { manifests?: Descriptor[]; config?: Descriptor; layers?: Descriptor[] };
  if (manifest.manifests !== undefined) return readManifest(choosePlatform(manifest.manifests, wanted), blob, wanted);
  if (manifest.config?.digest === undefined || manifest.layers === undefined) {
    fail({
      code: 'DIB_OCI_LAYOUT',
      summary: `${quotedPath(wanted.ref)} is not a container image: its manifest has no configuration or no layers`,
      help: 'Give the reference of an image; artifacts such as charts and signatures have no root file system.',
    });
  }
  const configuration = readBlob(manifest.config.digest, blob, wanted) as ImageConfiguration;
  checkPlatform(configuration, wanted);
  const ids = diffIds(configuration, manifest.layers.length, wanted);
  const layers = manifest.layers.map((layer, number): ImageLayer => {
    const file = blob(layer.digest ?? '');
    if (!existsSync(file)) missingBlob(layer.digest ?? '', wanted);
    return { file, digest: layer.digest, diffId: ids[number] ?? '' };
  });
  return { sha256: digestParts(digest, wanted)[1], layers, created: createdOf(configuration) };
}

function chooseTag(manifests: readonly Descriptor[], wanted: Wanted): Descriptor {
  const nameOf = (descriptor: Descriptor) => descriptor.annotations?.['org.opencontainers.image.ref.name'];
  const candidates = wanted.tag === undefined ? manifests : manifests.filter((descriptor) => nameOf(descriptor) === wanted.tag);
  const [first] = candidates;
  if (first !== undefined && candidates.length === 1) return first;
  // Without names, an index of several platforms is meant.
  if (first !== undefined && candidates.every(({ platform }) => platform !== undefined))
    return choosePlatform(candidates, wanted);
  return noSuchTag(
    manifests.flatMap((descriptor) => nameOf(descriptor) ?? []),
    wanted,
  );
}

function choosePlatform(manifests: readonly Descriptor[], wanted: Wanted): Descriptor {
  const architecture = goArchitecture(wanted.arch);
  const fitting = manifests.filter(({ platform }) => platform?.os === 'linux' && platform.architecture === architecture);
  const variant = { armhf: 'v7', armel: 'v6' }[wanted.arch];
  const found = fitting.find(({ platform }) => variant === undefined || platform?.variant === variant) ?? fitting[0];
  if (found !== undefined) return found;
  const names = manifests.flatMap(({ platform }) =>
    platform?.os === undefined || platform.os === 'unknown' ? [] : platformName(platform),
  );
  return noPlatform(names, wanted);
}

function checkPlatform({ os, architecture }: ImageConfiguration, wanted: Wanted): void {
  if (os === undefined || architecture === undefined) return;
  if (os !== 'linux' || architecture !== goArchitecture(wanted.arch)) noPlatform([platformName({ os, architecture })], wanted);
}

function platformName({ os, architecture, variant }: NonNullable<Descriptor['platform']>): string {
  return [os, architecture, variant].filter((part) => part !== undefined).join('/');
}

function diffIds({ rootfs }: ImageConfiguration, count: number, wanted: Wanted): readonly Digest[] {
  const ids = rootfs?.diff_ids ?? [];
  if (ids.length === count) return ids;
  return fail({
    code: 'DIB_OCI_LAYOUT',
    summary: `${quotedPath(wanted.ref)} has ${count} layers, and its configuration knows ${ids.length}`,
    help: 'The image is broken: make it anew.',
  });
}

function createdOf({ created }: ImageConfiguration): number | undefined {
  const seconds = Math.floor(Date.parse(created ?? '') / 1000);
  return Number.isFinite(seconds) && seconds > 0 ? seconds : undefined;
}

function readBlob(digest: Digest, blob: (digest: Digest) => string, wanted: Wanted): unknown {
  const [algorithm, hex] = digestParts(digest, wanted);
  const path = blob(digest);
  if (!existsSync(path)) missingBlob(digest, wanted);
  const bytes = readFileSync(path);
  const found = createHash(algorithm).update(bytes).digest('hex');
  if (found !== hex) wrongDigest(digest, found, wanted);
  return parse(bytes.toString('utf8'), wanted);
}

/** Throws DIB_OCI_DIGEST if a file is not what its digest says. */
export async function checkBlob(file: string, digest: Digest, wanted: Wanted): Promise<void> {
  const [algorithm, hex] = digestParts(digest, wanted);
  const found = await fileDigest(file, algorithm);
  if (found !== hex) wrongDigest(digest, found, wanted);
}

/** Algorithm and digits: a digest becomes part of a path. */
function digestParts(digest: Digest, wanted: Wanted): [string, string] {
  const match = /^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/.exec(digest);
  const [algorithm, hex] = digest.split(':');
  if (match !== null && algorithm !== undefined && hex !== undefined) return [algorithm, hex];
  return fail({
    code: 'DIB_OCI_LAYOUT',
    summary: `${quotedPath(wanted.ref)} names a blob by ${quoted(digest)}, which is no digest`,
    help: 'Known are `sha256:` and `sha512:` with their digits.',
  });
}

export function wrongDigest(digest: string, found: string, { ref }: Wanted): never {
  fail({
    code: 'DIB_OCI_DIGEST',
    summary: `A blob of ${quotedPath(ref)} was changed: it is not what its digest says`,
    detail: `Expected ${digest},\nfound    ${found}.`,
    help: 'Make or fetch the image anew.',
  });
}

function missingBlob(name: string, { ref }: Wanted): never {
  fail({
    code: 'DIB_OCI_BLOB_MISSING',
    summary: `${quotedPath(ref)} lacks the blob ${quoted(name, 100)}`,
    help: 'Copy the image whole, such as with `skopeo copy`; layers that are only named by a URL are not fetched.',
  });
}

function noPlatform(names: readonly string[], { ref, arch }: Wanted): never {
  fail({
    code: 'DIB_OCI_PLATFORM',
    summary: `${quotedPath(ref)} is not there for linux/${goArchitecture(arch)}`,
    detail: names.length === 0 ? undefined : `It is there for ${listOf([...new Set(names)])}.`,
    help: 'Set `distro.arch` to one of those, in the name that Debian has for it, or give another image.',
  });
}

function noSuchTag(tags: readonly string[], { ref, tag }: Wanted): never {
  fail({
    code: 'DIB_OCI_TAG',
    summary:
      tag === undefined ? `${quotedPath(ref)} has several images or none` : `${quotedPath(ref)} has no image ${quoted(tag)}`,
    help:
      tags.length === 0
        ? 'Leave the tag out: none of its images has one.'
        : `Name one of them after a \`:\`: ${listOf(tags, 'or')}.`,
  });
}

function parse(text: string, { ref }: Wanted): unknown {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value;
  } catch {}
  return fail({
    code: 'DIB_OCI_LAYOUT',
    summary: `A document of ${quotedPath(ref)} is not JSON`,
    help: 'Make or fetch the image anew.',
  });
}
