import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { needRoot } from '../support/privileges.ts';
import { bundleProduct, removeProduct } from './support/bundle.ts';
import { expectOutcomes, Findings, type Outcome, pictureCount } from './support/outcomes.ts';
import type { Place } from './support/pictures.ts';
import { type Attack, forEach, killCount } from './support/product.ts';
import { everyNth, FULL } from './support/selection.ts';
import { applyOf } from './support/stack-checks.ts';
import { OFFLINE } from './support/stack-images.ts';
import { buildUndisturbed, during, type Undisturbed, withRig } from './support/stack-rigs.ts';

// The disks of examples/ are made as bytes in files, so what a kill leaves is what the files hold at that instant. A run is stopped before and after each
// write of the state and in the middle of what takes long, its directory is copied, and from each copy an apply and a destroy go on. At a choice of these
// places front and worker are really killed with SIGKILL. With DIB_CRASH=full at each place, with both outcomes; otherwise at every third write, by turns.
// DIB_CRASH_AT=REGEX picks places by name.

/** Rigs that run at once. */
const AT_ONCE = 2;
const AT = new RegExp(process.env['DIB_CRASH_AT'] ?? '');
const LONG = /^(mkfs|mkswap|mcopy|cryptsetup|fallocate|qemu-img)/;
const VICTIMS = ['worker', 'front'] as const;

let front = '';
beforeAll(async () => {
  needRoot();
  front = await bundleProduct();
});
afterAll(() => {
  removeProduct(front);
  process.stdout.write(`${pictureCount()}; ${killCount()} kills of device stacks made offline\n`);
});

/** After a write, and right before it, with its action done; or one of them by turns. */
function writesOf({ writes }: Undisturbed): Place[] {
  const all = Array.from({ length: writes }, (_, index) => [`before:${index + 1}`, `after:${index + 1}`]);
  return everyNth(all, 3).flatMap((pair, index) =>
    pair.filter((_, turn) => FULL || turn === index % 2).map((write) => place(write, { write })),
  );
}

/** At once, and of what has several stages later too, in milliseconds. */
function longStepsOf({ steps }: Undisturbed): Place[] {
  return steps
    .filter(({ command }) => LONG.test(command))
    .flatMap((step) => {
      const command = `${step.address}: ${step.command}`;
      const moments = command.includes(' cryptsetup ') || step.address.startsWith('encrypt.') ? [0, 50, 100, 200, 400] : [0];
      return moments.map((after) => ({ ...place(`${command} +${after}`, during(step, undefined, after)), during: command }));
    });
}

function place(name: string, attack: Place['attack']): Place {
  return { name, attack };
}

/** One kill, by turns of each victim, with each outcome. */
async function kill({ name, attack }: Place, turn: number, built: Undisturbed, findings: Findings): Promise<void> {
  const outcome: Outcome = turn % 4 < 2 ? 'applied' : 'destroyed';
  const victim: Attack['victim'] = VICTIMS[turn % 2];
  await withRig(built, async (rig) => {
    const run = await rig.run(applyOf(built.image), { ...attack, victim });
    expect([name, run.killed]).toEqual([name, true]);
    await findings.add(`a kill of the ${victim} at ${name}`, outcome, rig, built);
  });
}

describe.each(OFFLINE)('while %s is made', (example) => {
  let built: Undisturbed;
  let places: { readonly writes: readonly Place[]; readonly moments: readonly Place[] };
  beforeAll(async () => {
    built = await buildUndisturbed(example, front);
    expect(built.writes).toBeGreaterThan(45);
    const chosen = (all: readonly Place[]) => all.filter(({ name }) => AT.test(name));
    places = { writes: chosen(writesOf(built)), moments: everyNth(chosen(longStepsOf(built)), 2) };
  });
  afterAll(() => built.remove());

  it('stopped at writes of the state', async () => {
    await expectOutcomes(places.writes, built, FULL ? 'both' : 'turns', AT_ONCE);
  });

  it('stopped in the middle of what takes long', async () => {
    // One by one: the check of another would come between a step and its picture.
    await expectOutcomes(places.moments, built, FULL ? 'both' : 'turns', 1);
  });

  it('killed with SIGKILL at writes of the state', async () => {
    const kills = places.writes.filter((_, index) => index % (FULL ? 5 : 7) === 0);
    const findings = new Findings();
    await forEach([...kills.entries()], AT_ONCE, ([turn, each]) => kill(each, turn, built, findings));
    findings.expectNone();
  });

  it('killed with SIGKILL in the middle of what takes long', async () => {
    const kills = places.moments.filter((_, index) => index % (FULL ? 2 : 5) === 0);
    const findings = new Findings();
    for (const [turn, each] of kills.entries()) await kill(each, turn, built, findings);
    findings.expectNone();
  });
});
