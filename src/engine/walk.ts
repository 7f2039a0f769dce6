/** A node of the walk. Dependencies that are not nodes of the walk count as done. */
export interface WalkNode {
  readonly address: string;
  readonly dependsOn: readonly string[];
  readonly pool?: string | undefined;
}

/** `skipped`: something that it needs failed. `halted`: not started, because the walk was aborted. */
export type Outcome =
  | { readonly state: 'done' }
  | { readonly state: 'failed'; readonly error: unknown }
  | { readonly state: 'skipped' }
  | { readonly state: 'halted' };

export interface WalkOptions {
  /** How many nodes run at once. */
  readonly parallelism: number;
  /** How many nodes of a pool run at once; a pool that is not listed has no limit of its own. */
  readonly pools?: Readonly<Record<string, number>> | undefined;
  /** After it, nothing is started; what runs goes on. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs every node after all that it depends on. Among ready nodes the topologically lower one goes first, then the one with the smaller
 * address, so that equal graphs start in equal order. A failure skips exactly what depends on it; other branches go on. Never rejects.
 * The graph must have no cycle.
 */
export function walk<T extends WalkNode>(
  nodes: readonly T[],
  run: (node: T) => Promise<void>,
  options: WalkOptions,
): Promise<Map<string, Outcome>> {
  return new Promise((resolve) => new Walk(nodes, run, options, resolve).advance());
}

class Walk<T extends WalkNode> {
  readonly #outcomes = new Map<string, Outcome>();
  readonly #waiting: T[];
  readonly #running = new Map<string, number>();
  readonly #run: (node: T) => Promise<void>;
  readonly #options: WalkOptions;
  readonly #resolve: (outcomes: Map<string, Outcome>) => void;
  readonly #known: ReadonlySet<string>;
  #active = 0;

  constructor(
    nodes: readonly T[],
    run: (node: T) => Promise<void>,
    options: WalkOptions,
    resolve: (outcomes: Map<string, Outcome>) => void,
  ) {
    this.#waiting = inWalkOrder(nodes);
    this.#known = new Set(nodes.map((node) => node.address));
    this.#run = run;
    this.#options = options;
    this.#resolve = resolve;
  }

  /** Settles what cannot run any more, starts what can, and ends the walk when nothing is left. */
  advance(): void {
    // Dependencies stand before their dependents, so one pass settles whole chains.
    for (const node of [...this.#waiting]) this.#consider(node);
    if (this.#active === 0) this.#resolve(this.#outcomes);
  }

  #consider(node: T): void {
    const needed = node.dependsOn
      .filter((address) => this.#known.has(address))
      .map((address) => this.#outcomes.get(address)?.state);
    if (needed.some((state) => state === 'failed' || state === 'skipped')) this.#settle(node, { state: 'skipped' });
    else if (needed.includes(undefined)) return;
    else if (this.#options.signal?.aborted) this.#settle(node, { state: 'halted' });
    else if (this.#hasRoom(node)) this.#start(node);
  }

  #hasRoom(node: T): boolean {
    const limit = node.pool === undefined ? undefined : this.#options.pools?.[node.pool];
    return this.#active < this.#options.parallelism && (limit === undefined || (this.#running.get(node.pool ?? '') ?? 0) < limit);
  }

  #start(node: T): void {
    this.#remove(node);
    this.#count(node, 1);
    // The call starts now, so that no abort can come in between; it settles later, when no others are being considered.
    void (async () => this.#run(node))()
      .then(
        (): Outcome => ({ state: 'done' }),
        (error: unknown): Outcome => ({ state: 'failed', error }),
      )
      .then((outcome) => {
        this.#count(node, -1);
        this.#outcomes.set(node.address, outcome);
        this.advance();
      });
  }

  #count(node: T, change: 1 | -1): void {
    this.#active += change;
    const pool = node.pool ?? '';
    this.#running.set(pool, (this.#running.get(pool) ?? 0) + change);
  }

  #settle(node: T, outcome: Outcome): void {
    this.#remove(node);
    this.#outcomes.set(node.address, outcome);
  }

  #remove(node: T): void {
    this.#waiting.splice(this.#waiting.indexOf(node), 1);
  }
}

function inWalkOrder<T extends WalkNode>(nodes: readonly T[]): T[] {
  const levels = levelsOf(nodes);
  const level = (node: T) => levels.get(node.address) ?? 0;
  return [...nodes].sort((a, b) => level(a) - level(b) || (a.address < b.address ? -1 : 1));
}

/** Topological level of each node: 0 for one that depends on no other node, else one more than its highest dependency. */
export function levelsOf(nodes: readonly WalkNode[]): Map<string, number> {
  const byAddress = new Map(nodes.map((node) => [node.address, node]));
  const levels = new Map<string, number>();
  const visit = (node: WalkNode): number => {
    const found = levels.get(node.address);
    if (found !== undefined) return found;
    // Set first, so that a record with a cycle (which no plan makes) ends.
    levels.set(node.address, 0);
    const below = node.dependsOn.flatMap((address) => byAddress.get(address) ?? []).map(visit);
    const level = below.length === 0 ? 0 : 1 + Math.max(...below);
    levels.set(node.address, level);
    return level;
  };
  for (const node of nodes) visit(node);
  return levels;
}

/** Nodes with dependents before what they depend on: the order of teardown. */
export function teardownOrder<T extends WalkNode>(nodes: readonly T[]): T[] {
  return inWalkOrder(nodes).reverse();
}
