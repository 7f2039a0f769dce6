import { withDependencies } from '../graph/dag.ts';
import type { Plan } from '../plan/plan.ts';
import { recordStamp, removeStamp } from '../state/transitions.ts';
import type { Surroundings } from './actions.ts';

/**
 * Before the first action: takes the stamps off everything that an action may write to, so that what a run that ends in the middle wrote is not
 * mistaken for somebody else's doing.
 */
export async function removeStamps({ store, kinds }: Surroundings, plan: Plan): Promise<void> {
  const nodes = plan.resource_changes.map(({ address, depends_on }) => ({ address, dependsOn: depends_on }));
  const writing = plan.resource_changes
    // What is made beside its predecessor only reads the disks.
    .filter(({ change, kind }) => change.actions[0] !== 'no-op' && kinds.get(kind)?.inPlace !== true)
    .map(({ address }) => address);
  const touched = withDependencies(writing, nodes);
  const stamped = store.current.resources
    // What is watched over loses its stamp when it is written to, not before: until then it tells whether it may be.
    .filter(({ kind }) => kinds.get(kind)?.guard === undefined)
    .filter(({ address, stamp }) => stamp !== undefined && touched.has(address));
  if (stamped.length === 0) return;
  await store.update((state) => stamped.reduce((current, { address }) => removeStamp(current, address), state));
}

/** After the last action of a complete run: stamps what has none. */
export async function makeStamps({ store, kinds }: Surroundings): Promise<void> {
  const stamps = await Promise.all(
    store.current.resources
      .filter(({ status, stamp }) => status === 'created' && stamp === undefined)
      .map(async (recorded) => ({ address: recorded.address, stamp: await kinds.get(recorded.kind)?.stamp?.(recorded) })),
  );
  await store.update((state) =>
    stamps.reduce((current, { address, stamp }) => (stamp === undefined ? current : recordStamp(current, address, stamp)), state),
  );
}
