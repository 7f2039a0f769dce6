import type { Command } from '../exec/command.ts';
import { withDependencies } from '../graph/dag.ts';
import type { Kind, Presence, RecordedResource, Requirement, Resource } from '../kinds/kind.ts';
import type { JsonObject } from '../util/json.ts';
import { describeRecorded } from './describe-recorded.ts';
import { explainKeyChange } from './explain.ts';
import type { ResourceKey } from './keys.ts';
import type { ActionReason, Actions, PlannedCommand, ResourceChange } from './plan.ts';

/** Everything that decides what happens to each resource; nothing else is looked at. */
export interface DiffInput {
  /** In dependency order. */
  readonly resources: readonly Resource[];
  readonly keys: ReadonlyMap<string, ResourceKey>;
  readonly recorded: ReadonlyMap<string, RecordedResource>;
  /** What the host shows of recorded resources; one that is missing here counts as present. */
  readonly presence: ReadonlyMap<string, Presence>;
  /** Keys that the cache holds. */
  readonly cachedKeys: ReadonlySet<string>;
  readonly kinds: ReadonlyMap<string, Kind>;
  /** Addresses that the user wants made anew. */
  readonly replace: ReadonlySet<string>;
  /** Addresses that the user limits the run to (dependencies are added); empty: all. */
  readonly target: ReadonlySet<string>;
}

interface Decision {
  readonly actions: Actions;
  readonly action_reason: ActionReason;
  readonly reason: string;
}

const NO_OP: Actions = ['no-op'];
const REPLACE: Actions = ['delete', 'create'];

/** Whether an action makes the resource anew, so that what was made from the old one is out of date. */
export function rebuilds(actions: Actions): boolean {
  return actions.some((action) => action === 'create' || action === 'update');
}

/** What to do with each resource: deletions first, in reverse dependency order, then everything else in dependency order. */
export function diff(input: DiffInput): ResourceChange[] {
  const decisions = new Map<string, Decision>();
  for (const resource of input.resources) decisions.set(resource.address, decide(resource, decisions, input));
  settleCached(decisions, input);
  const wanted = input.target.size === 0 ? undefined : withDependencies(input.target, input.resources);
  const changes = input.resources
    .filter((resource) => wanted === undefined || wanted.has(resource.address))
    .map((resource) => change(resource, decisions.get(resource.address) as Decision, input));
  return wanted === undefined ? [...deletions(input), ...changes] : changes;
}

function decide(resource: Resource, decisions: ReadonlyMap<string, Decision>, input: DiffInput): Decision {
  const recorded = input.recorded.get(resource.address);
  const key = input.keys.get(resource.address);
  if (input.kinds.get(resource.kind)?.cached === true) return decideCached(resource, recorded, key, decisions, input);
  if (recorded === undefined) return { actions: ['create'], action_reason: 'create_because_new', reason: 'will be created' };
  const replace = (action_reason: ActionReason, why: string): Decision => ({
    actions: REPLACE,
    action_reason,
    reason: `must be replaced: ${why}`,
  });
  if (recorded.status !== 'created') return replace('replace_because_interrupted', 'its creation did not finish');
  if (input.replace.has(resource.address)) return replace('replace_by_request', 'as requested');
  const presence = input.presence.get(resource.address);
  if (presence?.state === 'absent') {
    return { actions: ['create'], action_reason: 'create_because_missing', reason: 'will be created: it is gone from the host' };
  }
  if (presence?.state === 'drifted') return replace('replace_because_drifted', presence.reason);
  if (key === undefined) return replace('replace_because_inputs_changed', 'it depends on what is only known after apply');
  if (key.key !== recorded.key)
    return replace('replace_because_inputs_changed', explainKeyChange(recorded.keyDocument, key.document));
  const rebuilt = resource.dependsOn.find((address) => remade(address, decisions, input));
  if (rebuilt !== undefined) return replace('replace_because_dependency_replaced', `${rebuilt} is made anew`);
  return { actions: NO_OP, action_reason: 'no_op_because_unchanged', reason: 'is up to date' };
}

/** A cached dependency of the same key has the same content however often it is made. */
function remade(address: string, decisions: ReadonlyMap<string, Decision>, input: DiffInput): boolean {
  const decision = decisions.get(address);
  if (decision === undefined || !rebuilds(decision.actions)) return false;
  const kind = input.resources.find((resource) => resource.address === address)?.kind ?? '';
  return input.kinds.get(kind)?.cached !== true || decision.action_reason !== 'create_because_missing';
}

function decideCached(
  resource: Resource,
  recorded: RecordedResource | undefined,
  key: ResourceKey | undefined,
  decisions: ReadonlyMap<string, Decision>,
  input: DiffInput,
): Decision {
  if (input.replace.has(resource.address)) {
    return { actions: ['update'], action_reason: 'replace_by_request', reason: 'must be replaced: as requested' };
  }
  const renewed = key === undefined ? undefined : resource.dependsOn.find((address) => isRenewed(decisions.get(address)));
  if (renewed !== undefined) {
    return {
      actions: ['update'],
      action_reason: 'replace_because_dependency_replaced',
      reason: `must be replaced: ${renewed} is made anew`,
    };
  }
  if (key !== undefined && input.cachedKeys.has(key.key)) {
    return { actions: NO_OP, action_reason: 'reuse_because_cached', reason: 'is reused: key unchanged' };
  }
  if (recorded === undefined || recorded.status !== 'created') {
    return { actions: ['create'], action_reason: 'create_because_new', reason: 'will be created' };
  }
  if (key?.key === recorded.key) {
    return {
      actions: ['create'],
      action_reason: 'create_because_missing',
      reason: 'will be created: the cache no longer has it',
    };
  }
  const why =
    key === undefined ? 'it is made from what is only known after apply' : explainKeyChange(recorded.keyDocument, key.document);
  return { actions: ['update'], action_reason: 'replace_because_inputs_changed', reason: `must be replaced: ${why}` };
}

