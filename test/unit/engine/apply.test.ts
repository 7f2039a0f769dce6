import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fail } from '../../../src/diagnostics/errors.ts';
import type { Surroundings } from '../../../src/engine/actions.ts';
import { applyPlan, type RunResult } from '../../../src/engine/apply.ts';
import { destroyPlan } from '../../../src/engine/destroy.ts';
import type { Event } from '../../../src/engine/events.ts';
import { createInterrupts } from '../../../src/engine/interrupts.ts';
import type { Runtime } from '../../../src/engine/job.ts';
import { createMachines } from '../../../src/engine/machines.ts';
import { emitter } from '../../../src/engine/report.ts';
import { Shells } from '../../../src/engine/shells.ts';
import { topologicalOrder } from '../../../src/graph/dag.ts';
import { type Kind, type Resource, UNKNOWN } from '../../../src/kinds/kind.ts';
import { deletion, destructionOrder, diff } from '../../../src/plan/diff.ts';
import { resourceKeys } from '../../../src/plan/keys.ts';
import type { Facts, Plan } from '../../../src/plan/plan.ts';
import { emptyState, findResource, type State } from '../../../src/state/state.ts';
import type { StateStore } from '../../../src/state/store.ts';
import { recordAttached, recordAttaching } from '../../../src/state/transitions.ts';
import type { JsonObject } from '../../../src/util/json.ts';

let directory = '';
/** What the kinds did, in order. */
let did: string[] = [];
let broken = new Set<string>();
let state: State;
let interrupts = createInterrupts(0);
const events: Event[] = [];
const validEvent = new Ajv({ strict: true }).compile(JSON.parse(readFileSync('schemas/event.schema.json', 'utf8')));

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'dib-engine-'));
  did = [];
  broken = new Set();
  interrupts = createInterrupts(0);
  state = emptyState('l', '0', { file: 'image.yaml', name: 'x', sha256: '' }, { machineId: '', bootId: 'this' });
});
afterEach(() => {
  for (const event of events.splice(0)) expect(validEvent(event), JSON.stringify([event, validEvent.errors])).toBe(true);
  interrupts.close();
  rmSync(directory, { recursive: true });
});

function act(verb: string, address: string): void {
  did.push(`${verb} ${address}`);
  if (broken.has(`${verb} ${address}`)) fail({ code: 'DIB_TEST_BROKEN', summary: `cannot ${verb} ${address}` });
}

function kind(name: string, extra: Partial<Kind> = {}): Kind {
  return {
    kind: name,
    requires: () => [],
    commands: () => [],
    probe: async () => ({ state: 'present' }),
    create: async (inputs, context) => {
      act('create', context.address);
      return { made: inputs, old: context.previous?.inputs ?? null };
    },
    destroy: async (recorded) => act('destroy', recorded.address),
    ...extra,
  };
}

const attachable: Partial<Kind> = {
  attach: async (recorded) => {
    act('attach', recorded.address);
    return { device: `/dev/${recorded.name}` };
  },
  detach: async (recorded) => act('detach', recorded.address),
};

const kinds = new Map(
  [
    kind('thing'),
    kind('layer', { cached: true }),
    kind('disk', attachable),
    kind('filler', { needsAttached: () => true }),
    kind('output', { inPlace: true, needsDetached: () => true }),
  ].map((each) => [each.kind, each]),
);

type Spec = Record<string, { inputs?: JsonObject | ((facts: Facts) => JsonObject); on?: string[] }>;

function resourcesOf(spec: Spec, facts: Facts): Resource[] {
  return topologicalOrder(
    Object.entries(spec).map(([address, { inputs = {}, on = [] }]) => {
      const [kindName = '', name = ''] = address.split('.');
      return {
        address,
        kind: kindName,
        name,
        inputs: typeof inputs === 'function' ? inputs(facts) : inputs,
        dependsOn: on,
        description: '',
      };
    }),
  );
}

const store: StateStore = {
  get current() {
    return state;
  },
  update: async (change) => {
    state = change(state);
    return state;
  },
};

function surroundings(update: StateStore['update'] = store.update): Surroundings {
  const at = (name: string) => join(directory, name);
  const paths = { image: directory, state: at('s'), work: at('w'), cache: at('c'), scratch: at('t') };
  const written = {
    get current() {
      return state;
    },
    update,
  };
  return {
    store: written,
    kinds,
    paths,
    emit: emitter((event) => events.push(event)),
    shells: new Shells(() => {}),
    interrupts,
    machines: createMachines('this'),
    logs: at('logs'),
  };
}

