import type { GraphNode } from './dag.ts';

export type GraphFormat = 'text' | 'dot' | 'mermaid' | 'json';
export const GRAPH_FORMATS: readonly GraphFormat[] = ['text', 'dot', 'mermaid', 'json'];

/** The graph in one of the formats; nodes in the order given, edges from a node to what it needs. */
export function renderGraph(nodes: readonly GraphNode[], format: GraphFormat): string {
  switch (format) {
    case 'text':
      return nodes.map((node) => line(node)).join('');
    case 'dot':
      return dot(nodes);
    case 'mermaid':
      return mermaid(nodes);
    case 'json':
      return `${JSON.stringify(
        {
          format_version: '1.0',
          nodes: nodes.map((node) => ({ address: node.address })),
          edges: edges(nodes).map(([from, to]) => ({ from, to })),
        },
        null,
        2,
      )}\n`;
  }
}

function line(node: GraphNode): string {
  return node.dependsOn.length === 0 ? `${node.address}\n` : `${node.address} <- ${node.dependsOn.join(', ')}\n`;
}

function edges(nodes: readonly GraphNode[]): [string, string][] {
  return nodes.flatMap((node) => node.dependsOn.map((dep): [string, string] => [node.address, dep]));
}

/** Graphviz DOT (graphviz.org/doc/info/lang.html); quoted identifiers need only `"` and `\` escaped. */
function dot(nodes: readonly GraphNode[]): string {
  const quote = (text: string) => `"${text.replace(/(["\\])/g, '\\$1')}"`;
  const body = [
    ...nodes.map((node) => `  ${quote(node.address)};`),
    ...edges(nodes).map(([from, to]) => `  ${quote(from)} -> ${quote(to)};`),
  ];
  return `digraph dib {\n  rankdir = "RL";\n  node [shape = "box"];\n${body.join('\n')}\n}\n`;
}

/** Mermaid flow chart (mermaid.js.org/syntax/flowchart.html): identifiers are numbered because addresses may hold any character. */
function mermaid(nodes: readonly GraphNode[]): string {
  const id = new Map(nodes.map((node, index) => [node.address, `n${index}`]));
  const body = [
    ...nodes.map((node) => `  ${id.get(node.address)}["${node.address.replaceAll('"', '#quot;')}"]`),
    ...edges(nodes)
      .filter(([, to]) => id.has(to))
      .map(([from, to]) => `  ${id.get(to)} --> ${id.get(from)}`),
  ];
  return `flowchart LR\n${body.join('\n')}\n`;
}
