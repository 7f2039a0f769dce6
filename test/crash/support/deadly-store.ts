import { setTimeout as delay } from 'node:timers/promises';
import type { StateStore } from '../../../src/state/store.ts';

/** A process cannot kill itself when it is the first of a pid namespace: it asks for it, and waits for its end; or until another was killed. */
async function dieHere(killed: () => boolean): Promise<void> {
  process.stdout.write('{"type":"kill_now"}\n');
  while (!killed()) await delay(10);
}

/** Waits until a picture was taken of what there is (pictures.ts). */
async function standStill(place: string, pictured: () => readonly string[]): Promise<void> {
  process.stdout.write(`${JSON.stringify({ type: 'picture_now', at: place })}\n`);
  while (!pictured().includes(place)) await delay(5);
}

/**
 * Asks to be killed at a write of the state, counted from 1: `before:N`, `after:N`, or `-` for never; `each`: stands still at each, before and after, until
 * its name is among `pictured`. Tells `count` of each. `killed`: whether another process was killed in place of this one.
 */
export function deadlyStore(
  store: StateStore,
  point: string,
  count: (writes: number) => void = () => {},
  killed: () => boolean = () => false,
  pictured: () => readonly string[] = () => [],
): StateStore {
  const [when, at] = point.split(':');
  let writes = 0;
  return {
    get current() {
      return store.current;
    },
    async update(change) {
      writes += 1;
      const mine = writes;
      if (when === 'each') await standStill(`before:${mine}`, pictured);
      if (when === 'before' && mine === Number(at)) await dieHere(killed);
      const state = await store.update(change);
      count(mine);
      if (when === 'each') await standStill(`after:${mine}`, pictured);
      if (when === 'after' && mine === Number(at)) await dieHere(killed);
      return state;
    },
  };
}
