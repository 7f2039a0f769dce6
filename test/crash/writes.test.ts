import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { needRoot } from '../support/privileges.ts';
import { bundleProduct, removeProduct } from './support/bundle.ts';
import {
  APPLY,
  DESTROY,
  describeBuild,
  expectApplied,
  expectDestroyed,
  expectSuccess,
  type Reference,
} from './support/checks.ts';
import { tinyImage } from './support/images.ts';
import { type Attack, forEach, killCount, ProductRig } from './support/product.ts';
import { everyNth } from './support/selection.ts';

// The whole product is killed with SIGKILL at writes of the state: the front right after it, the worker right before it. Small kinds are killed at every
// write in engine.test.ts; the whole product with DIB_CRASH=full, otherwise at every fifth.

/** Rigs that run at once. */
const AT_ONCE = 3;
const ATTACHED = ['--realisation', 'attached'];
const image = tinyImage();
let front = '';
let built: ProductRig;
let offline: Reference;
let attached: Reference;
const writes = { offline: 0, attached: 0 };

beforeAll(async () => {
  needRoot();
  front = await bundleProduct();
  built = new ProductRig({ front, image });
  expectSuccess(await built.run(APPLY));
  offline = describeBuild(built, ['tiny.qcow2', 'tiny.tar']);
  await withRig(async (rig) => {
    expectSuccess(await rig.run(APPLY));
    writes.offline = rig.writes;
    expect(describeBuild(rig, ['tiny.qcow2', 'tiny.tar'])).toEqual(offline);
  });
  await withRig(async (rig) => {
    expectSuccess(await rig.run([...APPLY, ...ATTACHED]));
    writes.attached = rig.writes;
    // The kernel's file systems are not equal byte for byte; what is in them is.
    attached = describeBuild(rig, ['tiny.tar']);
  });
});

afterAll(() => {
  built.cleanUp();
  removeProduct(front);
  process.stdout.write(`${killCount()} kills at writes of the state\n`);
});

/** A fresh state and a cache that has the layers. */
async function withRig(body: (rig: ProductRig) => Promise<void>): Promise<void> {
  const rig = new ProductRig({ front, image, cache: built.cache });
  try {
    await body(rig);
  } finally {
    rig.cleanUp();
  }
}

/** Attacks on writes of a run: on the front right after it, or on the worker right before it, with its action done. */
function attacks(count: number, victim: 'front' | 'worker', every = 5): Attack[] {
  const when = victim === 'front' ? 'after' : 'before';
  return everyNth(
    Array.from({ length: count }, (_, index) => ({ write: `${when}:${index + 1}`, victim })),
    every,
  );
}

async function killApplies(kills: readonly Attack[], args: readonly string[], reference: Reference): Promise<void> {
  await forEach([...kills.entries()], AT_ONCE, ([index, attack]) =>
    withRig(async (rig) => {
      const resume = index % 2 === 0;
      const run = await rig.run([...APPLY, ...args], attack);
      expect([attack.write, run.killed]).toEqual([attack.write, true]);
      if (resume) await expectApplied(rig, reference, args);
      else await expectDestroyed(rig);
    }),
  );
}

describe('kill -9 at writes of the state', () => {
  it('of an offline apply: the next apply finishes the image, or destroy leaves nothing', async () => {
    expect(writes.offline).toBeGreaterThan(30);
    await killApplies(attacks(writes.offline, 'front'), [], offline);
  });

  it('of an attached apply', async () => {
    expect(writes.attached).toBeGreaterThan(writes.offline);
    await killApplies(attacks(writes.attached, 'worker'), ATTACHED, attached);
  });

  it('of a destroy of an attached and mounted image: the next destroy leaves nothing', async () => {
    let count = 0;
    await withRig(async (rig) => {
      expectSuccess(await rig.run([...APPLY, '--keep-attached']));
      expectSuccess(await rig.run([...DESTROY, '--outputs']));
      count = rig.writes;
      expect(rig.products()).toEqual([]);
    });
    expect(count).toBeGreaterThan(20);
    await forEach(attacks(count, 'front', 5), AT_ONCE, (attack) =>
      withRig(async (rig) => {
        expectSuccess(await rig.run([...APPLY, '--keep-attached']));
        const run = await rig.run([...DESTROY, '--outputs'], attack);
        expect([attack.write, run.killed]).toEqual([attack.write, true]);
        await expectDestroyed(rig, ['--outputs']);
        expect(rig.products()).toEqual([]);
      }),
    );
  });

  it('of --keep-attached: the next apply detaches what is half attached', async () => {
    await withRig(async (rig) => {
      expectSuccess(await rig.run([...APPLY, ...ATTACHED]));
      expectSuccess(await rig.run([...APPLY, '--keep-attached']));
      const count = rig.writes;
      expect(rig.mounts()).toHaveLength(2);
      await expectDestroyed(rig, ['--outputs']);
      expectSuccess(await rig.run([...APPLY, ...ATTACHED]));
      for (const attack of attacks(count - 1, 'front')) {
        const run = await rig.run([...APPLY, '--keep-attached'], attack);
        expect([attack.write, run.killed]).toEqual([attack.write, true]);
        await expectApplied(rig, attached);
      }
      expectSuccess(await rig.run([...APPLY, '--keep-attached']));
      // What is wholly attached stays when nothing is to be done.
      expectSuccess(await rig.run(APPLY));
      expect(rig.mounts()).toHaveLength(2);
      await expectDestroyed(rig);
    });
  });
});