async function apply(
  spec: Spec,
  options: { replace?: string[]; cached?: string[]; keepOnFailure?: boolean; update?: StateStore['update'] } = {},
): Promise<RunResult> {
  const resources = resourcesOf(spec, state.facts);
  const keys = resourceKeys(resources);
  const changes = diff({
    resources,
    keys,
    recorded: new Map(state.resources.map((resource) => [resource.address, resource])),
    presence: new Map(),
    cachedKeys: new Set((options.cached ?? []).map((address) => keys.get(address)?.key ?? '')),
    kinds,
    replace: new Set(options.replace ?? []),
    target: new Set(),
  });
  const runtime: Runtime = {
    kinds,
    resolve: (address, facts) => resourcesOf(spec, facts).find((resource) => resource.address === address),
    factsFrom: (resource) => (resource.address === 'layer.base' ? { mirrorDigest: 'digest' } : undefined),
    close: async () => {},
  };
  did = [];
  const plan = { resource_changes: changes } as unknown as Plan;
  const run = surroundings(options.update);
  return await applyPlan(plan, runtime, run, { parallelism: 1, keepOnFailure: options.keepOnFailure ?? false });
}

const statuses = () => Object.fromEntries(state.resources.map((resource) => [resource.address, resource.status]));
const errors = (result: RunResult) => result.failures.map(({ address, error }) => `${address}: ${(error as Error).message}`);

describe('applyPlan', () => {
  it('makes dependencies first and records keys and outputs', async () => {
    const result = await apply({ 'thing.b': { on: ['thing.a'] }, 'thing.a': { inputs: { size: 1 } } });
    expect(did).toEqual(['create thing.a', 'create thing.b']);
    expect(result).toEqual({ added: 2, changed: 0, removed: 0, failures: [], notRun: [] });
    expect(findResource(state, 'thing.b')?.keyDocument.dependencies).toEqual({ 'thing.a': findResource(state, 'thing.a')?.key });
  });

  it('does nothing the second time', async () => {
    const spec = { 'thing.a': {}, 'layer.base': {} };
    await apply(spec);
    const before = state;
    const result = await apply(spec, { cached: ['layer.base'] });
    expect(did).toEqual([]);
    expect(result).toMatchObject({ added: 0, changed: 0, removed: 0 });
    expect(state).toBe(before);
  });

  it('skips exactly what needs a failure, keeps the rest, and goes on from there', async () => {
    const spec = { 'thing.a': {}, 'thing.b': { on: ['thing.a'] }, 'thing.c': {}, 'thing.d': { on: ['thing.b', 'thing.c'] } };
    broken.add('create thing.b');
    const result = await apply(spec);
    expect(errors(result)).toEqual(['thing.b: cannot create thing.b']);
    expect(result.notRun).toEqual(['thing.d']);
    expect(statuses()).toEqual({ 'thing.a': 'created', 'thing.b': 'tainted', 'thing.c': 'created' });
    broken.clear();
    await apply(spec);
    expect(did).toEqual(['destroy thing.b', 'create thing.b', 'create thing.d']);
  });

  it('forgets a layer that failed, and keeps the record of the one before', async () => {
    broken.add('create layer.x');
    await apply({ 'layer.x': { inputs: { v: 1 } } });
    expect(statuses()).toEqual({});
    broken.clear();
    await apply({ 'layer.x': { inputs: { v: 1 } }, 'thing.user': { on: ['layer.x'] } });
    broken.add('create layer.x');
    await apply({ 'layer.x': { inputs: { v: 2 } }, 'thing.user': { on: ['layer.x'] } });
    expect(findResource(state, 'layer.x')).toMatchObject({ status: 'created', inputs: { v: 1 } });
    expect(did).toEqual(['destroy thing.user', 'create layer.x']);
  });

  it('destroys what is replaced, dependents first, before anything is made', async () => {
    const spec = (v: number): Spec => ({ 'thing.a': { inputs: { v } }, 'thing.b': { on: ['thing.a'] }, 'thing.c': {} });
    await apply(spec(1));
    const result = await apply(spec(2));
    expect(did).toEqual(['destroy thing.b', 'destroy thing.a', 'create thing.a', 'create thing.b']);
    expect(result).toMatchObject({ added: 2, changed: 0, removed: 2 });
  });

  it('destroys what is no longer wanted, and stops where that fails', async () => {
    await apply({ 'thing.a': {}, 'thing.old': { on: ['thing.a'] } });
    broken.add('destroy thing.old');
    const failed = await apply({ 'thing.a': {}, 'thing.new': {} });
    expect(errors(failed)).toEqual(['thing.old: cannot destroy thing.old']);
    expect(failed.notRun).toEqual(['thing.new']);
    expect(statuses()['thing.old']).toBe('destroying');
    broken.clear();
    expect(await apply({ 'thing.a': {}, 'thing.new': {} })).toMatchObject({ added: 1, removed: 1 });
    expect(did).toEqual(['destroy thing.old', 'create thing.new']);
  });

  it('replaces in place with the old record at hand', async () => {
    await apply({ 'output.raw': { inputs: { path: 'a' } } });
    await apply({ 'output.raw': { inputs: { path: 'b' } } });
    expect(did).toEqual(['create output.raw']);
    expect(findResource(state, 'output.raw')?.outputs).toEqual({ made: { path: 'b' }, old: { path: 'a' } });
  });

  it('keeps the old outputs of a failed replacement in place', async () => {
    await apply({ 'output.raw': { inputs: { path: 'a' } } });
    broken.add('create output.raw');
    await apply({ 'output.raw': { inputs: { path: 'b' } } });
    expect(findResource(state, 'output.raw')).toMatchObject({ status: 'tainted', outputs: { made: { path: 'a' } } });
  });
});

