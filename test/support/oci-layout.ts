import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { debianArchitecture } from '../../src/distros/architectures.ts';
import { goArchitecture } from '../../src/rootfs/trees/oci-image.ts';

/** Descriptor of the OCI image specification. */
export interface Blob {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/** A layer as it is kept, and the archive in it. */
interface Layer {
  readonly packed: Buffer;
  readonly raw: Buffer;
}

const TYPE = 'application/vnd.oci.image';

/** An OCI image layout with one image for this machine, behind an index with a platform that nobody has here. */
export function writeLayout(
  directory: string,
  tag: string,
  created: string,
  archives: readonly Layer[],
): { readonly index: Blob; readonly manifest: Blob; readonly layers: readonly Blob[] } {
  const put = (type: string, bytes: Buffer) => putBlob(directory, `${TYPE}.${type}`, bytes);
  const architecture = goArchitecture(debianArchitecture());
  const layers = archives.map(({ packed }) => put(`layer.v1.tar+${packed[0] === 0x1f ? 'gzip' : 'zstd'}`, packed));
  const rootfs = { type: 'layers', diff_ids: archives.map(({ raw }) => digestOf(raw)) };
  const config = put('config.v1+json', json({ os: 'linux', architecture, created, config: {}, rootfs }));
  const common = { schemaVersion: 2 };
  const manifest = put('manifest.v1+json', json({ ...common, mediaType: `${TYPE}.manifest.v1+json`, config, layers }));
  const platforms = ['s390x', architecture].map((name) => ({ ...manifest, platform: { os: 'linux', architecture: name } }));
  const index = put('index.v1+json', json({ ...common, mediaType: `${TYPE}.index.v1+json`, manifests: platforms }));
  writeFileSync(join(directory, 'oci-layout'), json({ imageLayoutVersion: '1.0.0' }));
  const named = { ...index, annotations: { 'org.opencontainers.image.ref.name': tag } };
  writeFileSync(join(directory, 'index.json'), json({ ...common, manifests: [named] }));
  return { index, manifest, layers };
}

function putBlob(directory: string, mediaType: string, bytes: Buffer): Blob {
  const digest = digestOf(bytes);
  const blobs = join(directory, 'blobs/sha256');
  mkdirSync(blobs, { recursive: true });
  writeFileSync(join(blobs, digest.slice('sha256:'.length)), bytes);
  return { mediaType, digest, size: bytes.length };
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

const json = (value: unknown) => Buffer.from(JSON.stringify(value));
