import { expect, it } from 'vitest';
import type { ImageConfig } from '../../../src/config/image.ts';
import type { ElementSet } from '../../../src/elements/element.ts';
import { layerResources, type StepsInputs } from '../../../src/kinds/layer-graph.ts';
import { seenSet } from '../../../src/kinds/layer-sight.ts';
import { differences } from '../../../src/plan/explain.ts';
import { resourceKeys } from '../../../src/plan/keys.ts';
import { type Files, load, makeTree, TOY_OS } from './fixture.ts';

const HEAD = '#!/bin/bash\nset -eu\n';

/** An element with hooks in four layers, and whatever else is given. */
const FILES: Files = {
  ...TOY_OS,
  'elements/web/environment.d/10-web': 'export DIB_LATE=${DIB_LATE:-x}\n',
  'elements/web/pre-install.d/10-early': `${HEAD}echo "$DIB_EARLY"\n`,
  'elements/web/install.d/50-web': `${HEAD}cp -r "$TMP_HOOKS_PATH/static/." /\n`,
  'elements/web/post-install.d/50-late': `${HEAD}echo "$DIB_LATE" <"$(dirname "$0")/data/late"\n`,
  'elements/web/post-install.d/data/late': 'late\n',
  'elements/web/static/etc/web': 'web\n',
  'elements/web/finalise.d/50-last': `${HEAD}true\n`,
};

async function layersOf(files: Files, environment: Record<string, string>) {
  const { value: set, diagnostics } = await load(makeTree(files), ['toy-os', 'web'], { environment });
  if (set === undefined) throw new Error(JSON.stringify(diagnostics));
  const image = { name: 'i', elements: ['web'], packages: [], outputs: [], environment } as unknown as ImageConfig;
  const resources = layerResources(set, image, { systemFiles: {}, initramfsFiles: [] });
  const inputs = (name: string) => resources.find((each) => each.name === name)?.inputs as unknown as StepsInputs;
  return { set, resources, inputs, keys: resourceKeys(resources) };
}

const GIVEN = { DIB_EARLY: '1', DIB_LATE: '1', DIB_IMAGE_SIZE: '5', DIB_STRANGE: '1', TZ: 'UTC' };

/** Layers whose own part of the key differs. */
function changed(before: Awaited<ReturnType<typeof layersOf>>, after: Awaited<ReturnType<typeof layersOf>>): string[] {
  return before.resources
    .filter(({ name, inputs }) => differences(inputs, after.inputs(name)).length > 0)
    .map(({ name }) => name);
}

it('a layer sees the variables that its hooks name, or those of layers below, and no others of dib', async () => {
  const { inputs } = await layersOf(FILES, GIVEN);
  const seen = (name: string) => Object.keys(inputs(name).environment).filter((each) => each in GIVEN);
  // What no text names may be for any program: DIB_STRANGE; what dib itself reads is not.
  expect(seen('root')).toEqual(['DIB_STRANGE', 'TZ']);
  expect(seen('pre-install')).toEqual(['DIB_EARLY', 'DIB_STRANGE', 'TZ']);
  expect(seen('install')).toEqual(['DIB_EARLY', 'DIB_STRANGE', 'TZ']);
  expect(seen('post-install')).toEqual(['DIB_EARLY', 'DIB_LATE', 'DIB_STRANGE', 'TZ']);
  expect(seen('finalise')).toEqual(['DIB_EARLY', 'DIB_LATE', 'DIB_STRANGE', 'TZ']);
});

it('a variable changes the keys of the layers that see it, and of those above', async () => {
  const before = await layersOf(FILES, GIVEN);
  expect(changed(before, await layersOf(FILES, { ...GIVEN, DIB_LATE: '2' }))).toEqual(['post-install', 'finalise']);
  expect(changed(before, await layersOf(FILES, { ...GIVEN, DIB_IMAGE_SIZE: '6' }))).toEqual([]);
  expect(changed(before, await layersOf(FILES, { ...GIVEN, TZ: 'CET' }))).toHaveLength(5);
});

it.each([
  [
    'what reads the environment as a whole',
    { 'elements/web/install.d/60-dump': `${HEAD}env >/etc/all\n` },
    ['install', 'post-install', 'finalise'],
  ],
  [
    'a file that a hook names',
    { 'elements/web/static/bin/x': '#!/bin/sh\necho $DIB_LATE\n' },
    ['install', 'post-install', 'finalise'],
  ],
  [
    'a condition of environment.d',
    { 'elements/web/environment.d/20-x': '[ -n "$DIB_LATE" ] || true\n' },
    ['root', 'pre-install', 'install', 'post-install', 'finalise'],
  ],
  ['a file that nobody names', { 'elements/web/other/x': '#!/bin/sh\necho $DIB_LATE\n' }, ['post-install', 'finalise']],
])('%s decides who sees a variable', async (_, files, layers) => {
  const more = { ...FILES, ...files };
  expect(changed(await layersOf(more, GIVEN), await layersOf(more, { ...GIVEN, DIB_LATE: '2' }))).toEqual(layers);
});

it('the value of a variable may be a text that is run', async () => {
  const environment = { ...GIVEN, DIB_EARLY: 'echo $DIB_LATE' };
  const before = await layersOf(FILES, environment);
  expect(changed(before, await layersOf(FILES, { ...environment, DIB_LATE: '2' }))).toEqual([
    'pre-install',
    'install',
    'post-install',
    'finalise',
  ]);
});

it('a file changes the keys of the layers that it is laid out for', async () => {
  const before = await layersOf(FILES, GIVEN);
  const after = (files: Files) => layersOf({ ...FILES, ...files }, GIVEN);
  expect(changed(before, await after({ 'elements/web/static/etc/web': 'other\n' }))).toEqual([
    'install',
    'post-install',
    'finalise',
  ]);
  expect(changed(before, await after({ 'elements/web/post-install.d/data/late': 'other\n' }))).toEqual(['post-install']);
  expect(changed(before, await after({ 'elements/web/finalise.d/50-last': `${HEAD}false\n` }))).toEqual(['finalise']);
});

it('what is laid out for hooks is what the key holds', async () => {
  const { set, inputs } = await layersOf(FILES, GIVEN);
  const laidOut = (name: string): string[] => {
    const seen: ElementSet = seenSet(set, inputs(name));
    const hooks = Object.values(seen.hooks).flat();
    return [...hooks.map((hook) => `${hook.phase}/${hook.name}`), ...seen.files.map(({ path }) => path)];
  };
  expect(laidOut('root')).toEqual(['root.d/10-toy']);
  expect(laidOut('pre-install')).toEqual(['pre-install.d/10-early']);
  expect(laidOut('install')).toEqual(['install.d/50-web', 'static/etc/web']);
  // As a program of the layer below may read it.
  expect(laidOut('post-install')).toEqual(['post-install.d/50-late', 'post-install.d/data/late', 'static/etc/web']);
});

it('a hook of another phase is laid out, and part of the key, where it is named', async () => {
  const files = { ...FILES, 'elements/web/pre-install.d/20-uses': `${HEAD}. "$TMP_HOOKS_PATH/finalise.d/50-last"\n` };
  const before = await layersOf(files, GIVEN);
  expect(Object.keys(before.inputs('pre-install').otherHooks ?? {})).toEqual(['finalise.d/50-last']);
  const after = await layersOf({ ...files, 'elements/web/finalise.d/50-last': `${HEAD}false\n` }, GIVEN);
  expect(changed(before, after)).toContain('pre-install');
});
