import { join } from 'node:path';
import type { Job, Runtime } from '../../../src/engine/job.ts';
import { topologicalOrder } from '../../../src/graph/dag.ts';
import type { Paths, Presence, RecordedResource, Resource } from '../../../src/kinds/kind.ts';
import { deletion, destructionOrder, diff } from '../../../src/plan/diff.ts';
import { resourceKeys } from '../../../src/plan/keys.ts';
import type { Plan, ResourceChange } from '../../../src/plan/plan.ts';
import { readState } from '../../../src/state/store.ts';
import { kinds, type Spec } from './kinds.ts';

/** An image with two disks, one mounted below the other, a tree, a product and a branch of its own. */
export const IMAGE: Spec = {
  'layer.base': { inputs: { content: 'hello' } },
  'disk.a': { inputs: { name: 'a.raw' } },
  'fs.a': { inputs: { disk: 'disk.a' }, dependsOn: ['disk.a'] },
  'mount.a': { inputs: { name: 'a', disk: 'disk.a' }, dependsOn: ['fs.a', 'disk.a'] },
  'disk.b': { inputs: { name: 'b.raw' } },
  'fs.b': { inputs: { disk: 'disk.b' }, dependsOn: ['disk.b'] },
  'mount.b': { inputs: { name: 'a/lower', disk: 'disk.b' }, dependsOn: ['fs.b', 'disk.b', 'mount.a'] },
  'tree.root': { inputs: { mount: 'mount.a', layer: 'layer.base' }, dependsOn: ['mount.a', 'mount.b', 'layer.base'] },
  'output.raw': { inputs: { name: 'product', disk: 'disk.a' }, dependsOn: ['tree.root', 'disk.a'] },
  'file.notes': { inputs: { name: 'notes', content: 'n' } },
};

export function pathsIn(root: string): Paths {
  const state = join(root, '.dib');
  return { image: root, state, work: join(state, 'work'), cache: join(root, 'cache'), scratch: join(root, 'cache', 'scratch') };
}

export function resourcesOf(spec: Spec): Resource[] {
  return topologicalOrder(
    Object.entries(spec).map(([address, { inputs, dependsOn = [] }]) => {
      const [kind = '', name = ''] = address.split('.');
      return { address, kind, name, inputs, dependsOn, description: address };
    }),
  );
}

/** The job that brings a directory from its recorded state to `spec`, made by the planner's own diff; `destroy`: to nothing. */
export async function jobFor(
  root: string,
  operation: Job['operation'],
  spec: Spec,
  cachedKeys: ReadonlySet<string> = new Set(),
): Promise<Job> {
  const paths = pathsIn(root);
  const state = await readState(paths.state);
  const recorded = new Map((state?.resources ?? []).map((resource) => [resource.address, resource]));
  const changes = operation === 'destroy' ? removals([...recorded.values()]) : await changesOf(spec, recorded, paths, cachedKeys);
  return {
    format_version: '1.0',
    operation,
    paths,
    options: { parallelism: 3, keepOnFailure: false, grace: 200 },
    plan: {
      format_version: '1.0',
      dib_version: '0.0.0-test',
      mode: operation === 'destroy' ? 'destroy' : 'apply',
      image: { file: join(root, 'image.yaml'), name: 'test', sha256: '0' },
      environment_variables: [],
      worker: { name: 'host', reason: '', realisation: {} },
      facts: {},
      resource_changes: changes,
      disks: [],
      summary: { add: 0, change: 0, destroy: 0 },
      bound_to: { configuration_sha256: '', elements_sha256: '', lineage: state?.lineage ?? '', serial: state?.serial ?? 0 },
      options: {},
      warnings: [],
    } as Plan,
  };
}

function removals(recorded: readonly RecordedResource[]): ResourceChange[] {
  return destructionOrder(recorded).map((resource) =>
    deletion(resource, { actions: ['delete'], action_reason: 'delete_because_destroy', reason: 'will be destroyed' }),
  );
}

async function changesOf(
  spec: Spec,
  recorded: ReadonlyMap<string, RecordedResource>,
  paths: Paths,
  cachedKeys: ReadonlySet<string>,
): Promise<ResourceChange[]> {
  const resources = resourcesOf(spec);
  const presence = new Map<string, Presence>();
  for (const [address, resource] of recorded) {
    const kind = kinds.get(resource.kind);
    if (kind !== undefined) presence.set(address, await kind.probe(resource, paths));
  }
  const nothing: ReadonlySet<string> = new Set();
  return diff({
    resources,
    keys: resourceKeys(resources),
    recorded,
    presence,
    cachedKeys,
    kinds,
    replace: nothing,
    target: nothing,
  });
}

export function runtimeFor(spec: Spec): Runtime {
  const resources = new Map(resourcesOf(spec).map((resource) => [resource.address, resource]));
  return {
    kinds,
    resolve: (address) => resources.get(address),
    factsFrom: () => undefined,
    close: () => Promise.resolve(),
  };
}
