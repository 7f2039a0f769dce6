import type { DistroConfig } from '../../config/image.ts';

/** The digest at the end of a reference to a registry: `@sha256:...`. */
const PINNED = /@sha256:([0-9a-f]{64})$/;

/** SHA-256 of what is unpacked (of a container image its manifest), where it is known before anything is fetched. */
export function treeDigest({ source, files }: DistroConfig): string | undefined {
  if (source === undefined) return undefined;
  if (files?.tree !== undefined) return files.tree.sha256;
  return source.type === 'tarball' ? source.sha256 : PINNED.exec(source.ref)?.[1];
}

/** The reference to a registry, which may mean another image tomorrow. What lies on the builder is known by its content alone. */
export function registryReference({ source }: DistroConfig): string | undefined {
  return source?.type === 'oci' && source.ref.startsWith('docker:') ? source.ref : undefined;
}

/** The same repository at a digest: `docker://host/name:tag` as `docker://host/name@sha256:...`. */
export function pinnedReference(ref: string, digest: string): string {
  return `${ref.replace(/@sha256:[0-9a-f]+$/, '').replace(/:[^:/]*$/, '')}@sha256:${digest}`;
}
