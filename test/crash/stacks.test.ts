import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { needRoot } from '../support/privileges.ts';
import { bundleProduct, removeProduct } from './support/bundle.ts';
import { type Attack, forEach, killCount, type ProductRig } from './support/product.ts';
import { everyNth, FULL } from './support/selection.ts';
import { applyOf, expectStackApplied, expectStackDestroyed } from './support/stack-checks.ts';
import { OFFLINE } from './support/stack-images.ts';
import { buildUndisturbed, during, type Undisturbed, withRig } from './support/stack-rigs.ts';

// The disks of examples/ are killed with SIGKILL while they are made: front and worker at writes of the state, and in the middle of what takes long.
// With DIB_CRASH=full each of them at each, followed by an apply and by a destroy; otherwise by turns, and at every third write. DIB_CRASH_AT=REGEX picks
// places by name.

/** Rigs that run at once. */
const AT_ONCE = 3;
const AT = new RegExp(process.env['DIB_CRASH_AT'] ?? '');
const LONG = /^(mkfs|mkswap|mcopy|cryptsetup|fallocate|qemu-img)/;

type Outcome = 'applied' | 'destroyed';
interface Point {
  readonly name: string;
  readonly attack: Attack;
  readonly outcome: Outcome;
}

let front = '';
beforeAll(async () => {
  needRoot();
  front = await bundleProduct();
});
afterAll(() => {
  removeProduct(front);
  process.stdout.write(`${killCount()} kills of device stacks made offline\n`);
});

/** Each victim at each place with each outcome, or one of them by turns. */
function pointsAt(places: readonly { readonly name: string; attack(victim: 'front' | 'worker'): Attack }[]): Point[] {
  return places.flatMap(({ name, attack }, index) => {
    const all = (['front', 'worker'] as const).flatMap((victim) =>
      (['applied', 'destroyed'] as const).map((outcome) => ({
        name: `${name}, ${victim}, ${outcome}`,
        attack: attack(victim),
        outcome,
      })),
    );
    const chosen = FULL ? all : all.filter((_, turn) => turn === index % all.length);
    return chosen.filter((point) => AT.test(point.name));
  });
}

/** The front right after a write, the worker right before it, with its action done. */
function writesOf({ writes }: Undisturbed) {
  const all = Array.from({ length: writes }, (_, index) => ({
    name: `write ${index + 1}`,
    attack: (victim: 'front' | 'worker') => ({ write: `${victim === 'front' ? 'after' : 'before'}:${index + 1}`, victim }),
  }));
  return everyNth(all, 3);
}

/** At once, and of what has several stages later too, in milliseconds. */
function longStepsOf({ steps }: Undisturbed) {
  return steps
    .filter(({ command }) => LONG.test(command))
    .flatMap((step) =>
      (step.command.startsWith('cryptsetup') ? [0, 50, 100, 200, 400] : [0]).map((after) => ({
        name: `${step.address}: ${step.command} +${after}`,
        attack: (victim: 'front' | 'worker') => during(step, victim, after),
      })),
    );
}

async function killAt(points: readonly Point[], built: Undisturbed, atOnce: number): Promise<void> {
  await forEach(points, atOnce, (point) => withRig(built, (rig) => killOnce(rig, point, built)));
}

async function killOnce(rig: ProductRig, { name, attack, outcome }: Point, built: Undisturbed): Promise<void> {
  const run = await rig.run(applyOf(built.image), attack);
  expect([name, run.killed]).toEqual([name, true]);
  try {
    if (outcome === 'applied') await expectStackApplied(rig, built);
    else await expectStackDestroyed(rig, built);
  } catch (error) {
    throw new Error(`after a kill at ${name}: ${(error as Error).message}`, { cause: error });
  }
}

describe.each(OFFLINE)('kill -9 while %s is made', (example) => {
  let built: Undisturbed;
  beforeAll(async () => {
    built = await buildUndisturbed(example, front);
  });
  afterAll(() => built.remove());

  it('at writes of the state', async () => {
    expect(built.writes).toBeGreaterThan(45);
    await killAt(pointsAt(writesOf(built)), built, AT_ONCE);
  });

  it('in the middle of what takes long', async () => {
    // One by one: the check of another would come between a step and its kill.
    await killAt(pointsAt(longStepsOf(built)), built, 1);
  });
});
