import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { BlockDevices, StackLayout } from '../../../src/blockdev/devices.ts';
import { resolveStack } from '../../../src/blockdev/layout.ts';
import { parseBlockDevices } from '../../../src/blockdev/parse.ts';
import { topologicalOrder, withDependencies } from '../../../src/graph/dag.ts';
import { diskResources } from '../../../src/kinds/disk-graph.ts';
import type { Place } from '../../../src/kinds/disk-inputs.ts';
import { holdsUnknown, type Resource } from '../../../src/kinds/kind.ts';
import { chooseRealisations } from '../../../src/plan/worker-choice.ts';
import { type GeneratedStack, stackTrees } from '../blockdev/stacks.ts';

const EMPTY: StackLayout = { disks: [], devices: [], groups: [] };

interface Graph {
  readonly devices: BlockDevices;
  readonly resources: readonly Resource[];
  /** The same tree with no size known. */
  readonly unknown: readonly Resource[];
}

function graphOf({ tree, existing }: GeneratedStack): Graph {
  const devices = parseBlockDevices(tree, { imageName: 'any', locate: () => undefined }).value;
  if (devices === undefined) throw new Error('the tree was refused');
  const sizes = new Map(
    devices.disks.map(({ name, size }) => [name, typeof size === 'object' ? size.bytes : (existing.get(name) ?? 0)]),
  );
  const chosen = Object.entries(chooseRealisations(devices, undefined)).map(([disk, { name }]) => [disk, name]);
  const files = devices.disks.filter(({ plugin }) => plugin === 'local_loop');
  const input = {
    devices,
    realisation: Object.fromEntries(chosen),
    outputs: files.map(({ name }) => ({
      format: 'raw' as const,
      path: name,
      compression: 'none' as const,
      disk: name,
      pointer: '',
    })),
    tree: 'layer.finalise',
    epoch: 1,
    bootloader: true,
    keyFingerprints: Object.fromEntries(devices.luks.map(({ name }) => [name, 'a'])),
  };
  const stack = resolveStack(devices, sizes).value;
  if (stack === undefined) throw new Error('no room');
  return {
    devices,
    resources: topologicalOrder(diskResources({ ...input, stack })),
    unknown: topologicalOrder(diskResources({ ...input, stack: EMPTY })),
  };
}

/** Addresses of what is needed and is not there. */
function missing(resources: readonly Resource[]): string[] {
  const all = new Set(['layer.finalise', ...resources.map(({ address }) => address)]);
  return resources.flatMap(({ dependsOn }) => dependsOn.filter((each) => !all.has(each)));
}

const PARTS: ReadonlySet<string> = new Set([
  'partitioning',
  'partition',
  'raid',
  'luks',
  'luks_header',
  'encrypt',
  'pvs',
  'vgs',
  'lvs',
  'mkfs',
  'subvolume',
  'tree',
]);

test('the graph of any stack has an order, lacks nothing, and is the same while sizes are unknown', () => {
  fc.assert(
    fc.property(stackTrees, (generated) => {
      const { resources, unknown } = graphOf(generated);
      expect(missing(resources)).toEqual([]);
      expect(missing(unknown)).toEqual([]);
      expect(new Set(resources.map(({ address }) => address)).size).toBe(resources.length);
      expect(unknown.map(({ address }) => address).sort()).toEqual(resources.map(({ address }) => address).sort());
      expect(resources.filter(({ inputs }) => holdsUnknown(inputs)).map(({ address }) => address)).toEqual([]);
    }),
    { numRuns: 100 },
  );
});

test('outputs wait for everything that stands on their disks, directly or not', () => {
  fc.assert(
    fc.property(stackTrees, (generated) => {
      const { devices, resources } = graphOf(generated);
      // A container stands on its own device, whatever else is made together with its content.
      const onDevices = resources.map((each) =>
        each.kind === 'luks' || each.kind === 'encrypt' ? { ...each, dependsOn: [String(each.inputs['device'])] } : each,
      );
      for (const { name, plugin } of devices.disks) {
        if (plugin !== 'local_loop') continue;
        const address = `local_loop.${name}`;
        const output = resources.find(({ kind, inputs }) => kind === 'output' && inputs['disk'] === address);
        const waitsFor = withDependencies([output?.address ?? ''], resources);
        const standing = resources.filter(({ kind, address: each, inputs }) =>
          kind === 'bootloader'
            ? inputs['disk'] === address
            : PARTS.has(kind) && withDependencies([each], onDevices).has(address),
        );
        // The array, the group or the copy that joins disks brings what stands on the others.
        for (const { address: each } of standing) expect(waitsFor, `${output?.address} without ${each}`).toContain(each);
      }
    }),
    { numRuns: 100 },
  );
});

test('offline, each thing has a place inside what holds it; attached, it has none', () => {
  fc.assert(
    fc.property(stackTrees, (generated) => {
      const { resources } = graphOf(generated);
      const sizes = new Map(resources.map(({ address, inputs }) => [address, inputs['size']]));
      for (const { address, kind, inputs, dependsOn } of resources) {
        if (kind !== 'mkfs' && kind !== 'lvs') continue;
        const place = inputs['place'] as Place | undefined;
        if (inputs['realisation'] === 'attached') {
          expect(place, address).toBeUndefined();
          continue;
        }
        const length = (kind === 'mkfs' ? inputs['length'] : inputs['size']) as number;
        expect(
          place?.reduce((sum, run) => sum + run.length, 0),
          address,
        ).toBe(length);
        for (const run of place ?? []) {
          expect(run.container).toMatch(/^(local_loop|disk|luks)\./);
          expect(dependsOn).toContain(run.container);
          expect(run.offset).toBeGreaterThanOrEqual(0);
          expect(run.offset + run.length, `${address} in ${run.container}`).toBeLessThanOrEqual(
            sizes.get(run.container) as number,
          );
        }
      }
    }),
    { numRuns: 100 },
  );
});
