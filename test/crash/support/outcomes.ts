import { expect } from 'vitest';
import { expectSuccess } from './checks.ts';
import { Album, type Picture, type Place } from './pictures.ts';
import { forEach, type ProductRig } from './product.ts';
import { FULL } from './selection.ts';
import { applyOf, expectStackApplied, expectStackDestroyed } from './stack-checks.ts';
import { type Built, withRig } from './stack-rigs.ts';

/** What is done after a kill: an apply that finishes, or a destroy that leaves nothing. */
export type Outcome = 'applied' | 'destroyed';

/** Pictures of one run: all of them lie on the disk at once. */
const AT_MOST = 24;

/** Characters of what was found in place of what was expected. */
const SHOWN = 2000;

let [taken, applied, destroyed, alike] = [0, 0, 0, 0];

/** How often what a stopped run had in its directory was gone on from. */
export const pictureCount = () =>
  `${taken} pictures of stopped runs: ${applied} applied, ${destroyed} destroyed, ${alike} like another`;

export async function expectOutcome(name: string, outcome: Outcome, rig: ProductRig, built: Built): Promise<void> {
  try {
    if (outcome === 'applied') await expectStackApplied(rig, built);
    else await expectStackDestroyed(rig, built);
  } catch (error) {
    const { message, actual } = error as Error & { readonly actual?: unknown };
    throw new Error(`${outcome} after ${name}: ${message} ${JSON.stringify(actual)?.slice(0, SHOWN) ?? ''}`, { cause: error });
  }
}

/** The same of several, all of which are tried. */
export class Findings {
  readonly #failures: string[] = [];
  readonly #begun = Date.now();

  async add(name: string, outcome: Outcome, rig: ProductRig, built: Built): Promise<void> {
    const failure = await expectOutcome(name, outcome, rig, built).then(
      () => undefined,
      (error: Error) => error.message,
    );
    if (failure !== undefined) this.#failures.push(failure);
    // Of what takes hours.
    const seconds = Math.round((Date.now() - this.#begun) / 1000);
    if (FULL)
      process.stdout.write(
        `${built.image.name}, ${seconds} s: ${outcome} after ${name}${failure === undefined ? '' : ` FAILED: ${failure}`}\n`,
      );
  }

  expectNone(): void {
    expect(this.#failures).toEqual([]);
  }
}

/** Stops runs at places, and goes on from what is there, with an apply and with a destroy, or one of them by turns. */
export async function expectOutcomes(places: readonly Place[], built: Built, outcomes: 'both' | 'turns', atOnce: number) {
  const findings = new Findings();
  await forEach(parts(places), atOnce, (part) =>
    withRig(built, async (rig) => {
      const album = new Album(rig);
      try {
        const { run, pictures } = await album.take(applyOf(built.image), part);
        expectSuccess(run);
        expect(pictures.map(({ name }) => name).sort()).toEqual(part.map(({ name }) => name).sort());
        taken += pictures.length;
        const seen = new Set<string>();
        for (const [index, picture] of pictures.entries()) {
          const chosen = (['applied', 'destroyed'] as const).filter((_, turn) => outcomes === 'both' || turn === turnOf(index));
          for (const outcome of chosen) await goOn(picture, outcome, { album, rig, built, seen, findings });
        }
      } finally {
        album.remove();
      }
    }),
  );
  findings.expectNone();
}

/** 0, 1, 1, 0: of what goes by twos, such as before and after a write, each gets both. */
function turnOf(index: number): number {
  return (index + Math.floor(index / 2)) % 2;
}

/** Places of one run each: of moments in one command only one, for a picture would come in between. */
function parts(places: readonly Place[]): Place[][] {
  const all: Place[][] = [];
  for (const place of places) {
    const part = all.find(
      (each) => each.length < AT_MOST && each.every(({ during }) => during === undefined || during !== place.during),
    );
    if (part === undefined) all.push([place]);
    else part.push(place);
  }
  return all;
}

interface Going {
  readonly album: Album;
  readonly rig: ProductRig;
  readonly built: Built;
  readonly seen: Set<string>;
  readonly findings: Findings;
}

async function goOn(picture: Picture, outcome: Outcome, { album, rig, built, seen, findings }: Going): Promise<void> {
  const same = `${outcome} ${outcome === 'applied' ? picture.digest : picture.names}`;
  if (seen.has(same)) {
    alike += 1;
    return;
  }
  seen.add(same);
  await album.restore(picture);
  await findings.add(picture.name, outcome, rig, built);
  if (outcome === 'applied') applied += 1;
  else destroyed += 1;
}
