import { withDependencies } from '../graph/dag.ts';
import type { ActionContext, Resource } from '../kinds/kind.ts';
import { findResource } from '../state/state.ts';
import { removeStamp } from '../state/transitions.ts';
import { kindOf, type Surroundings } from './actions.ts';

/** Runs the creation of a resource once everything below it that watches over its writers (Kind.guard) lets it. */
export async function guarded<T>(
  { store, kinds }: Pick<Surroundings, 'store' | 'kinds'>,
  resource: Pick<Resource, 'dependsOn'>,
  context: ActionContext,
  body: () => Promise<T>,
): Promise<T> {
  const releases: (() => void)[] = [];
  try {
    // In order of address, so that two who wait for several never wait for each other.
    for (const address of [...withDependencies(resource.dependsOn, store.current.resources)].sort()) {
      const below = findResource(store.current, address);
      const guard = below && kindOf(kinds, below).guard;
      if (below === undefined || guard === undefined) continue;
      releases.push(await guard(below, context));
      if (below.stamp !== undefined) await store.update((state) => removeStamp(state, address));
    }
    return await body();
  } finally {
    for (const release of releases) release();
  }
}
