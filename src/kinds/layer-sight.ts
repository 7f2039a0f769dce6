import type { ImageConfig } from '../config/image.ts';
import { maskSecrets } from '../config/secrets.ts';
import { type ElementSet, type Hook, type HookFile, PHASES } from '../elements/element.ts';
import { firstLevel } from '../elements/element-reads.ts';
import { type Sight, sights } from '../elements/sight.ts';
import { hookVariables, type LayoutFacts } from '../rootfs/hook-environment.ts';
import { jsonDigest } from '../util/hash.ts';
import type { LayerStep, StepsInputs } from './layer-graph.ts';

/** Of the variables that follow from the image, the one that says more than the steps of a layer: it is given to those that read it. */
const ARGUMENTS = 'DIB_ARGS';

/** What each layer sees of the variables of an image and of its hook tree, lowest first. */
export function layerSights(set: ElementSet, image: ImageConfig, layers: readonly (readonly LayerStep[])[]): Sight[] {
  const inputs = Object.fromEntries(Object.keys(set.inputFiles).map((name) => [name, '']));
  const given = { ...inputs, ...image.environment, [ARGUMENTS]: '' };
  return sights(set, given, layers.map(hooksOf));
}

function hooksOf(steps: readonly LayerStep[]): string[] {
  return steps.flatMap((step) => (step.run === 'hook' ? [`${step.phase}/${step.name}`] : []));
}

/** Those of the variables that are given to hooks which see them. */
export function seenVariables(
  set: ElementSet,
  image: ImageConfig,
  layout: LayoutFacts | undefined,
  last: boolean,
  sees: (name: string) => boolean,
): Record<string, string> {
  const environment = Object.fromEntries(Object.entries(image.environment).filter(([name]) => sees(name)));
  const { [ARGUMENTS]: words = '', ...variables } = hookVariables(set, image, environment, layout, last);
  return sees(ARGUMENTS) ? { ...variables, [ARGUMENTS]: words } : variables;
}

/** The part of a layer's key that says what its hooks see. `variables`: of seenVariables. */
export function seenInputs(
  sight: Sight,
  set: ElementSet,
  variables: Readonly<Record<string, string>>,
): Pick<StepsInputs, 'environment' | 'environmentFiles' | 'files' | 'otherHooks'> {
  const files = set.inputFiles;
  const named = Object.keys(files).filter((name) => sight.variables.has(name));
  const others = Object.values(set.hooks)
    .flat()
    .filter((hook) => sight.otherHooks.includes(pathOf(hook)));
  return {
    environment: {
      ...maskSecrets(variables, set.secretVariables),
      ...Object.fromEntries(named.map((name) => [name, `sha256:${files[name]?.sha256}`])),
    },
    environmentFiles: sight.environmentFiles
      ? Object.fromEntries(set.environmentFiles.map((file) => [file.path, file.sha256]))
      : {},
    files: {
      ...Object.fromEntries(sight.entries.map((entry) => [entry, entryDigest(entry, set)])),
      ...(sight.environmentFiles ? { [MAPS]: mapsDigest(set) } : {}),
    },
    ...(others.length === 0 ? {} : { otherHooks: Object.fromEntries(others.map((hook) => [pathOf(hook), hook.sha256])) }),
  };
}

/** What pkg-map and svc-map look names up in. */
const MAPS = 'pkg-map and svc-map';

function mapsDigest({ packageMaps, serviceMap }: ElementSet): string {
  return jsonDigest({ packageMaps, serviceMap });
}

function entryDigest(entry: string, set: ElementSet): string {
  const inside = set.files.filter(({ path }) => firstLevel(path) === entry);
  return jsonDigest(inside.map(({ path, sha256, executable, mode, link }) => [path, sha256, mode ?? executable, link ?? null]));
}

function pathOf({ phase, name }: Hook): string {
  return `${phase}/${name}`;
}

/** A set of elements without what hooks of a layer do not see: all that is laid out for them is in the layer's key. */
export function seenSet(set: ElementSet, inputs: StepsInputs): ElementSet {
  const { environment, environmentFiles, files, otherHooks = {}, steps } = inputs;
  const own = new Set(hooksOf(steps));
  const hooks = PHASES.map((phase) => [
    phase,
    set.hooks[phase].filter((hook) => own.has(pathOf(hook)) || pathOf(hook) in otherHooks),
  ]);
  return {
    ...set,
    hooks: Object.fromEntries(hooks) as ElementSet['hooks'],
    environmentFiles: set.environmentFiles.filter(({ path }) => path in environmentFiles),
    files: set.files.filter(({ path }: HookFile) => firstLevel(path) in files),
    inputFiles: Object.fromEntries(Object.entries(set.inputFiles).filter(([name]) => name in environment)),
    ...(MAPS in files ? {} : { packageMaps: {}, serviceMap: {} }),
  };
}
