import { withDependencies } from '../graph/dag.ts';
import { jsonDigest } from '../util/hash.ts';
import type { Json, JsonObject } from '../util/json.ts';
import { holdsUnknown, type Resource, UNKNOWN } from './kind.ts';

/** Kinds that write into a container, or say where others do. */
const CONTENT: ReadonlySet<string> = new Set(['luks', 'pvs', 'vgs', 'lvs', 'mkfs']);

/** What turns the content of a container into the container, by the container's name. */
const MADE_OF = ['luks_header', 'encrypt'];

/** LUKS containers that are encrypted together: something lies in several of them, or one lies in another. */
interface Vault {
  readonly containers: readonly Resource[];
  /** All that stands in them, containers included. */
  readonly content: ReadonlySet<string>;
}

/**
 * Offline, the content of a LUKS container is used up when it is encrypted, so it can only be made as a whole. Therefore a container depends on all that
 * its content is made of: whatever changes in it, or in a container that it shares something with, makes the container anew. Pure.
 */
export function withContent(resources: readonly Resource[]): Resource[] {
  const vaults = vaultsOf(resources);
  return resources.map((resource) => {
    const vault = vaults.find(({ containers }) => containers.includes(resource));
    return vault === undefined ? resource : dependOnContent(resource, vault, resources);
  });
}

/** Addresses of the containers that must be made anew with a resource, because it stands in them. */
export function containersOf(address: string, resources: readonly Resource[]): string[] {
  const inside = (vault: Vault) =>
    vault.content.has(address) || vault.containers.some(({ name }) => MADE_OF.some((kind) => address === `${kind}.${name}`));
  return vaultsOf(resources)
    .filter(inside)
    .flatMap(({ containers }) => containers.map((container) => container.address));
}

function dependOnContent(container: Resource, { content }: Vault, resources: readonly Resource[]): Resource {
  const parts = resources.filter(({ address }) => content.has(address));
  const inputs: JsonObject = Object.fromEntries(
    parts.map((part): [string, Json] => [part.address, withoutContent(part.inputs)]).sort(([a], [b]) => (a < b ? -1 : 1)),
  );
  const outside = parts.flatMap(({ dependsOn }) => dependsOn.filter((address) => !content.has(address)));
  return {
    ...container,
    inputs: { ...container.inputs, content: holdsUnknown(inputs) ? UNKNOWN : jsonDigest(inputs) },
    dependsOn: [...new Set([...container.dependsOn, ...outside])],
  };
}

function withoutContent({ content: _, ...inputs }: JsonObject): JsonObject {
  return inputs;
}

function vaultsOf(resources: readonly Resource[]): Vault[] {
  const isContainer = ({ kind, inputs }: Resource) => kind === 'luks' && inputs['realisation'] === 'offline';
  const relevant = resources.filter(({ kind }) => CONTENT.has(kind));
  let vaults: Vault[] = [];
  for (const container of relevant.filter(isContainer)) {
    const content = new Set(
      relevant
        .filter(({ address }) => withDependencies([address], relevant).has(container.address))
        .map(({ address }) => address),
    );
    const shared = vaults.filter((vault) => [...vault.content].some((address) => content.has(address)));
    vaults = vaults.filter((vault) => !shared.includes(vault));
    vaults.push({
      containers: [...shared.flatMap(({ containers }) => containers), container],
      content: new Set([...shared.flatMap((vault) => [...vault.content]), ...content]),
    });
  }
  return vaults;
}
