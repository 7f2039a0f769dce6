import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { teardownOrder, type WalkNode, walk } from '../../../src/engine/walk.ts';

/** Random graphs: node i may depend on nodes before it only, under shuffled names, so there is no cycle. */
const graphs = fc
  .record({
    size: fc.integer({ min: 1, max: 14 }),
    seed: fc.infiniteStream(fc.nat({ max: 99 })),
    density: fc.integer({ min: 0, max: 60 }),
  })
  .map(({ size, seed, density }) => {
    const next = () => seed.next().value as number;
    const names = Array.from(
      { length: size },
      (_, index) => `k.${String((next() * 100 + index) % 9973).padStart(4, '0')}-${index}`,
    );
    return names.map((address, index): WalkNode => {
      const dependsOn = names.slice(0, index).filter(() => next() < density);
      return { address, dependsOn, pool: ['cpu', 'io', 'net'][next() % 3] };
    });
  });

const runs = fc.record({
  nodes: graphs,
  parallelism: fc.integer({ min: 1, max: 4 }),
  io: fc.integer({ min: 1, max: 3 }),
  failing: fc.array(fc.nat({ max: 13 }), { maxLength: 3 }),
  abortAfter: fc.option(fc.nat({ max: 14 }), { nil: undefined }),
  scheduler: fc.scheduler(),
});

const descendants = (nodes: readonly WalkNode[], from: ReadonlySet<string>): Set<string> => {
  const found = new Set<string>();
  for (let grew = true; grew; ) {
    grew = false;
    for (const node of nodes) {
      if (found.has(node.address) || !node.dependsOn.some((address) => from.has(address) || found.has(address))) continue;
      found.add(node.address);
      grew = true;
    }
  }
  return found;
};

describe('walk', () => {
  it('runs dependencies first, within limits, skips exactly the descendants of failures, halts what is not started', async () => {
    await fc.assert(
      fc.asyncProperty(runs, async ({ nodes, parallelism, io, failing, abortAfter, scheduler }) => {
        const fails = new Set(failing.map((index) => nodes[index % nodes.length]?.address as string));
        const controller = new AbortController();
        const started: string[] = [];
        const finished = new Set<string>();
        let active = 0;
        let activeIo = 0;
        const run = async (node: WalkNode) => {
          expect(controller.signal.aborted).toBe(false);
          for (const address of node.dependsOn) expect(finished).toContain(address);
          started.push(node.address);
          active += 1;
          if (node.pool === 'io') activeIo += 1;
          expect(active).toBeLessThanOrEqual(parallelism);
          expect(activeIo).toBeLessThanOrEqual(io);
          await scheduler.schedule(Promise.resolve());
          active -= 1;
          if (node.pool === 'io') activeIo -= 1;
          if (started.length === abortAfter) controller.abort();
          if (fails.has(node.address)) throw new Error(node.address);
          finished.add(node.address);
        };
        const walking = walk(nodes, run, { parallelism, pools: { io }, signal: controller.signal });
        await scheduler.waitFor(walking);
        const outcomes = await walking;
        expect([...outcomes.keys()].sort()).toEqual(nodes.map((node) => node.address).sort());
        const failed = new Set([...outcomes].filter(([, outcome]) => outcome.state === 'failed').map(([address]) => address));
        const below = descendants(nodes, failed);
        for (const [address, outcome] of outcomes) {
          expect(outcome.state === 'skipped').toBe(below.has(address));
          expect(outcome.state === 'done').toBe(finished.has(address));
          // Expectations inside run must not pass for failures of the node.
          if (outcome.state === 'failed') expect(outcome.error).toEqual(new Error(address));
          if (outcome.state === 'halted') expect(controller.signal.aborted).toBe(true);
          expect(started.includes(address)).toBe(outcome.state === 'done' || outcome.state === 'failed');
        }
        if (abortAfter === undefined) {
          expect(failed).toEqual(new Set([...fails].filter((address) => !descendants(nodes, failed).has(address))));
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('starts in the same order whatever the order given', async () => {
    await fc.assert(
      fc.asyncProperty(graphs, fc.infiniteStream(fc.nat()), async (nodes, noise) => {
        const orderOf = async (list: readonly WalkNode[]) => {
          const order: string[] = [];
          await walk(list, async (node) => void order.push(node.address), { parallelism: 1 });
          return order;
        };
        const weights = new Map(nodes.map((node) => [node, noise.next().value as number]));
        const shuffled = [...nodes].sort((a, b) => (weights.get(a) ?? 0) - (weights.get(b) ?? 0));
        expect(await orderOf(shuffled)).toEqual(await orderOf(nodes));
      }),
    );
  });

  it('tears down dependents first', () => {
    fc.assert(
      fc.property(graphs, (nodes) => {
        const order = teardownOrder(nodes).map((node) => node.address);
        for (const node of nodes) {
          for (const address of node.dependsOn) expect(order.indexOf(node.address)).toBeLessThan(order.indexOf(address));
        }
      }),
    );
  });
});
