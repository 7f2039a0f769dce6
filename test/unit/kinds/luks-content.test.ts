import { describe, expect, it } from 'vitest';
import { topologicalOrder } from '../../../src/graph/dag.ts';
import { type Resource, UNKNOWN } from '../../../src/kinds/kind.ts';
import { containersOf, withContent } from '../../../src/kinds/luks-content.ts';
import { resourceKeys } from '../../../src/plan/keys.ts';
import type { JsonObject } from '../../../src/util/json.ts';

function resource(address: string, dependsOn: readonly string[], inputs: JsonObject = {}): Resource {
  const [kind = '', name = ''] = address.split('.');
  return { address, kind, name, inputs, dependsOn, description: '' };
}

const luks = (name: string, device: string) => resource(`luks.${name}`, [device], { realisation: 'offline', name });

/** A file system in a container, filled from a layer; the disk goes into an output. */
function simple(mkfs: JsonObject = { label: 'root' }, path = 'a.raw'): Resource[] {
  return [
    resource('layer.last', [], { packages: [] }),
    resource('local_loop.disk', []),
    luks('crypt', 'local_loop.disk'),
    resource('mkfs.root', ['luks.crypt', 'layer.last'], mkfs),
    resource('mount.root', ['luks.crypt', 'mkfs.root']),
    resource('encrypt.crypt', ['luks.crypt', 'local_loop.disk', 'mkfs.root']),
    resource('output.raw', ['local_loop.disk', 'encrypt.crypt'], { path }),
  ];
}

/** A group over two containers, one volume of it with another container in it. */
const SHARED: Resource[] = [
  ...['a', 'b', 'c'].map((name) => resource(`partition.${name}`, [])),
  ...['a', 'b', 'c'].map((name) => luks(name, `partition.${name}`)),
  ...['a', 'b'].map((name) => resource(`pvs.${name}`, [`luks.${name}`])),
  resource('vgs.data', ['pvs.a', 'pvs.b']),
  resource('lvs.vol', ['vgs.data', 'luks.a', 'luks.b']),
  luks('inner', 'lvs.vol'),
  resource('mkfs.in', ['luks.inner', 'layer.last']),
  resource('mkfs.alone', ['luks.c']),
  resource('encrypt.inner', ['luks.inner', 'lvs.vol', 'mkfs.in']),
  resource('encrypt.a', ['luks.a', 'partition.a', 'encrypt.inner']),
];

const keyOf = (resources: Resource[], address: string) =>
  resourceKeys(topologicalOrder(withContent(resources))).get(address)?.key;
const find = (resources: Resource[], address: string) => resources.find((each) => each.address === address);

describe('a container offline', () => {
  it('has another key when anything in it changes, and the same when only something else does', () => {
    const key = keyOf(simple(), 'luks.crypt');
    expect(keyOf(simple({ label: 'other' }), 'luks.crypt')).not.toBe(key);
    expect(keyOf(simple({ label: 'root' }, 'b.raw'), 'luks.crypt')).toBe(key);
    const other = simple().map((each) => (each.address === 'layer.last' ? { ...each, inputs: { packages: ['vim'] } } : each));
    expect(keyOf(other, 'luks.crypt')).not.toBe(key);
  });

  it('depends on what its content is made of, and on nothing that depends on it', () => {
    expect(find(withContent(simple()), 'luks.crypt')?.dependsOn).toEqual(['local_loop.disk', 'layer.last']);
  });

  it('is not known before its content is', () => {
    expect(find(withContent(simple({ opts: UNKNOWN })), 'luks.crypt')?.inputs['content']).toBe(UNKNOWN);
  });

  it('is one with those that it shares content with', () => {
    const resources = withContent(SHARED);
    const a = find(resources, 'luks.a');
    expect(a?.dependsOn).toEqual(['partition.a', 'partition.b', 'layer.last']);
    expect(find(resources, 'luks.b')?.inputs['content']).toBe(a?.inputs['content']);
    expect(find(resources, 'luks.c')?.inputs['content']).not.toBe(a?.inputs['content']);
    expect(() => topologicalOrder(resources)).not.toThrow();
  });
});

it('leaves a container alone that is made on a device', () => {
  const attached = [resource('luks.x', ['raid.y'], { realisation: 'attached' }), resource('mkfs.z', ['luks.x'])];
  expect(withContent(attached)).toEqual(attached);
});

describe('what must be made anew with a resource', () => {
  it.each([
    ['mkfs.root', simple(), ['luks.crypt']],
    ['encrypt.crypt', simple(), ['luks.crypt']],
    ['luks_header.crypt', simple(), ['luks.crypt']],
    ['output.raw', simple(), []],
    ['mkfs.in', SHARED, ['luks.a', 'luks.b', 'luks.inner']],
    ['mkfs.alone', SHARED, ['luks.c']],
  ])('%s', (address, resources, containers) => {
    expect(containersOf(address, resources).sort()).toEqual(containers);
  });
});
