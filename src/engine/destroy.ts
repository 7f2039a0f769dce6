import { rm } from 'node:fs/promises';
import { DibError } from '../diagnostics/errors.ts';
import { quotedPath } from '../diagnostics/printable.ts';
import { listOf } from '../diagnostics/suggest.ts';
import { withDependencies } from '../graph/dag.ts';
import { hostFiles } from '../host/files.ts';
import { type OwnFiles, standingOn } from '../host/standing.ts';
import { kernelPath, ownFiles } from '../plan/own-files.ts';
import type { Plan } from '../plan/plan.ts';
import { giveReserve } from '../state/reserve.ts';
import type { State } from '../state/state.ts';
import { removeResource } from '../state/transitions.ts';
import type { Surroundings } from './actions.ts';
import type { Failure, RunResult } from './apply.ts';
import { findRemainders, findStanding, type Remainder } from './clear.ts';
import { destroyResource } from './remove.ts';
import { detachEverything } from './teardown.ts';
import { teardownOrder } from './walk.ts';

/**
 * Carries out a plan of mode destroy, from the state and the live host alone: detaches everything, deepest first, recorded or not, destroys what the
 * plan deletes, dependents first, removes the work directory, and asserts that nothing is left. What fails keeps what it stands on; the rest goes on.
 * Doing it again does no harm.
 */
export async function destroyPlan(plan: Plan, surroundings: Surroundings, collect?: () => Promise<void>): Promise<RunResult> {
  const { store, interrupts, paths } = surroundings;
  const own = await ownFiles(store.current.resources, paths);
  const failures: Failure[] = [...(await detachEverything(surroundings, own, { force: true }))];
  const standing = await findStanding(own);
  if (failures.length === 0) failures.push(...leftOver(standing));
  const { removed, notRun, failed } = await destroyResources(plan, surroundings, await disksInUse(own, store.current));
  failures.push(...failed);
  if (failures.length === 0 && notRun.length === 0 && !interrupts.giveUp.aborted) {
    await collect?.();
    await rm(paths.scratch, { recursive: true, force: true });
    await rm(paths.work, { recursive: true, force: true });
    await giveReserve(paths.state);
    failures.push(...leftOver(await findRemainders([paths.work])));
  }
  return { added: 0, changed: 0, removed, failures, notRun };
}

/** Addresses of the disks whose file something still stands on: it would be destroyed under somebody's feet. */
async function disksInUse(own: OwnFiles, { resources }: State): Promise<ReadonlySet<string>> {
  const files = new Set((await standingOn(own, hostFiles())).flatMap((thing) => thing.files));
  const inUse = new Set<string>();
  for (const { address, kind, outputs } of resources) {
    if (kind !== 'local_loop' || typeof outputs['file'] !== 'string') continue;
    if (files.has(await kernelPath(outputs['file']))) inUse.add(address);
  }
  return inUse;
}

interface Destroyed {
  readonly removed: number;
  readonly notRun: readonly string[];
  readonly failed: readonly Failure[];
}

async function destroyResources(plan: Plan, surroundings: Surroundings, inUse: ReadonlySet<string>): Promise<Destroyed> {
  const { store, kinds, interrupts, paths } = surroundings;
  const changes = new Map(plan.resource_changes.map((change) => [change.address, change]));
  const all = store.current.resources;
  // What is made beside its predecessor only read the disks.
  const isHeld = ({ address, kind }: { address: string; kind: string }) =>
    kinds.get(kind)?.inPlace !== true && [...withDependencies([address], all)].some((below) => inUse.has(below));
  const kept = new Set<string>();
  const notRun: string[] = [];
  const failed: Failure[] = [];
  let removed = 0;
  for (const recorded of teardownOrder(all)) {
    const [verb] = changes.get(recorded.address)?.change.actions ?? [];
    if (verb === 'forget') await store.update((state) => removeResource(state, recorded.address));
    else if (verb !== 'delete' && recorded.status !== 'created') await kinds.get(recorded.kind)?.tidy?.(recorded, paths);
    if (verb !== 'delete') continue;
    if (recorded.attachment !== undefined || kept.has(recorded.address) || isHeld(recorded) || interrupts.halt.aborted) {
      notRun.push(recorded.address);
    } else {
      try {
        await destroyResource(surroundings, recorded);
        removed += 1;
        continue;
      } catch (error) {
        failed.push({ address: recorded.address, error });
      }
    }
    for (const address of recorded.dependsOn) kept.add(address);
  }
  return { removed, notRun, failed };
}

function leftOver(remainders: readonly Remainder[]): Failure[] {
  return remainders.map((remainder) => ({
    address: '',
    error: new DibError({
      code: 'DIB_DESTROY_REMAINDER',
      severity: 'error',
      summary: `A ${remainder.what} is left: ${quotedPath(remainder.name)} (${remainder.detail})`,
      detail:
        remainder.foreign.length > 0
          ? `It also stands on ${listOf(remainder.foreign)}, which is not of this image, so dib did not touch it.`
          : 'It appeared while dib was at work, or dib does not know how to remove it. Another program may be using it.',
      help: help(remainder),
    }),
  }));
}

function help({ what, name }: Remainder): string {
  const command = COMMANDS[what]?.(name);
  const again = 'then run `dib destroy` again';
  return command === undefined ? `Stop what made it, ${again}.` : `Remove it with ${quotedPath(command)}, ${again}.`;
}

const COMMANDS: Readonly<Partial<Record<Remainder['what'], (name: string) => string>>> = {
  mount: (name) => `umount ${name}`,
  'swap area': (name) => `swapoff ${name}`,
  'loop device': (name) => `losetup --detach ${name}`,
  'device mapping': (name) => `dmsetup remove ${name.replace('/dev/mapper/', '')}`,
  array: (name) => `mdadm --stop ${name}`,
  file: (name) => `rm -r ${name}`,
};
