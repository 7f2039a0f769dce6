import { describe, expect, it } from 'vitest';
import { DibError } from '../../../src/diagnostics/errors.ts';
import { type GraphNode, shortestCycle, topologicalOrder, withDependencies } from '../../../src/graph/dag.ts';
import { renderGraph } from '../../../src/graph/render.ts';

const node = (address: string, ...dependsOn: string[]): GraphNode => ({ address, dependsOn });
const range = (line: number) => ({
  file: 'image.yaml',
  start: { line, column: 1, offset: 0 },
  end: { line, column: 2, offset: 1 },
});

describe('topologicalOrder', () => {
  it('puts dependencies first and keeps the given order otherwise', () => {
    const nodes = [node('c', 'a'), node('b'), node('a')];
    expect(topologicalOrder(nodes).map(({ address }) => address)).toEqual(['b', 'a', 'c']);
  });

  it('ignores dependencies outside the graph', () => {
    expect(topologicalOrder([node('a', 'elsewhere')])).toHaveLength(1);
  });

  it('names the shortest cycle with the place of each hop', () => {
    const nodes: GraphNode[] = [
      { ...node('a', 'b'), source: range(1) },
      { ...node('b', 'c'), source: range(2) },
      { ...node('c', 'a', 'd'), source: range(3) },
      { ...node('d', 'c'), source: range(4) },
    ];
    let thrown: unknown;
    try {
      topologicalOrder(nodes);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(DibError);
    const [diagnostic] = (thrown as DibError).diagnostics;
    expect(diagnostic?.summary).toBe('Dependency cycle: c -> d -> c');
    expect(diagnostic?.related?.map(({ message, range: at }) => `${at.start.line}: ${message}`)).toEqual([
      '3: c needs d',
      '4: d needs c',
    ]);
  });

  it('finds a node that needs itself', () => {
    expect(shortestCycle([node('a', 'a')]).map(({ address }) => address)).toEqual(['a']);
  });
});

describe('withDependencies', () => {
  it('follows edges through', () => {
    expect([...withDependencies(['c'], [node('c', 'b'), node('b', 'a'), node('a'), node('x')])].sort()).toEqual(['a', 'b', 'c']);
  });
});

describe('renderGraph', () => {
  const nodes = [node('disk.a'), node('mkfs."x"', 'disk.a')];

  it('draws DOT with quotes escaped', () => {
    expect(renderGraph(nodes, 'dot')).toBe(
      'digraph dib {\n  rankdir = "RL";\n  node [shape = "box"];\n  "disk.a";\n  "mkfs.\\"x\\"";\n  "mkfs.\\"x\\"" -> "disk.a";\n}\n',
    );
  });

  it('draws Mermaid with arrows in the order of work', () => {
    expect(renderGraph(nodes, 'mermaid')).toBe('flowchart LR\n  n0["disk.a"]\n  n1["mkfs.#quot;x#quot;"]\n  n0 --> n1\n');
  });

  it('lists text and JSON', () => {
    expect(renderGraph(nodes, 'text')).toBe('disk.a\nmkfs."x" <- disk.a\n');
    expect(JSON.parse(renderGraph(nodes, 'json'))).toMatchObject({ edges: [{ from: 'mkfs."x"', to: 'disk.a' }] });
  });
});
