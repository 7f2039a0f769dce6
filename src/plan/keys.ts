import { holdsUnknown, type KeyDocument, type Resource } from '../kinds/kind.ts';
import { jsonDigest } from '../util/hash.ts';

export interface ResourceKey {
  readonly key: string;
  readonly document: KeyDocument;
}

/**
 * The key of a resource: SHA-256 of its kind, inputs and the keys of its dependencies.
 * Undefined while an input, or the key of a dependency, is not known.
 */
export function resourceKey(resource: Resource, keyOf: (address: string) => string | undefined): ResourceKey | undefined {
  if (holdsUnknown(resource.inputs)) return undefined;
  const dependencies: Record<string, string> = {};
  for (const address of [...resource.dependsOn].sort()) {
    const key = keyOf(address);
    if (key === undefined) return undefined;
    dependencies[address] = key;
  }
  const document: KeyDocument = { kind: resource.kind, inputs: resource.inputs, dependencies };
  return { key: jsonDigest(document), document };
}

/** Keys of all resources; `resources` must stand in dependency order. */
export function resourceKeys(resources: readonly Resource[]): Map<string, ResourceKey> {
  const keys = new Map<string, ResourceKey>();
  for (const resource of resources) {
    const key = resourceKey(resource, (address) => keys.get(address)?.key);
    if (key !== undefined) keys.set(resource.address, key);
  }
  return keys;
}
