import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundleEngine, removeEngine } from './support/bundle.ts';
import { IMAGE } from './support/image.ts';
import { forEach } from './support/product.ts';
import { type FrontRun, Rig } from './support/rig.ts';
import { FULL } from './support/selection.ts';

let support = '';
let kills = 0;
beforeAll(async () => {
  support = await bundleEngine();
});
afterAll(() => {
  removeEngine(support);
  process.stdout.write(`${kills} kills of the engine with small kinds\n`);
});

async function withRig(body: (rig: Rig) => Promise<void>): Promise<void> {
  const rig = new Rig(support);
  try {
    await body(rig);
  } finally {
    rig.cleanUp();
  }
}

const problems = (run: FrontRun) =>
  run.lines.filter((line) => line.type === 'diagnostic').map((line) => line.diagnostic?.summary);

async function expectApplied(rig: Rig): Promise<void> {
  const run = await rig.run({ operation: 'apply', spec: IMAGE });
  expect(problems(run)).toEqual([]);
  expect(run.stderr).toBe('');
  expect(run.code).toBe(0);
  const state = rig.state();
  expect(state.resources.map((resource) => resource.address)).toEqual(Object.keys(IMAGE).sort());
  for (const resource of state.resources) expect([resource.status, resource.attachment]).toEqual(['created', undefined]);
  expect(run.lines.find((line) => line.type === 'outputs')?.outputs?.['output.raw']?.['content']).toBe('hello');
  expect((await rig.remainders()).filter((text) => !text.startsWith('file '))).toEqual([]);
}

async function expectDestroyed(rig: Rig): Promise<void> {
  const run = await rig.run({ operation: 'destroy', spec: {} });
  expect(problems(run)).toEqual([]);
  expect(run.code).toBe(0);
  expect(rig.state().resources).toEqual([]);
  expect(await rig.remainders()).toEqual([]);
  expect([rig.exists('product'), rig.exists('product.part'), rig.exists('.dib/work')]).toEqual([false, false, false]);
  expect(rig.processes()).toEqual([]);
}

/** Kills a run at each `every`-th write of the state, some at a time, until one ends by itself, and gives the number of writes. */
async function killEverywhere(
  when: 'before' | 'after',
  victim: 'front' | 'worker',
  prepare: (rig: Rig) => Promise<void>,
  operation: 'apply' | 'destroy',
  every: number,
  check: (rig: Rig, at: number) => Promise<void>,
): Promise<number> {
  const step = FULL ? 1 : every;
  let next = 1;
  let end = Number.POSITIVE_INFINITY;
  await forEach([1, 2, 3], 3, async () => {
    while (next < end) {
      const at = next;
      next += step;
      await withRig(async (rig) => {
        await prepare(rig);
        const run = await rig.run({ operation, spec: IMAGE, kill: `${when}:${at}`, victim });
        await rig.processesEnd();
        if (run.code === 0) end = Math.min(end, at);
        else {
          kills += 1;
          if (victim === 'front') expect(run.signal).toBe('SIGKILL');
          else expect(problems(run)).toEqual(['The worker died with signal SIGKILL']);
        }
        await check(rig, at);
      });
    }
  });
  return end - 1;
}

const nothing = async () => {};

describe('kill -9 at every write of the state', () => {
  it('of the front, then apply finishes and destroy leaves nothing', async ({ annotate }) => {
    const writes = await killEverywhere('after', 'front', nothing, 'apply', 1, async (rig, at) => {
      await expectApplied(rig);
      // After a whole apply, destroys are all alike.
      if (at % 4 === 0) await expectDestroyed(rig);
    });
    await annotate(`${writes} writes`);
    expect(writes).toBeGreaterThan(30);
  });

  it('of the worker, then destroy leaves nothing', async ({ annotate }) => {
    const writes = await killEverywhere('before', 'worker', nothing, 'apply', 2, expectDestroyed);
    await annotate(`${writes} writes`);
    expect(writes).toBeGreaterThan(30);
  });

  it('of a destroy, then destroy leaves nothing, twice', async ({ annotate }) => {
    const writes = await killEverywhere('after', 'front', expectApplied, 'destroy', 3, async (rig, at) => {
      await expectDestroyed(rig);
      if (at % 4 === 0) await expectDestroyed(rig);
    });
    await annotate(`${writes} writes`);
    expect(writes).toBeGreaterThan(15);
  });
});
