import { rm } from 'node:fs/promises';
import { DibError } from '../diagnostics/errors.ts';
import { quotedPath } from '../diagnostics/printable.ts';
import type { Plan } from '../plan/plan.ts';
import { removeResource } from '../state/transitions.ts';
import type { Surroundings } from './actions.ts';
import type { Failure, RunResult } from './apply.ts';
import { Attachments } from './attachments.ts';
import { findRemainders, type Remainder } from './clear.ts';
import { destroyResource } from './remove.ts';
import { teardownOrder } from './walk.ts';

/**
 * Carries out a plan of mode destroy, from the state alone: detaches everything, deepest first, destroys what the plan deletes, dependents first,
 * removes the work directory, and asserts that nothing is left. What fails keeps what it stands on; the rest goes on. Doing it again does no harm.
 */
export async function destroyPlan(plan: Plan, surroundings: Surroundings, collect?: () => Promise<void>): Promise<RunResult> {
  const { store, kinds, interrupts, paths } = surroundings;
  const failures: Failure[] = [...(await new Attachments(surroundings).detachAll())];
  const changes = new Map(plan.resource_changes.map((change) => [change.address, change]));
  const kept = new Set<string>();
  const notRun: string[] = [];
  let removed = 0;
  for (const recorded of teardownOrder(store.current.resources)) {
    const change = changes.get(recorded.address);
    const [verb] = change?.change.actions ?? [];
    if (verb === 'forget') await store.update((state) => removeResource(state, recorded.address));
    else if (verb !== 'delete' && recorded.status !== 'created') await kinds.get(recorded.kind)?.tidy?.(recorded, paths);
    if (verb !== 'delete') continue;
    if (recorded.attachment !== undefined || kept.has(recorded.address) || interrupts.halt.aborted) {
      notRun.push(recorded.address);
    } else {
      try {
        await destroyResource(surroundings, recorded);
        removed += 1;
        continue;
      } catch (error) {
        failures.push({ address: recorded.address, error });
      }
    }
    for (const address of recorded.dependsOn) kept.add(address);
  }
  if (failures.length === 0 && notRun.length === 0) {
    await collect?.();
    await rm(paths.scratch, { recursive: true, force: true });
    // A file system that is still mounted here must not be emptied.
    const used = (await findRemainders([paths.work])).filter((remainder) => remainder.what !== 'file');
    if (used.length === 0) await rm(paths.work, { recursive: true, force: true });
    failures.push(...leftOver(await findRemainders([paths.work])));
  }
  return { added: 0, changed: 0, removed, failures, notRun };
}

function leftOver(remainders: readonly Remainder[]): Failure[] {
  return remainders.map((remainder) => ({
    address: '',
    error: new DibError({
      code: 'DIB_DESTROY_REMAINDER',
      severity: 'error',
      summary: `A ${remainder.what} is left: ${quotedPath(remainder.name)} (${remainder.detail})`,
      detail: 'The state does not know it, so dib did not touch it. Another program may be using it.',
      help: HELP[remainder.what](remainder.name),
    }),
  }));
}

const HELP: Readonly<Record<Remainder['what'], (name: string) => string>> = {
  mount: (name) => `Unmount it with ${quotedPath(`umount ${name}`)}.`,
  'loop device': (name) => `Detach it with ${quotedPath(`losetup --detach ${name}`)}.`,
  file: (name) => `Remove it with ${quotedPath(`rm -r ${name}`)}.`,
};
