import { basename } from 'node:path';
import type { DistroConfig, ImageConfig } from '../config/image.ts';
import { withDistroDefaults } from '../distros/registry.ts';
import { type ElementSet, isDeviceAddress, type Phase } from '../elements/element.ts';
import { compareBytes, compareHookNames } from '../elements/order.ts';
import type { Sight } from '../elements/sight.ts';
import type { LayoutFacts } from '../rootfs/hook-environment.ts';
import { keptReference, treeDigest } from '../rootfs/trees/digest.ts';
import { jsonDigest } from '../util/hash.ts';
import type { JsonObject } from '../util/json.ts';
import { type Resource, UNKNOWN } from './kind.ts';
import { layerSights, seenInputs, seenVariables } from './layer-sight.ts';
import { sourceAddress } from './source-graph.ts';

/** Raised when dib itself makes layers differently, so that old ones are not taken for new ones. */
const RECIPE = 1;

/** Inputs of layer.bootstrap. */
export interface BootstrapInputs extends JsonObject {
  readonly layer: 'bootstrap';
  readonly recipe: number;
  readonly distro: {
    readonly name: string;
    readonly release: string;
    readonly arch: string;
    readonly mirror?: string | undefined;
    readonly security_mirror?: string | undefined;
    readonly suites?: readonly string[] | undefined;
    readonly components: readonly string[];
    readonly variant: string;
    /** SHA-256 of the file of keys. */
    readonly keyring?: string | undefined;
    /** What is unpacked: by its content where that is known, so that it may lie somewhere else tomorrow. */
    readonly source?: { readonly type: string; readonly ref?: string | undefined } | undefined;
  };
  /** SHA-256 over the InRelease files, of the archive or of the container image's manifest; UNKNOWN before anybody asked. */
  readonly mirrorDigest: string;
}

/** One thing that a layer does, in order. */
export type LayerStep =
  | {
      readonly run: 'hook';
      readonly phase: Phase;
      readonly name: string;
      readonly element: string;
      readonly sha256: string;
      /** It runs without the builder's network. */
      readonly network?: 'none';
    }
  | {
      readonly run: 'install' | 'uninstall';
      readonly phase: Phase;
      readonly packages: readonly string[];
      /** No initramfs is made yet: the step `initramfs` follows. */
      readonly initramfs?: 'later';
    }
  /** Puts what the sources hold into the tree. */
  | { readonly run: 'sources'; readonly phase: Phase; readonly sources: readonly SourceStep[] }
  /** Makes every initramfs anew, with copies of the system's files. */
  | { readonly run: 'initramfs'; readonly phase: Phase };

/** A source and where it goes. */
export interface SourceStep extends JsonObject {
  readonly name: string;
  readonly destinations: readonly string[];
}

/** Inputs of every other layer. */
export interface StepsInputs extends JsonObject {
  readonly layer: 'root' | 'pre-install' | 'packages' | 'install' | 'post-install' | 'finalise';
  readonly recipe: number;
  /** Address of the layer that it stands on; absent for the lowest. */
  readonly below?: string | undefined;
  readonly steps: readonly (LayerStep & JsonObject)[];
  /** Variables that hooks see; of secrets the digest. What is not here is not given to them. */
  readonly environment: { readonly [name: string]: string };
  /** environment.d by path: digest. */
  readonly environmentFiles: { readonly [path: string]: string };
  /** Digests of the other files in the hook tree, by first-level entry. */
  readonly files: { readonly [entry: string]: string };
  /** Hooks in the hook tree that are no steps of this layer, by path: digest. */
  readonly otherHooks?: { readonly [path: string]: string } | undefined;
  /** SHA-256 of dib's own helpers that ran them. */
  readonly libexec: string;
  readonly hostname?: string | undefined;
  /** Text of /etc/fstab and its like, by path. */
  readonly systemFiles?: { readonly [path: string]: string } | undefined;
}

export type LayerInputs = BootstrapInputs | StepsInputs;

export interface LayerGraphOptions {
  /** Text of /etc/fstab and its like, by path: what follows from the disks. */
  readonly systemFiles: Readonly<Record<string, string>>;
  /** Those of them that an initramfs holds copies of. */
  readonly initramfsFiles: readonly string[];
  readonly layout?: LayoutFacts | undefined;
  /** What is known of the mirror, from the state or the cache. */
  readonly mirrorDigest?: string | undefined;
}

/** Where package-installs stands among the hooks of a phase, as under diskimage-builder. */
const PACKAGE_STEPS = {
  'pre-install.d': { install: '10-package-installs', uninstall: '99-package-uninstalls' },
  'install.d': { install: '01-package-installs', uninstall: '99-package-uninstalls' },
  'post-install.d': { install: '00-package-installs', uninstall: '95-package-uninstalls' },
} as const;

/** Where source-repositories stands among the hooks of extra-data.d, as under diskimage-builder. */
const SOURCES_STEP = '98-source-repositories';

/** Where making the initramfs stands among the hooks of finalise.d: before the boot loader's, which look for it. */
const INITRAMFS_STEP = '45-initramfs';

