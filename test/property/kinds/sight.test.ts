import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ImageConfig } from '../../../src/config/image.ts';
import { type ElementSet, type Hook, PHASES, type Phase } from '../../../src/elements/element.ts';
import { readsOf, scanText } from '../../../src/elements/reads.ts';
import { layerResources, type StepsInputs } from '../../../src/kinds/layer-graph.ts';
import { seenVariables } from '../../../src/kinds/layer-sight.ts';
import { differences } from '../../../src/plan/explain.ts';
import { resourceKeys } from '../../../src/plan/keys.ts';
import { sha256 } from '../../../src/util/hash.ts';

const NAMES = ['DIB_A', 'DIB_B', 'DIB_C', 'DIB_A_LONG'] as const;
const READERS = [...NAMES, 'env'] as const;
type Reader = (typeof READERS)[number];

interface Drawn {
  readonly phase: Phase;
  readonly reads: readonly Reader[];
}

/** Which layer runs a phase, as long as no packages are installed. */
const LAYER: Readonly<Record<Phase, string>> = {
  'root.d': 'root',
  'extra-data.d': 'pre-install',
  'pre-install.d': 'pre-install',
  'install.d': 'install',
  'post-install.d': 'post-install',
  'post-root.d': 'post-install',
  'pre-finalise.d': 'finalise',
  'finalise.d': 'finalise',
  'cleanup.d': 'finalise',
};

const drawn: fc.Arbitrary<readonly Drawn[]> = fc.array(
  fc.record({ phase: fc.constantFrom(...PHASES), reads: fc.subarray([...READERS], { maxLength: 2 }) }),
  { maxLength: 6 },
);

function setOf(drawnHooks: readonly Drawn[]): ElementSet {
  const texts = drawnHooks.map(({ reads }) => reads.map((each) => (each === 'env' ? 'env\n' : `echo "$${each}"\n`)).join(''));
  const all = drawnHooks.map(
    ({ phase }, index): Hook => ({
      phase,
      name: `${10 + index}-x`,
      element: 'x',
      path: '/x',
      sha256: sha256(texts[index] ?? ''),
    }),
  );
  const entries = all.map(({ phase, name }, index) => [
    `${phase}/${name}`,
    readsOf(scanText({ text: texts[index] ?? '' }), new Set()),
  ]);
  const none = { install: [], uninstall: [] };
  return {
    elements: [{ name: 'x', directory: '/x', deps: [], provides: [], builtin: false }],
    operatingSystem: 'x',
    hooks: Object.fromEntries(PHASES.map((phase) => [phase, all.filter((hook) => hook.phase === phase)])),
    environmentFiles: [],
    files: [],
    environment: {},
    secretVariables: [],
    inputFiles: {},
    packages: { 'pre-install.d': none, 'install.d': none, 'post-install.d': none },
    packageMaps: {},
    serviceMap: {},
    sources: [],
    libexec: '',
    extraOutputs: [],
    reads: { entries: Object.fromEntries(entries), inputs: {}, helpers: [], planned: [...NAMES] },
    digest: '',
  } as unknown as ElementSet;
}

function layersOf(set: ElementSet, environment: Readonly<Record<string, string>>) {
  const image = { name: 'i', elements: [], packages: [], outputs: [], environment } as unknown as ImageConfig;
  return { image, resources: layerResources(set, image, { systemFiles: {}, initramfsFiles: [] }) };
}

test('a variable changes what is its own in the key of exactly those layers that see it, and the keys of those above', () => {
  fc.assert(
    fc.property(drawn, fc.constantFrom(...NAMES), (hooks, changed) => {
      const set = setOf(hooks);
      const given = Object.fromEntries(NAMES.map((name) => [name, 'old']));
      const before = layersOf(set, given).resources;
      const after = layersOf(set, { ...given, [changed]: 'new' }).resources;
      const order = before.map(({ name }) => name);
      const readers = hooks
        .filter(({ reads }) => reads.includes(changed) || reads.includes('env'))
        .map(({ phase }) => order.indexOf(LAYER[phase]));
      const first = readers.length === 0 ? order.length : Math.min(...readers);
      const differing = before.flatMap(({ name, inputs }, index) => {
        const found = differences(inputs, after[index]?.inputs);
        expect(found.every(({ path }) => path === `environment.${changed}`)).toBe(true);
        return found.length === 0 ? [] : [name];
      });
      expect(differing).toEqual(order.slice(first));
      const [oldKeys, newKeys] = [resourceKeys(before), resourceKeys(after)];
      const rebuilt = before.filter(({ address }) => oldKeys.get(address)?.key !== newKeys.get(address)?.key);
      expect(rebuilt.map(({ name }) => name)).toEqual(order.slice(first));
    }),
  );
});

test('hooks are given exactly the variables of the key, and every variable that they name', () => {
  fc.assert(
    fc.property(drawn, (hooks) => {
      const set = setOf(hooks);
      const given = Object.fromEntries(NAMES.map((name) => [name, 'value']));
      const { image, resources } = layersOf(set, given);
      for (const { name, inputs } of resources) {
        const { environment } = inputs as unknown as StepsInputs;
        const seen = seenVariables(set, image, undefined, name === 'finalise', (each) => each in environment);
        expect(Object.keys(seen).sort()).toEqual(Object.keys(environment).sort());
        const own = hooks.filter(({ phase }) => LAYER[phase] === name).flatMap(({ reads }) => reads);
        for (const each of own.includes('env') ? NAMES : own.filter((read) => read !== 'env')) expect(seen[each]).toBe('value');
      }
    }),
  );
});
