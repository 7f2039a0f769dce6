import type { KeyOwner } from '../config/luks-keys.ts';
import { withDependencies } from '../graph/dag.ts';
import type { EncryptInputs, LuksInputs } from '../kinds/disk-inputs.ts';
import type { Kind } from '../kinds/kind.ts';
import { rebuilds } from './diff.ts';
import type { Plan, ResourceChange } from './plan.ts';

/** A container whose key a run needs. */
export interface NeededKey extends KeyOwner {
  /** The container is made, so that a mistyped key would lock its user out; else it is only opened. */
  readonly made: boolean;
}

/** Containers that a plan makes or opens. `attachAll`: it leaves everything attached at its end. */
export function neededKeys(plan: Plan, kinds: ReadonlyMap<string, Kind>, attachAll = false): readonly NeededKey[] {
  const kept = plan.resource_changes.filter(({ change }) => change.after !== null);
  const nodes = kept.map(({ address, depends_on }) => ({ address, dependsOn: depends_on }));
  const acting = kept.filter(({ change }) => rebuilds(change.actions));
  const attaching = acting.filter(({ kind, change }) => kinds.get(kind)?.needsAttached?.(change.after ?? {}) === true);
  const below = withDependencies(
    (attachAll ? kept : attaching).map(({ address }) => address),
    nodes,
  );
  const made = new Set(acting.flatMap(madeContainer));
  return kept.flatMap(({ address, kind, name, change }): NeededKey[] => {
    if (kind !== 'luks') return [];
    const { key } = change.after as LuksInputs;
    if (made.has(address)) return [{ name, key, made: true }];
    return below.has(address) ? [{ name, key, made: false }] : [];
  });
}

/** Offline, encrypt.NAME makes the container of luks.NAME. */
function madeContainer({ address, kind, change }: ResourceChange): string[] {
  if (kind === 'encrypt') return [(change.after as EncryptInputs).luks];
  return kind === 'luks' && (change.after as LuksInputs).realisation === 'attached' ? [address] : [];
}
