import type { OwnFiles } from '../host/standing.ts';
import { recordDetached } from '../state/transitions.ts';
import type { Surroundings } from './actions.ts';
import type { Failure } from './apply.ts';
import { Attachments } from './attachments.ts';
import { findStanding } from './clear.ts';
import { stopStanding } from './stop.ts';

/**
 * Detaches everything that stands on the image's files: first what the state does not know on top of what it knows, then what is recorded, as its kinds
 * do it, then whatever is left. `force`: goes on to the last, whatever cannot
 * be detached as it should be: for when the result does not matter any more.
 */
export async function detachEverything(
  surroundings: Surroundings,
  own: OwnFiles,
  options: { readonly force: boolean },
): Promise<readonly Failure[]> {
  const unknown = await stopStanding(surroundings, { own, unknownOnly: true });
  if (unknown.length > 0 && !options.force) return unknown;
  const recorded = await new Attachments(surroundings).detachAll();
  if (recorded.length > 0 && !options.force) return recorded;
  const left = await stopStanding(surroundings, { own });
  if (left.length > 0) return [...recorded, ...left];
  if (recorded.length === 0 || (await findStanding(own)).length > 0) return recorded;
  await surroundings.store.update((state) =>
    state.resources
      .filter(({ attachment }) => attachment !== undefined)
      .reduce((current, { address }) => recordDetached(current, address), state),
  );
  return [];
}
