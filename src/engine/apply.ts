import type { Kind, Outputs, RecordedResource, Resource } from '../kinds/kind.ts';
import { type ResourceKey, resourceKey } from '../plan/keys.ts';
import type { ActionReason, Plan, ResourceChange } from '../plan/plan.ts';
import { findResource, type State } from '../state/state.ts';
import { type Intent, recordCreated, recordIntent, recordTainted, removeResource, setFacts } from '../state/transitions.ts';
import { kindOf, perform, type Surroundings } from './actions.ts';
import { Attachments } from './attachments.ts';
import type { Operation } from './events.ts';
import { guarded } from './guarded.ts';
import type { Runtime } from './job.ts';
import { destroyResource } from './remove.ts';
import { makeStamps, removeStamps } from './stamps.ts';
import { type Outcome, teardownOrder, walk } from './walk.ts';

export interface Failure {
  readonly address: string;
  readonly error: unknown;
}

export interface RunResult {
  readonly added: number;
  readonly changed: number;
  readonly removed: number;
  readonly failures: readonly Failure[];
  /** Actions that were not started, in the plan's order. */
  readonly notRun: readonly string[];
}

export interface ApplyOptions {
  readonly parallelism: number;
  readonly keepOnFailure: boolean;
}

/** Actions that compete for disk or network: more at once make them slower. */
const POOLS = { io: 2, net: 2 };

/** Carries out a plan: removes what is replaced or no longer wanted, makes the rest, detaches everything. */
export async function applyPlan(
  plan: Plan,
  runtime: Runtime,
  surroundings: Surroundings,
  options: ApplyOptions,
): Promise<RunResult> {
  return await new Apply(plan, runtime, surroundings, options).run();
}

class Apply {
  readonly #plan: Plan;
  readonly #runtime: Runtime;
  readonly #env: Surroundings;
  readonly #options: ApplyOptions;
  readonly #attachments: Attachments;
  readonly #changes: ReadonlyMap<string, ResourceChange>;
  #added = 0;
  #changed = 0;
  #removed = 0;

  constructor(plan: Plan, runtime: Runtime, surroundings: Surroundings, options: ApplyOptions) {
    this.#plan = plan;
    this.#runtime = runtime;
    this.#env = surroundings;
    this.#options = options;
    this.#attachments = new Attachments(surroundings);
    this.#changes = new Map(plan.resource_changes.map((change) => [change.address, change]));
  }

