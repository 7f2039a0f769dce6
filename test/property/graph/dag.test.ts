import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type GraphNode, shortestCycle, topologicalOrder } from '../../../src/graph/dag.ts';

/** Random acyclic graphs: a node may only need nodes of a lower number; then shuffled. */
const acyclic = fc
  .array(fc.array(fc.nat(), { maxLength: 4 }), { minLength: 1, maxLength: 30 })
  .map((rows): GraphNode[] =>
    rows.map((picks, i) => ({ address: `n${i}`, dependsOn: i === 0 ? [] : picks.map((pick) => `n${pick % i}`) })),
  )
  .chain((nodes) => fc.shuffledSubarray(nodes, { minLength: nodes.length }));

describe('topologicalOrder', () => {
  it('holds every node once, after all that it needs', () => {
    fc.assert(
      fc.property(acyclic, (nodes) => {
        const place = new Map(topologicalOrder(nodes).map((node, index) => [node.address, index]));
        expect(place.size).toBe(nodes.length);
        for (const { address, dependsOn } of nodes) {
          for (const dependency of dependsOn) expect(place.get(dependency)).toBeLessThan(place.get(address) as number);
        }
      }),
    );
  });

  it('finds a cycle exactly when there is one', () => {
    fc.assert(
      fc.property(acyclic, fc.nat(), fc.nat(), (nodes, a, b) => {
        expect(shortestCycle(nodes)).toEqual([]);
        const from = nodes[a % nodes.length] as GraphNode;
        const to = nodes[b % nodes.length] as GraphNode;
        const closed = nodes.map((node) => (node === from ? { ...node, dependsOn: [...node.dependsOn, to.address] } : node));
        const cycle = shortestCycle(closed);
        cycle.forEach((node, index) => {
          expect(node.dependsOn).toContain((cycle[(index + 1) % cycle.length] as GraphNode).address);
        });
      }),
    );
  });
});
