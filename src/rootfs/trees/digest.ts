import type { DistroConfig } from '../../config/image.ts';

/** The digest at the end of a reference to a registry: `@sha256:...`. */
const PINNED = /@sha256:([0-9a-f]{64})$/;

/** SHA-256 of what is unpacked (of a container image its manifest), where it is known before anything is fetched. */
export function treeDigest({ source, files }: DistroConfig): string | undefined {
  if (source === undefined) return undefined;
  if (files?.tree !== undefined) return files.tree.sha256;
  return source.type === 'tarball' ? source.sha256 : PINNED.exec(source.ref)?.[1];
}

/**
 * What a reference says beyond the content that is known: of a registry all, as it may mean another image tomorrow; of an archive which of its images. Where it
 * lies on the builder does not matter.
 */
export function keptReference({ source }: DistroConfig): string | undefined {
  if (source?.type !== 'oci') return undefined;
  const [transport = '', , ...tag] = source.ref.split(':');
  if (transport === 'docker') return source.ref;
  return transport === 'oci' ? undefined : [`${transport}:`, ...tag].join(':');
}

/** The same repository at a digest: `docker://host/name:tag` as `docker://host/name@sha256:...`. */
export function pinnedReference(ref: string, digest: string): string {
  return `${ref.replace(/@sha256:[0-9a-f]+$/, '').replace(/:[^:/]*$/, '')}@sha256:${digest}`;
}