describe('facts', () => {
  const spec = (size: number): Spec => ({
    'layer.base': { inputs: ({ mirrorDigest = UNKNOWN }) => ({ mirrorDigest }) },
    'thing.disk': { inputs: ({ mirrorDigest }) => ({ size: mirrorDigest === undefined ? UNKNOWN : size }), on: ['layer.base'] },
    'thing.user': { on: ['thing.disk'] },
  });

  it('become known while applying, and so do the inputs and keys that need them', async () => {
    await apply(spec(5));
    expect(state.facts).toEqual({ mirrorDigest: 'digest' });
    expect(findResource(state, 'thing.disk')?.inputs).toEqual({ size: 5 });
    expect(state.resources.every((resource) => /^[0-9a-f]{64}$/.test(resource.key))).toBe(true);
  });

  it('may show that nothing changed', async () => {
    await apply(spec(5));
    state = { ...state, facts: {} };
    const result = await apply(spec(5));
    expect(did).toEqual(['create layer.base']);
    expect(result).toMatchObject({ added: 0, changed: 1, failures: [] });
  });

  it('or that something did: then it goes, with all that was made from it', async () => {
    await apply(spec(5));
    state = { ...state, facts: {} };
    await apply(spec(6));
    expect(did).toEqual([
      'create layer.base',
      'destroy thing.user',
      'destroy thing.disk',
      'create thing.disk',
      'create thing.user',
    ]);
  });
});