/** Digest of a base's inputs without the mirror's: by it `findBase` finds the newest one in the cache. */
export function baseDigest(inputs: BootstrapInputs): string {
  const { mirrorDigest: _, ...rest } = inputs;
  return jsonDigest(rest);
}

/** The inputs of layer.bootstrap for a distribution. */
export function bootstrapInputs(distro: DistroConfig, mirrorDigest?: string): BootstrapInputs {
  return {
    layer: 'bootstrap',
    recipe: RECIPE,
    distro: {
      name: distro.name,
      release: distro.release,
      arch: distro.arch,
      mirror: distro.mirror,
      security_mirror: distro.security_mirror,
      suites: distro.suites,
      components: distro.components,
      variant: distro.variant,
      keyring: distro.files?.keyring?.sha256,
      source: distro.source && { type: distro.source.type, ref: keptReference(distro) },
    },
    mirrorDigest: treeDigest(distro) ?? mirrorDigest ?? UNKNOWN,
  };
}

/**
 * The layers of an image, lowest first, each depending on the one before. Pure: the same image gives the same resources.
 * A layer with nothing to do is left out; layer.finalise is always there.
 */
export function layerResources(set: ElementSet, image: ImageConfig, options: LayerGraphOptions): Resource[] {
  const later = options.initramfsFiles.length > 0;
  const install = phaseSteps(set, 'install.d', later);
  const packagesEnd = install.findIndex((step) => step.run === 'install') + 1;
  const plan: [StepsInputs['layer'], readonly LayerStep[]][] = [
    ['root', hookSteps(set, 'root.d')],
    ['pre-install', [...extraDataSteps(set), ...phaseSteps(set, 'pre-install.d', later)]],
    ['packages', install.slice(0, packagesEnd)],
    ['install', install.slice(packagesEnd)],
    ['post-install', [...phaseSteps(set, 'post-install.d', later), ...hookSteps(set, 'post-root.d')]],
    ['finalise', [...hookSteps(set, 'pre-finalise.d'), ...finaliseSteps(set, options), ...hookSteps(set, 'cleanup.d')]],
  ];
  const native = nativeDistro(set, image);
  const resources: Resource[] = native === undefined ? [] : [bootstrapResource(native, options.mirrorDigest)];
  const layers = plan.filter(([layer, steps]) => steps.length > 0 || layer === 'finalise');
  const seen = layerSights(
    set,
    image,
    layers.map(([, steps]) => steps),
  );
  for (const [index, [layer, steps]] of layers.entries())
    resources.push(stepsResource(layer, steps, resources.at(-1)?.address, seen[index] as Sight, set, image, options));
  return resources;
}

/** The distribution that dib bootstraps by itself, if any: of image.yaml, or the one that an element stands for. */
export function nativeDistro(set: ElementSet, image: ImageConfig): DistroConfig | undefined {
  if (set.operatingSystem !== undefined) return undefined;
  if (image.distro !== undefined || set.native === undefined) return image.distro && withVariables(image.distro, set);
  const arch = set.environment['ARCH'] ?? 'amd64';
  return withVariables(withDistroDefaults({ ...set.native, arch }), set);
}

/** diskimage-builder's variables for the mirror and for the further suites of Ubuntu's count where image.yaml names none. */
function withVariables(distro: DistroConfig, { environment }: ElementSet): DistroConfig {
  if (distro.source !== undefined) return distro;
  const words = (name: string) => environment[name]?.split(/[\s,]+/).filter((word) => word !== '');
  const suites = distro.name === 'ubuntu' ? words('DIB_UBUNTU_MIRROR_DISTS') : undefined;
  const mirror = environment['DIB_DISTRIBUTION_MIRROR'] || undefined;
  return { ...distro, mirror: distro.mirror ?? mirror, suites: distro.suites ?? suites };
}

function bootstrapResource(distro: DistroConfig, mirrorDigest: string | undefined): Resource {
  return {
    address: 'layer.bootstrap',
    kind: 'layer',
    name: 'bootstrap',
    inputs: bootstrapInputs(distro, mirrorDigest),
    dependsOn: [],
    description: describeBase(distro),
  };
}

function describeBase({ name, release, arch, variant, source }: DistroConfig): string {
  if (source === undefined) return `${name} ${release} ${arch}, ${variant}`;
  const origin = source.type === 'oci' ? source.ref : (source.url ?? source.path ?? '');
  return `root file system of ${origin}, ${arch}`;
}

function stepsResource(
  layer: StepsInputs['layer'],
  steps: readonly LayerStep[],
  below: string | undefined,
  sight: Sight,
  set: ElementSet,
  image: ImageConfig,
  options: LayerGraphOptions,
): Resource {
  const last = layer === 'finalise';
  const inputs: StepsInputs = {
    layer,
    recipe: RECIPE,
    below,
    steps: steps as readonly (LayerStep & JsonObject)[],
    ...seenInputs(
      sight,
      set,
      seenVariables(set, image, options.layout, last, (name) => sight.variables.has(name)),
    ),
    libexec: set.libexec,
    ...(last ? { hostname: image.name, systemFiles: options.systemFiles } : {}),
  };
  return {
    address: `layer.${layer}`,
    kind: 'layer',
    name: layer,
    inputs,
    dependsOn: [...(below === undefined ? [] : [below]), ...sourcesOf(steps)],
    description: describe(layer, steps, set, options),
  };
}

