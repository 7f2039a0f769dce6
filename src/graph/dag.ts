import type { SourceRange } from '../diagnostics/diagnostic.ts';
import { DibError } from '../diagnostics/errors.ts';

/** What the graph needs to know of a node; dependencies that are not nodes of the graph are ignored. */
export interface GraphNode {
  readonly address: string;
  readonly dependsOn: readonly string[];
  readonly source?: SourceRange | undefined;
}

/**
 * Nodes with dependencies first. Among nodes that are ready at the same time the order given decides, so equal input has equal output.
 * Throws DibError (DIB_GRAPH_CYCLE) that names the shortest cycle, hop by hop.
 */
export function topologicalOrder<T extends GraphNode>(nodes: readonly T[]): T[] {
  const known = new Set(nodes.map((node) => node.address));
  const waiting = new Map(nodes.map((node) => [node.address, new Set(node.dependsOn.filter((dep) => known.has(dep)))]));
  const order: T[] = [];
  let rest = [...nodes];
  while (rest.length > 0) {
    const next = rest.find((node) => waiting.get(node.address)?.size === 0);
    if (next === undefined) throw cycleError(shortestCycle(rest));
    order.push(next);
    rest = rest.filter((node) => node !== next);
    for (const dependencies of waiting.values()) dependencies.delete(next.address);
  }
  return order;
}

/** The shortest cycle as a list of nodes, each depending on the next and the last on the first; empty if there is none. */
export function shortestCycle<T extends GraphNode>(nodes: readonly T[]): T[] {
  const byAddress = new Map(nodes.map((node) => [node.address, node]));
  let best: T[] = [];
  for (const start of nodes) {
    const path = pathBack(start, byAddress);
    if (path.length > 0 && (best.length === 0 || path.length < best.length)) best = path;
  }
  return best;
}

function pathBack<T extends GraphNode>(start: T, byAddress: ReadonlyMap<string, T>): T[] {
  const cameFrom = new Map<string, T>();
  const queue: T[] = [start];
  for (let node = queue.shift(); node !== undefined; node = queue.shift()) {
    for (const address of node.dependsOn) {
      if (address === start.address) {
        const path = [node];
        for (let at = node; at !== start; ) {
          at = cameFrom.get(at.address) as T;
          path.unshift(at);
        }
        return path;
      }
      const next = byAddress.get(address);
      if (next === undefined || cameFrom.has(address)) continue;
      cameFrom.set(address, node);
      queue.push(next);
    }
  }
  return [];
}

function cycleError(cycle: readonly GraphNode[]): DibError {
  const first = cycle[0] as GraphNode;
  const hops = [...cycle.map((node) => node.address), first.address];
  return new DibError({
    code: 'DIB_GRAPH_CYCLE',
    severity: 'error',
    summary: `Dependency cycle: ${hops.join(' -> ')}`,
    detail: 'Each of these needs the next one to exist first, so none can be made.',
    help: 'Remove one of these references.',
    range: first.source,
    related: cycle.flatMap((node, index) =>
      node.source === undefined ? [] : [{ message: `${node.address} needs ${hops[index + 1]}`, range: node.source }],
    ),
  });
}

/** All that the given nodes need, directly or not, themselves included. */
export function withDependencies(addresses: Iterable<string>, nodes: readonly GraphNode[]): Set<string> {
  const byAddress = new Map(nodes.map((node) => [node.address, node]));
  const seen = new Set<string>();
  const stack = [...addresses];
  for (let address = stack.pop(); address !== undefined; address = stack.pop()) {
    if (seen.has(address)) continue;
    seen.add(address);
    stack.push(...(byAddress.get(address)?.dependsOn ?? []));
  }
  return seen;
}
