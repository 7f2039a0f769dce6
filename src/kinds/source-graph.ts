import type { ElementSet } from '../elements/element.ts';
import { publicLocation } from '../elements/source-location.ts';
import type { SourceRepository } from '../elements/source-repositories.ts';
import { jsonDigest } from '../util/hash.ts';
import type { JsonObject } from '../util/json.ts';
import { type Resource, UNKNOWN } from './kind.ts';

/** Raised when dib itself lays sources out differently. */
const RECIPE = 1;

/** Inputs of `source.NAME`. */
export interface SourceInputs extends JsonObject {
  readonly recipe: number;
  readonly type: 'git' | 'tar' | 'file';
  /** Without user and password. */
  readonly location: string;
  readonly ref: string;
  /** git: the commit. tar, file: SHA-256 of what is downloaded. UNKNOWN before it was ever looked at. */
  readonly revision: string;
}

/** What earlier runs found at a source. */
export interface KnownSource extends JsonObject {
  /** sourceIdentity of what it was then. */
  readonly identity: string;
  readonly revision: string;
}

/** Facts about sources, by name. */
export type KnownSources = Readonly<Record<string, KnownSource>>;

/** Address of a source. */
export function sourceAddress(name: string): string {
  return `source.${name}`;
}

/** Digest of all of a source's inputs but its revision: by it what was found earlier is known to be of the same source. */
export function sourceIdentity({ type, location, ref }: Pick<SourceRepository, 'type' | 'location' | 'ref'>): string {
  return jsonDigest({ recipe: RECIPE, type, location: publicLocation(location), ref });
}

/** The revision that the declaration itself says: a full commit (SHA-1 or SHA-256), or the digest of the content. */
export function declaredRevision({ type, ref, sha256 }: SourceRepository): string | undefined {
  if (type !== 'git') return sha256;
  return /^([0-9a-f]{40}|[0-9a-f]{64})$/i.test(ref) ? ref.toLowerCase() : undefined;
}

/** One resource for each source; they depend on nothing, so that they are fetched beside the bootstrap. Pure. */
export function sourceResources(set: ElementSet, known: KnownSources = {}): Resource[] {
  return set.sources.map((source) => {
    const inputs = sourceInputs(source, known[source.name]);
    const at = source.ref === '' || source.type === 'tar' ? '' : ` ${source.ref}`;
    return {
      address: sourceAddress(source.name),
      kind: 'source',
      name: source.name,
      inputs,
      dependsOn: [],
      description: `${source.type} ${inputs.location}${at} -> ${source.destinations.join(', ')}`,
      source: source.range,
    };
  });
}

function sourceInputs(source: SourceRepository, known: KnownSource | undefined): SourceInputs {
  const recorded = known?.identity === sourceIdentity(source) ? known.revision : undefined;
  return {
    recipe: RECIPE,
    type: source.type,
    location: publicLocation(source.location),
    ref: source.ref,
    revision: declaredRevision(source) ?? recorded ?? UNKNOWN,
  };
}