/** Made again although its key is the same: what stands on it was made from something else. */
function isRenewed(decision: Decision | undefined): boolean {
  const reason = decision?.action_reason;
  return reason === 'replace_by_request' || reason === 'replace_because_dependency_replaced';
}

/** From the top of the stack down: a layer that nothing needs is not made, and one that is needed needs those below it. */
function settleCached(decisions: Map<string, Decision>, input: DiffInput): void {
  const isCached = (resource: Resource) => input.kinds.get(resource.kind)?.cached === true;
  const needed = new Set<string>();
  for (const resource of [...input.resources].reverse()) {
    const decision = decisions.get(resource.address) as Decision;
    const acts = isCached(resource) ? needed.has(resource.address) : rebuilds(decision.actions);
    if (acts) for (const address of resource.dependsOn) needed.add(address);
    if (!isCached(resource) || acts) continue;
    const unchanged = input.recorded.get(resource.address)?.key === input.keys.get(resource.address)?.key;
    if (decision.action_reason === 'create_because_missing' || (decision.action_reason === 'reuse_because_cached' && unchanged)) {
      decisions.set(resource.address, { actions: NO_OP, action_reason: 'no_op_because_not_needed', reason: 'is up to date' });
    }
  }
}

function deletions(input: DiffInput): ResourceChange[] {
  const declared = new Set(input.resources.map((resource) => resource.address));
  return destructionOrder([...input.recorded.values()].filter((recorded) => !declared.has(recorded.address))).map((recorded) =>
    deletion(recorded, {
      actions: input.kinds.get(recorded.kind)?.cached === true ? ['forget'] : ['delete'],
      action_reason: 'delete_because_no_resource_config',
      reason: 'will be destroyed: it is no longer in the configuration',
    }),
  );
}

/** Recorded resources with dependents first. */
export function destructionOrder(recorded: readonly RecordedResource[]): RecordedResource[] {
  const depth = new Map<string, number>();
  const byAddress = new Map(recorded.map((resource) => [resource.address, resource]));
  const depthOf = (address: string, path: ReadonlySet<string>): number => {
    const found = depth.get(address);
    if (found !== undefined) return found;
    const resource = byAddress.get(address);
    if (resource === undefined || path.has(address)) return 0;
    const below = new Set(path).add(address);
    const value = 1 + Math.max(0, ...resource.dependsOn.map((dependency) => depthOf(dependency, below)));
    depth.set(address, value);
    return value;
  };
  return [...recorded].sort(
    (a, b) =>
      depthOf(b.address, new Set()) - depthOf(a.address, new Set()) ||
      (a.address < b.address ? -1 : a.address > b.address ? 1 : 0),
  );
}

/** The change that removes a recorded resource. */
export function deletion(recorded: RecordedResource, decision: Decision): ResourceChange {
  return {
    address: recorded.address,
    kind: recorded.kind,
    name: recorded.name,
    description: describeRecorded(recorded),
    change: { actions: decision.actions, before: recorded.inputs, after: null },
    action_reason: decision.action_reason,
    reason: decision.reason,
    depends_on: recorded.dependsOn,
    commands: [],
    requires: [],
  };
}

/** What writing to an existing disk needs, whoever does it. */
function guardRequirements(resource: Resource, { resources, kinds }: DiffInput): readonly Requirement[] {
  const below = withDependencies(resource.dependsOn, resources);
  return resources
    .filter(({ address, kind }) => below.has(address) && kinds.get(kind)?.guard !== undefined)
    .flatMap((other) => kinds.get(other.kind)?.requires(other.inputs) ?? []);
}

function planned({ input, ...command }: Command): PlannedCommand {
  return typeof input === 'string' ? { ...command, input } : command;
}

function change(resource: Resource, decision: Decision, input: DiffInput): ResourceChange {
  const kind = input.kinds.get(resource.kind);
  if (kind === undefined) throw new Error(`no kind ${resource.kind}`);
  const key = input.keys.get(resource.address);
  const acts = rebuilds(decision.actions);
  const before: JsonObject | null = input.recorded.get(resource.address)?.inputs ?? null;
  return {
    address: resource.address,
    kind: resource.kind,
    name: resource.name,
    description: resource.description,
    change: { actions: decision.actions, before, after: resource.inputs },
    action_reason: decision.action_reason,
    reason: decision.reason,
    depends_on: resource.dependsOn,
    commands: acts ? kind.commands(resource.inputs).map(planned) : [],
    requires: acts ? [...kind.requires(resource.inputs), ...guardRequirements(resource, input)] : [],
    key: key?.key,
    key_document: key?.document,
  };
}
