import type { RecordedResource } from '../kinds/kind.ts';
import { findResource } from '../state/state.ts';
import { recordDestroying, removeResource } from '../state/transitions.ts';
import { kindOf, perform, type Surroundings } from './actions.ts';
import { identity } from './attachments.ts';

/** Destroys one recorded, detached resource: intent, action, gone. */
export async function destroyResource(surroundings: Surroundings, recorded: RecordedResource): Promise<void> {
  const { store, kinds } = surroundings;
  const { address } = recorded;
  if (findResource(store.current, address) === undefined) return;
  const kind = kindOf(kinds, recorded);
  await store.update((state) => recordDestroying(state, address));
  await perform(surroundings, { ...identity(recorded), operation: 'delete', teardown: true }, async (context) => {
    await kind.destroy(recorded, context);
    return {};
  });
  await store.update((state) => removeResource(state, address));
}