describe('attachments', () => {
  const spec: Spec = {
    'disk.a': {},
    'disk.b': { on: ['disk.a'] },
    'filler.x': { on: ['disk.b'] },
    'filler.y': { on: ['disk.b', 'filler.x'] },
    'output.raw': { on: ['filler.y', 'disk.a'] },
  };

  it('are made when needed, once, and undone before the disk file is read', async () => {
    await apply(spec);
    expect(did).toEqual([
      'create disk.a',
      'create disk.b',
      'attach disk.a',
      'attach disk.b',
      'create filler.x',
      'create filler.y',
      'detach disk.b',
      'detach disk.a',
      'create output.raw',
    ]);
  });

  it('are undone after a failure', async () => {
    broken.add('create filler.y');
    const result = await apply(spec);
    expect(did.slice(-3)).toEqual(['create filler.y', 'detach disk.b', 'detach disk.a']);
    expect(errors(result)).toEqual(['filler.y: cannot create filler.y']);
  });

  it('stay after a failure when asked to, and go at the next run', async () => {
    broken.add('create filler.y');
    await apply(spec, { keepOnFailure: true });
    expect(findResource(state, 'disk.b')?.attachment).toMatchObject({ status: 'attached', outputs: { device: '/dev/b' } });
    broken.clear();
    await apply(spec);
    expect(did.slice(0, 2)).toEqual(['detach disk.b', 'detach disk.a']);
  });

  it('of an earlier boot are only crossed out', async () => {
    broken.add('create filler.y');
    await apply(spec, { keepOnFailure: true });
    broken.clear();
    state = {
      ...state,
      resources: state.resources.map((resource) =>
        resource.attachment === undefined ? resource : { ...resource, attachment: { ...resource.attachment, bootId: 'earlier' } },
      ),
    };
    await apply(spec);
    expect(did[0]).toBe('destroy filler.y');
    expect(did.filter((line) => line.startsWith('detach'))).toEqual(['detach disk.b', 'detach disk.a']);
  });

  it('are undone although the state cannot be written any more, and each failure to record it is told', async () => {
    broken.add('create filler.y');
    let isReadOnly = false;
    const update: StateStore['update'] = async (change) => {
      isReadOnly ||= did.includes('create filler.y');
      if (isReadOnly) fail({ code: 'DIB_STATE_WRITE', summary: 'the state cannot be written' });
      return await store.update(change);
    };
    const result = await apply(spec, { update });
    expect(did.slice(-2)).toEqual(['detach disk.b', 'detach disk.a']);
    expect(errors(result)).toContain('filler.y: cannot create filler.y');
    expect(errors(result)).toContain('disk.b: the state cannot be written');
  });

  it('that cannot be undone are told and stay recorded', async () => {
    broken.add('detach disk.b');
    const result = await apply({ 'disk.b': {}, 'filler.x': { on: ['disk.b'] } });
    expect(errors(result)).toEqual(['disk.b: cannot detach disk.b']);
    expect(findResource(state, 'disk.b')?.attachment?.status).toBe('detaching');
  });
});

describe('interrupts', () => {
  it('halt what is not started, and detach', async () => {
    const thing = kinds.get('filler') as Kind;
    const create = thing.create;
    thing.create = async (inputs, context) => {
      interrupts.raise(1);
      return await create(inputs, context);
    };
    try {
      const result = await apply({ 'disk.a': {}, 'filler.x': { on: ['disk.a'] }, 'thing.z': { on: ['filler.x'] } });
      expect(did).toEqual(['create disk.a', 'attach disk.a', 'create filler.x', 'detach disk.a']);
      expect(result).toMatchObject({ added: 2, failures: [], notRun: ['thing.z'] });
    } finally {
      thing.create = create;
    }
  });
});

describe('destroyPlan', () => {
  async function destroy(keep: string[] = []): Promise<RunResult> {
    const changes = destructionOrder(state.resources)
      .filter((recorded) => !keep.includes(recorded.address))
      .map((recorded) => deletion(recorded, { actions: ['delete'], action_reason: 'delete_because_destroy', reason: '' }));
    did = [];
    return await destroyPlan({ resource_changes: changes } as unknown as Plan, surroundings());
  }
  const spec: Spec = { 'disk.a': {}, 'filler.x': { on: ['disk.a'] }, 'output.raw': { on: ['filler.x'] }, 'thing.z': {} };

  it('detaches, then destroys dependents first, and keeps outputs on record', async () => {
    await apply(spec);
    state = recordAttached(recordAttaching(state, 'disk.a', 'this'), 'disk.a', {});
    const result = await destroy(['output.raw']);
    expect(did).toEqual(['detach disk.a', 'destroy filler.x', 'destroy thing.z', 'destroy disk.a']);
    expect(result).toEqual({ added: 0, changed: 0, removed: 3, failures: [], notRun: [] });
    expect(Object.keys(statuses())).toEqual(['output.raw']);
    expect(await destroy(['output.raw'])).toMatchObject({ removed: 0, failures: [] });
    expect(did).toEqual([]);
  });

  it('keeps what a failure stands on, and destroys the rest', async () => {
    await apply(spec);
    broken.add('destroy filler.x');
    const result = await destroy();
    expect(errors(result)).toEqual(['filler.x: cannot destroy filler.x']);
    expect(result.notRun).toEqual(['disk.a']);
    expect(Object.keys(statuses())).toEqual(['disk.a', 'filler.x']);
  });

  it('says what to do with a record of a kind that it does not know', async () => {
    await apply({ 'thing.a': {} });
    state = { ...state, resources: state.resources.map((resource) => ({ ...resource, kind: 'raid', address: 'raid.a' })) };
    const result = await destroy();
    expect(errors(result)).toEqual(['raid.a: `raid.a` is of the kind `raid`, which this dib does not know']);
  });
});