  async run(): Promise<RunResult> {
    const wanted = this.#plan.resource_changes.filter((change) => !isRemoval(change));
    const failures: Failure[] = [];
    let outcomes = new Map<string, Outcome>();
    const before = await this.#prepare();
    failures.push(...before);
    if (before.length === 0) {
      outcomes = await walk(
        wanted.map((change) => ({
          address: change.address,
          dependsOn: change.depends_on,
          pool: this.#env.kinds.get(change.kind)?.pool ?? 'cpu',
        })),
        (node) => this.#step(this.#changes.get(node.address) as ResourceChange),
        { parallelism: this.#options.parallelism, pools: POOLS, signal: this.#env.interrupts.halt },
      );
    }
    for (const [address, outcome] of outcomes) if (outcome.state === 'failed') failures.push({ address, error: outcome.error });
    if (failures.length === 0 || !this.#options.keepOnFailure) failures.push(...(await this.#attachments.detachAll()));
    const notRun = wanted.filter((change) => change.change.actions[0] !== 'no-op' && isUnstarted(outcomes.get(change.address)));
    if (failures.length === 0 && notRun.length === 0) await makeStamps(this.#env);
    return {
      added: this.#added,
      changed: this.#changed,
      removed: this.#removed,
      failures,
      notRun: notRun.map((change) => change.address),
    };
  }

  /** Detaches what an earlier run left and destroys what is in the way; stops at the first failure. */
  async #prepare(): Promise<Failure[]> {
    if (this.#plan.resource_changes.every((change) => change.change.actions[0] === 'no-op')) return [];
    await removeStamps(this.#env, this.#plan);
    const left = await this.#attachments.detachAll();
    if (left.length > 0) return [...left];
    for (const { address, change } of this.#plan.resource_changes) {
      if (change.actions[0] !== 'forget') continue;
      await this.#env.store.update((state) => removeResource(state, address));
    }
    for (const recorded of teardownOrder(this.#env.store.current.resources)) {
      const change = this.#changes.get(recorded.address);
      if (change?.change.actions[0] !== 'delete' || this.#env.interrupts.halt.aborted) continue;
      // What is replaced because of something that is not known yet may turn out to be unchanged.
      const replaced = change.change.actions.length === 2;
      if (replaced && (change.key === undefined || this.#kind(recorded).inPlace === true)) continue;
      const failure = await this.#destroy(recorded);
      if (failure !== undefined) return [failure];
      if (!replaced) this.#removed += 1;
    }
    return [];
  }

  async #destroy(recorded: RecordedResource): Promise<Failure | undefined> {
    try {
      await destroyResource(this.#env, recorded);
      return undefined;
    } catch (error) {
      return { address: recorded.address, error };
    }
  }

  async #step(change: ResourceChange): Promise<void> {
    const { store } = this.#env;
    const resource = this.#runtime.resolve(change.address, store.current.facts);
    if (resource === undefined) throw new Error(`the plan has ${change.address}, the configuration has not`);
    const recorded = findResource(store.current, change.address);
    const key = resourceKey(resource, keysIn(store.current));
    if (await this.#isDone(change, recorded, key)) return;
    const kind = this.#kind(resource);
    // What is still there goes now, whatever the plan said: a fact may have changed since.
    if (recorded !== undefined && kind.cached !== true && kind.inPlace !== true) await this.#destroyDeferred(recorded);
    await this.#create(change, resource, kind, key, recorded);
    const verbs: readonly string[] = change.change.actions;
    if (verbs.includes('create')) this.#added += 1;
    if (verbs.includes('update')) this.#changed += 1;
    if (verbs.includes('delete')) this.#removed += 1;
  }

  async #isDone(change: ResourceChange, recorded: RecordedResource | undefined, key: ResourceKey | undefined): Promise<boolean> {
    if (change.action_reason === 'no_op_because_not_needed') return true;
    if (recorded?.status !== 'created' || recorded.key !== key?.key) return false;
    if (change.change.actions[0] === 'no-op') return true;
    // Planned while its inputs were not known; now they are, and they are what they were.
    if (change.key !== undefined || change.action_reason === 'replace_by_request') return false;
    return (
      (await this.#kind(recorded).probe(recorded, this.#env.paths, (address) => findResource(this.#env.store.current, address)))
        .state === 'present'
    );
  }

  /** The old result, and before it everything made from it that is replaced as well. */
  async #destroyDeferred(recorded: RecordedResource): Promise<void> {
    const { resources } = this.#env.store.current;
    const doomed = new Set([recorded.address]);
    for (const other of teardownOrder(resources).reverse()) {
      const change = this.#changes.get(other.address);
      if (change === undefined || !mustDestroyFirst(change, this.#kind(other))) continue;
      if (other.dependsOn.some((address) => doomed.has(address))) doomed.add(other.address);
    }
    for (const other of teardownOrder(resources)) if (doomed.has(other.address)) await destroyResource(this.#env, other);
  }

  async #create(
    change: ResourceChange,
    resource: Resource,
    kind: Kind,
    key: ResourceKey | undefined,
    previous: RecordedResource | undefined,
  ): Promise<void> {
    const { store } = this.#env;
    const intent = intentOf(resource, key);
    await store.update((state) => recordIntent(state, intent));
    const action = {
      ...identityOf(resource),
      operation: operationOf(change),
      key: key?.key,
      previous: kind.inPlace === true ? previous : undefined,
      renew: change.key !== undefined && RENEWED.has(change.action_reason),
    };
    const create = () =>
      perform(this.#env, action, (context) => guarded(this.#env, resource, context, () => kind.create(resource.inputs, context)));
    const make = () => (kind.attachesWhileCreating === true ? this.#attachments.creating(resource.address, create) : create());
    try {
      if (kind.needsDetached?.(resource.inputs) === true) await this.#attachments.without(resource.dependsOn);
      const attached = kind.needsAttached?.(resource.inputs) === true;
      const outputs = attached ? await this.#attachments.with(resource.dependsOn, make) : await make();
      await this.#recordResult(resource, outputs);
    } catch (error) {
      // A cached kind leaves nothing behind when it fails; of the others, something may be there.
      await store
        .update((state) =>
          kind.cached === true ? restore(state, resource.address, previous) : recordTainted(state, resource.address),
        )
        .catch(() => {});
      throw error;
    }
  }

  /** Records the result, and with it the facts it gave and the inputs that these make known: all in one write. */
  async #recordResult(resource: Resource, outputs: Outputs): Promise<void> {
    await this.#env.store.update((state) => {
      const withFacts = setFacts(state, this.#runtime.factsFrom(resource, outputs) ?? {});
      const final = this.#runtime.resolve(resource.address, withFacts.facts) ?? resource;
      const key = resourceKey(final, keysIn(withFacts));
      if (key === undefined) throw new Error(`${resource.address} is made, but its inputs are still not known`);
      return recordCreated(withFacts, intentOf(final, key), outputs);
    });
  }

  #kind(resource: { readonly address: string; readonly kind: string }): Kind {
    return kindOf(this.#env.kinds, resource);
  }
}

/** Reasons to make a cached result again although the cache has it. An unknown key (--upgrade) may turn out to be one that it has. */
const RENEWED: ReadonlySet<ActionReason> = new Set(['replace_by_request', 'replace_because_dependency_replaced']);

function isRemoval({ change }: ResourceChange): boolean {
  return change.actions.length === 1 && (change.actions[0] === 'delete' || change.actions[0] === 'forget');
}

function isUnstarted(outcome: Outcome | undefined): boolean {
  return outcome === undefined || outcome.state === 'skipped' || outcome.state === 'halted';
}

function mustDestroyFirst({ change }: ResourceChange, kind: Kind): boolean {
  return change.actions[0] === 'delete' && change.actions.length === 2 && kind.inPlace !== true;
}

function operationOf({ change }: ResourceChange): Operation {
  if (change.actions[0] === 'delete') return 'replace';
  if (change.actions[0] === 'no-op') return 'reuse';
  return change.actions[0] === 'update' ? 'update' : 'create';
}

function keysIn(state: State): (address: string) => string | undefined {
  return (address) => findResource(state, address)?.key || undefined;
}

function intentOf(resource: Resource, key: ResourceKey | undefined): Intent {
  const document = key?.document ?? { kind: resource.kind, inputs: resource.inputs, dependencies: {} };
  const { inputs, dependsOn } = resource;
  return { ...identityOf(resource), inputs, key: key?.key ?? '', keyDocument: document, dependsOn };
}

function identityOf(resource: Resource): { address: string; kind: string; name: string } {
  return { address: resource.address, kind: resource.kind, name: resource.name };
}

function restore(state: State, address: string, previous: RecordedResource | undefined): State {
  const without = removeResource(state, address);
  return previous === undefined || previous.status !== 'created'
    ? without
    : { ...without, resources: [...without.resources, previous] };
}