function hookSteps(set: ElementSet, phase: Phase): LayerStep[] {
  return set.hooks[phase].map((hook) => ({
    run: 'hook',
    phase,
    name: hook.name,
    element: hook.element,
    sha256: hook.sha256,
    ...(hook.network === undefined ? {} : { network: hook.network }),
  }));
}

/** Addresses of the sources that steps put into the tree. */
export function sourcesOf(steps: readonly LayerStep[]): string[] {
  return steps.flatMap((step) => (step.run === 'sources' ? step.sources.map(({ name }) => sourceAddress(name)) : []));
}

function extraDataSteps(set: ElementSet): LayerStep[] {
  const hooks = hookSteps(set, 'extra-data.d');
  if (set.sources.length === 0) return hooks;
  const later = hooks.findIndex((step) => step.run === 'hook' && compareHookNames(step.name, SOURCES_STEP) > 0);
  const sources = set.sources.map(({ name, destinations }) => ({ name, destinations }));
  return hooks.toSpliced(later === -1 ? hooks.length : later, 0, { run: 'sources', phase: 'extra-data.d', sources });
}

function finaliseSteps(set: ElementSet, { initramfsFiles }: LayerGraphOptions): LayerStep[] {
  const hooks = hookSteps(set, 'finalise.d');
  if (initramfsFiles.length === 0) return hooks;
  const later = hooks.findIndex((step) => step.run === 'hook' && compareHookNames(step.name, INITRAMFS_STEP) > 0);
  return hooks.toSpliced(later === -1 ? hooks.length : later, 0, { run: 'initramfs', phase: 'finalise.d' });
}

function phaseSteps(set: ElementSet, phase: keyof typeof PACKAGE_STEPS, initramfsLater: boolean): LayerStep[] {
  const named = hookSteps(set, phase).map((step): [string, LayerStep] => [step.run === 'hook' ? step.name : '', step]);
  for (const run of ['install', 'uninstall'] as const) {
    const packages = set.packages[phase][run].map((request) => request.name);
    if (packages.length > 0)
      named.push([PACKAGE_STEPS[phase][run], { run, phase, packages, ...(initramfsLater ? { initramfs: 'later' } : {}) }]);
  }
  return named.sort(([a], [b]) => compareHookNames(a, b)).map(([, step]) => step);
}

/** What a layer does, in one line: names as far as there is room for them, and those of the system's files. */
function describe(
  layer: StepsInputs['layer'],
  steps: readonly LayerStep[],
  set: ElementSet,
  { systemFiles, initramfsFiles }: LayerGraphOptions,
): string {
  const packages = (run: 'install' | 'uninstall') =>
    steps.flatMap((step) => (step.run === run ? step.packages : [])).toSorted(compareBytes);
  const hooks = steps.flatMap((step) => (step.run === 'hook' ? [step.name] : []));
  const lists: [string, readonly string[]][] = [
    ['package', packages('install')],
    ['removed package', packages('uninstall')],
    ['source', sourcesOf(steps).map((address) => address.slice('source.'.length))],
    ['hook', hooks],
  ];
  const used = lists.filter(([, names]) => names.length > 0);
  const parts = used.map(([what, names]) => listing(what, names, Math.floor(DESCRIPTION_WIDTH / used.length)));
  if (layer === 'packages') parts.push(...forDisks(set));
  if (layer !== 'finalise') return parts.join('; ');
  const written = ['hostname', ...Object.keys(systemFiles).map((path) => basename(path))].join(', ');
  const initramfs = initramfsFiles.map((path) => basename(path)).join(' and ');
  return [...parts, written, ...(initramfs === '' ? [] : [`initramfs with ${initramfs}`])].join('; ');
}

/** Which packages the image's own disks ask for, and which of them: `lvm2 for vgs.data`. */
function forDisks(set: ElementSet): string[] {
  const asked = set.packages['install.d'].install.flatMap(({ name, requestedBy }) => {
    const device = requestedBy.find(isDeviceAddress);
    return device === undefined ? [] : [`${name} for ${device}`];
  });
  return asked.length === 0 ? [] : [asked.join(', ')];
}

/** Columns for names, so that a line of the plan stays below 120. */
const DESCRIPTION_WIDTH = 90;

/** `3 packages: curl, jq, vim`; of many names the first ones. */
function listing(what: string, names: readonly string[], width: number): string {
  const head = `${names.length} ${what}${names.length === 1 ? '' : 's'}: `;
  const shown: string[] = [];
  for (const name of names) {
    if ([...shown, name].join(', ').length + head.length > width) break;
    shown.push(name);
  }
  if (shown.length === 0) return head.slice(0, -2);
  const rest = names.length - shown.length;
  return `${head}${shown.join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
}
