import { describe, expect, it } from 'vitest';
import type { Kind, Presence, RecordedResource, Resource } from '../../../src/kinds/kind.ts';
import { UNKNOWN } from '../../../src/kinds/kind.ts';
import { type DiffInput, destructionOrder, diff } from '../../../src/plan/diff.ts';
import { resourceKeys } from '../../../src/plan/keys.ts';
import { summarise } from '../../../src/plan/summary.ts';
import type { JsonObject } from '../../../src/util/json.ts';

const kind = (name: string, cached = false): Kind => ({
  kind: name,
  cached,
  requires: () => [],
  commands: () => [{ argv: [name] }],
  probe: async () => ({ state: 'present' }),
  create: async () => ({}),
  destroy: async () => {},
});
const kinds = new Map([kind('layer', true), kind('disk'), kind('output')].map((each) => [each.kind, each]));

const resource = (address: string, inputs: JsonObject = {}, ...dependsOn: string[]): Resource => ({
  address,
  kind: address.split('.')[0] as string,
  name: address.split('.')[1] as string,
  inputs,
  dependsOn,
  description: `a ${address}`,
});

function record(resources: readonly Resource[], status: RecordedResource['status'] = 'created'): Map<string, RecordedResource> {
  const keys = resourceKeys(resources);
  return new Map(
    resources.map(({ address, kind: of, name, inputs, dependsOn }) => {
      const { key, document } = keys.get(address) as { key: string; document: RecordedResource['keyDocument'] };
      return [address, { address, kind: of, name, status, inputs, outputs: {}, key, keyDocument: document, dependsOn }];
    }),
  );
}

function plan(resources: readonly Resource[], rest: Partial<DiffInput> = {}) {
  return diff({
    resources,
    keys: resourceKeys(resources),
    recorded: new Map(),
    presence: new Map(),
    cachedKeys: new Set(),
    kinds,
    replace: new Set(),
    target: new Set(),
    ...rest,
  });
}

const words = (changes: ReturnType<typeof plan>) => changes.map((change) => `${change.address}: ${change.reason}`);
const stack = (size = '4GiB', hook = 'a'.repeat(64)) => [
  resource('layer.base', { hook }),
  resource('layer.final', {}, 'layer.base'),
  resource('disk.d', { size }, 'layer.final'),
  resource('output.o', {}, 'disk.d'),
];
const cached = (resources: readonly Resource[]) => new Set([...resourceKeys(resources).values()].map(({ key }) => key));

describe('diff', () => {
  it('creates everything at first', () => {
    const changes = plan(stack());
    expect(changes.map(({ change }) => change.actions)).toEqual([['create'], ['create'], ['create'], ['create']]);
    expect(summarise(changes)).toEqual({ add: 4, change: 0, destroy: 0 });
    expect(changes[2]?.commands).toEqual([{ argv: ['disk'] }]);
  });

  it('does nothing when nothing changed, even if the cache was emptied', () => {
    const changes = plan(stack(), { recorded: record(stack()) });
    expect(words(changes)).toEqual(
      ['layer.base', 'layer.final', 'disk.d', 'output.o'].map((address) => `${address}: is up to date`),
    );
    expect(summarise(changes)).toEqual({ add: 0, change: 0, destroy: 0 });
  });

  it('makes missing layers again only when something needs them', () => {
    expect(words(plan(stack('6GiB'), { recorded: record(stack()) }))).toEqual([
      'layer.base: will be created: the cache no longer has it',
      'layer.final: will be created: the cache no longer has it',
      'disk.d: must be replaced: size 4GiB -> 6GiB',
      'output.o: must be replaced: made from disk.d, which changes',
    ]);
  });

  it('reuses cached layers', () => {
    expect(words(plan(stack(), { cachedKeys: cached(stack()) }))).toEqual([
      'layer.base: is reused: key unchanged',
      'layer.final: is reused: key unchanged',
      'disk.d: will be created',
      'output.o: will be created',
    ]);
  });

  it('names the content that changed', () => {
    const changed = stack('4GiB', 'b'.repeat(64));
    expect(words(plan(changed, { recorded: record(stack()), cachedKeys: cached(stack()) }))).toEqual([
      'layer.base: must be replaced: hook has other content',
      'layer.final: must be replaced: made from layer.base, which changes',
      'disk.d: must be replaced: made from layer.final, which changes',
      'output.o: must be replaced: made from disk.d, which changes',
    ]);
  });

  it('replaces what is made from something that was lost', () => {
    const presence = new Map<string, Presence>([['disk.d', { state: 'absent' }]]);
    expect(words(plan(stack(), { recorded: record(stack()), presence, cachedKeys: cached(stack()) }))).toEqual([
      'layer.base: is reused: key unchanged',
      'layer.final: is reused: key unchanged',
      'disk.d: will be created: it is gone from the host',
      'output.o: must be replaced: disk.d is made anew',
    ]);
  });

  it('replaces what did not finish, drifted or was asked for', () => {
    expect(words(plan([resource('disk.d')], { recorded: record([resource('disk.d')], 'tainted') }))).toEqual([
      'disk.d: must be replaced: its creation did not finish',
    ]);
    const presence = new Map<string, Presence>([['disk.d', { state: 'drifted', reason: 'size 4096 -> 0' }]]);
    expect(words(plan([resource('disk.d')], { recorded: record([resource('disk.d')]), presence }))).toEqual([
      'disk.d: must be replaced: size 4096 -> 0',
    ]);
    const replace = new Set(['disk.d']);
    expect(words(plan([resource('disk.d')], { recorded: record([resource('disk.d')]), replace }))).toEqual([
      'disk.d: must be replaced: as requested',
    ]);
  });

  it('deletes what is no longer declared, dependents first, and forgets layers', () => {
    const changes = plan([], { recorded: record(stack()) });
    expect(changes.map(({ address, change }) => `${address} ${change.actions}`)).toEqual([
      'output.o delete',
      'disk.d delete',
      'layer.final forget',
      'layer.base forget',
    ]);
  });

  it('limits itself to targets and what they need', () => {
    expect(plan(stack(), { target: new Set(['layer.final']) }).map(({ address }) => address)).toEqual([
      'layer.base',
      'layer.final',
    ]);
  });

  it('has no key for what depends on unknown values', () => {
    const [layer, disk] = plan([resource('layer.base', { mirror: UNKNOWN }), resource('disk.d', {}, 'layer.base')]);
    expect(layer?.key).toBeUndefined();
    expect(disk?.key).toBeUndefined();
  });
});

describe('destructionOrder', () => {
  it('survives a cycle in a damaged record', () => {
    const pair = [resource('disk.a'), resource('disk.b')];
    const records = [...record(pair).values()].map((each) => ({ ...each, dependsOn: ['disk.a', 'disk.b'] }));
    expect(destructionOrder(records)).toHaveLength(2);
  });
});
