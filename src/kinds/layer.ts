import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { DistroConfig, ImageConfig } from '../config/image.ts';
import { fail } from '../diagnostics/errors.ts';
import { debianArchitecture } from '../distros/architectures.ts';
import type { Distro } from '../distros/distro.ts';
import { knownDistro } from '../distros/registry.ts';
import type { ElementSet } from '../elements/element.ts';
import type { Command } from '../exec/command.ts';
import { requireEmulation } from '../host/emulation.ts';
import type { BreakOptions } from '../rootfs/breakpoints.ts';
import type { Building, LayerCache } from '../rootfs/cache.ts';
import { type CachedLayer, layersDirectory, readLayer } from '../rootfs/cache-layout.ts';
import { checkExtraOutputs, makeExtraOutputs } from '../rootfs/extra-outputs.ts';
import type { LayoutFacts } from '../rootfs/hook-environment.ts';
import { resolveInside } from '../rootfs/inside.ts';
import { packagePool } from '../rootfs/package-pool.ts';
import { INITRAMFS_COMMAND, type PhaseOptions, type PhaseStep, runSteps, type ShellRequest } from '../rootfs/phases.ts';
import type { Snapshotter } from '../rootfs/snapshot.ts';
import type { LayerOutputs } from '../rootfs/tree.ts';
import { measureTree } from '../rootfs/usage.ts';
import { jsonDigest } from '../util/hash.ts';
import { bootstrapCommands, bootstrapRequirements, fillTree } from './bootstrap.ts';
import { purge, writeIdentity } from './finish-tree.ts';
import { type ActionContext, type KeyDocument, type Kind, type Requirement, UNKNOWN } from './kind.ts';
import {
  type BootstrapInputs,
  baseDigest,
  type LayerInputs,
  type LayerStep,
  nativeDistro,
  type StepsInputs,
  sourcesOf,
} from './layer-graph.ts';
import { seenSet, seenVariables } from './layer-sight.ts';
import { placeSources } from './place-sources.ts';
import type { SourceOutputs } from './source.ts';

/** 2000-01-01, for trees whose origin has no date. */
const FALLBACK_EPOCH = 946_684_800;

/** What making layers needs besides their inputs: where things are on this machine. Absent while only planning. */
export interface LayerRuntime {
  readonly elementSet: ElementSet;
  readonly image: ImageConfig;
  readonly layout?: LayoutFacts | undefined;
  readonly cache: LayerCache;
  readonly snapshotter: Snapshotter;
  /** Absolute path of the package's libexec. */
  readonly libexec: string;
  /** Milliseconds that one hook may take; absent: any time. */
  readonly hookTimeout?: number | undefined;
  /** Where the user wants to look around. */
  readonly breaks?: BreakOptions | undefined;
  /** Break points that this run came to. */
  readonly breaksReached?: Set<string> | undefined;
}

/** Outputs of a layer with the key that dependents' keys are made of. */
export interface KeyedLayerOutputs extends LayerOutputs {
  readonly key: string;
}

/** The kind `layer`. Planning and destroying need no runtime. */
export function layerKind(runtime?: LayerRuntime): Kind {
  return {
    kind: 'layer',
    cached: true,
    pool: 'io',
    requires: (inputs) => requirements(inputs as unknown as LayerInputs),
    commands: (inputs) => plannedCommands(inputs as unknown as LayerInputs),
    probe: (recorded, paths) => {
      const layers = (recorded.outputs as Partial<LayerOutputs>).layers ?? [];
      const present = layers.length > 0 && layers.every((id) => readLayer(paths.cache, id) !== undefined);
      return Promise.resolve({ state: present ? 'present' : 'absent' });
    },
    create: (inputs, context) => {
      if (runtime === undefined) throw new Error('a layer cannot be made without a runtime');
      return createLayer(inputs as unknown as LayerInputs, context, runtime);
    },
    // The cache outlives images: what it keeps is its own business.
    destroy: () => Promise.resolve(),
  };
}

function requirements(inputs: LayerInputs): Requirement[] {
  const common: Requirement[] = [
    { need: 'tool', name: 'unshare', package: 'util-linux', why: 'hooks run in namespaces of their own' },
    { need: 'tool', name: 'mount', package: 'mount', why: 'layers are stacked with overlay mounts' },
  ];
  if (!isBootstrap(inputs)) return inputs.steps.some(isOffline) ? [...common, LOOPBACK] : common;
  return [...common, ...bootstrapRequirements(inputs.distro as DistroConfig)];
}

const LOOPBACK: Requirement = {
  need: 'tool',
  name: 'ip',
  package: 'iproute2',
  why: 'hooks that need no network have the loopback interface alone',
};

function isOffline(step: LayerStep): boolean {
  return step.run === 'hook' && step.network === 'none';
}

function plannedCommands(inputs: LayerInputs): readonly Command[] {
  if (isBootstrap(inputs)) return bootstrapCommands(inputs.distro as DistroConfig);
  return inputs.steps.map((step) => ({ argv: plannedArguments(step) }));
}

function plannedArguments(step: LayerStep): readonly string[] {
  if (step.run === 'hook') return [...(step.network === 'none' ? ['unshare', '--net'] : []), `${step.phase}/${step.name}`];
  if (step.run === 'initramfs') return INITRAMFS_COMMAND;
  if (step.run === 'sources') return ['source-repositories', ...step.sources.flatMap(({ destinations }) => destinations)];
  return ['install-packages', ...(step.run === 'install' ? [] : ['-e']), ...step.packages];
}

function isBootstrap(inputs: LayerInputs): inputs is BootstrapInputs {
  return inputs.layer === 'bootstrap';
}

async function createLayer(inputs: LayerInputs, context: ActionContext, runtime: LayerRuntime): Promise<KeyedLayerOutputs> {
  const started = new Date().toISOString();
  const claimed = isBootstrap(inputs) ? baseDigest(inputs) : jsonDigest(keyDocument(inputs, context));
  // Another build may be at the same layer: wait for it, and take what it made.
  const release = await runtime.cache.claim(claimed);
  try {
    // What was asked for anew is not taken from the cache, save what another build made since.
    const made = context.renew === true ? undefined : findMade(inputs, context, runtime.cache, started);
    if (made !== undefined) {
      context.log(`already made by another build: ${made.id}\n`);
      await runtime.cache.pin(made.layers);
      return outputsOf(made);
    }
    if (runsPrograms(inputs))
      requireEmulation(runtime.elementSet.environment['ARCH'] ?? debianArchitecture(), debianArchitecture());
    const building = await runtime.cache.begin();
    try {
      const layer = isBootstrap(inputs)
        ? await bootstrap(inputs, building, context, runtime)
        : await buildSteps(inputs, building, context, runtime);
      return outputsOf(layer);
    } finally {
      await runtime.cache.discard(building);
    }
  } finally {
    await release();
  }
}

/** Whether programs of the image are run: not where a tree is only unpacked, or nothing is left to do in it. */
function runsPrograms(inputs: LayerInputs): boolean {
  return isBootstrap(inputs) ? inputs.distro.source === undefined : inputs.steps.length > 0;
}

function findMade(inputs: LayerInputs, context: ActionContext, cache: LayerCache, since: string): CachedLayer | undefined {
  if (!isBootstrap(inputs)) return cache.find(jsonDigest(keyDocument(inputs, context)));
  const base = baseDigest(inputs);
  return cache
    .list()
    .find((layer) => layer.base === base && (layer.mirrorDigest === inputs.mirrorDigest || layer.created >= since));
}

function outputsOf(layer: CachedLayer): KeyedLayerOutputs {
  const { key, layers, size, mirrorDigest, epoch, usage } = layer;
  const outputs = { key, layers, size };
  if (mirrorDigest !== undefined) return { ...outputs, mirrorDigest, epoch };
  return usage === undefined ? outputs : { ...outputs, usage };
}

/** The same document that the planner makes: kind, inputs and the keys of dependencies. */
function keyDocument(inputs: LayerInputs, context: ActionContext): KeyDocument {
  const below = isBootstrap(inputs) || inputs.below === undefined ? [] : [inputs.below];
  const sources = isBootstrap(inputs) ? [] : sourcesOf(inputs.steps);
  const keyOf = (address: string) => (context.outputs(address) as KeyedLayerOutputs).key;
  const dependencies = Object.fromEntries([...below, ...sources].map((address) => [address, keyOf(address)]));
  return { kind: 'layer', inputs, dependencies };
}

async function bootstrap(
  inputs: BootstrapInputs,
  building: Building,
  context: ActionContext,
  runtime: LayerRuntime,
): Promise<CachedLayer> {
  const config = nativeDistro(runtime.elementSet, runtime.image) ?? (inputs.distro as DistroConfig);
  const pinned = inputs.mirrorDigest === UNKNOWN ? undefined : inputs.mirrorDigest;
  const { mirrorDigest, epoch } = await fillTree(config, building.tree, pinned, runtime.libexec, context);
  const document = keyDocument({ ...inputs, mirrorDigest }, context);
  const layer = {
    key: jsonDigest(document),
    keyDocument: document,
    description: [inputs.distro.name, inputs.distro.release, inputs.distro.arch].filter((part) => part !== '').join(' '),
    base: baseDigest(inputs),
    mirrorDigest,
    epoch,
    form: runtime.snapshotter.form,
    below: [],
  };
  return await runtime.cache.commit(building, layer, context.renew);
}

async function buildSteps(
  inputs: StepsInputs,
  building: Building,
  context: ActionContext,
  runtime: LayerRuntime,
): Promise<CachedLayer> {
  const document = keyDocument(inputs, context);
  const below = inputs.below === undefined ? [] : (context.outputs(inputs.below) as KeyedLayerOutputs).layers;
  const sources = sourcesOf(inputs.steps).flatMap((address) => (context.outputs(address) as SourceOutputs).layers);
  await runtime.cache.pin([...below, ...sources]);
  const snapshot = await runtime.snapshotter.write(building, below);
  await mkdir(context.paths.scratch, { recursive: true });
  const scratch = await mkdtemp(join(context.paths.scratch, 'layer-'));
  const last = inputs.layer === 'finalise';
  const extraOutputs = makeExtraOutputs(building.directory);
  let usage: LayerOutputs['usage'];
  try {
    if (last) writeIdentity(snapshot.root, inputs);
    await runSteps(
      inputs.steps as readonly PhaseStep[],
      phaseOptions(inputs, below, snapshot.root, scratch, building, context, runtime),
      context,
    );
    if (last) purge(snapshot.root, leftoversOf(runtime));
    tellUndeclared(checkExtraOutputs(extraOutputs, last ? declaredFiles(runtime) : [], context.address), context);
    if (inputs.layer === 'root') requireTree(snapshot.root, context.address);
    if (last) usage = measureTree(snapshot.root, mountPointsOf(runtime.layout));
  } finally {
    await snapshot.close();
    await rm(scratch, { recursive: true, force: true });
  }
  const layer = {
    key: jsonDigest(document),
    keyDocument: document,
    description: `${context.address} of ${runtime.image.name}`,
    form: runtime.snapshotter.form,
    usage,
    below,
  };
  return await runtime.cache.commit(building, layer, context.renew);
}

function leftoversOf({ elementSet, image }: LayerRuntime): readonly string[] {
  const native = nativeDistro(elementSet, image);
  return (native === undefined ? undefined : knownDistro(native.name))?.leftovers ?? [];
}

/** Names of the files that elements make for the user. */
function declaredFiles({ elementSet, image }: LayerRuntime): string[] {
  return elementSet.extraOutputs.map((suffix) => `${image.name}${suffix}`);
}

function tellUndeclared(names: readonly string[], context: ActionContext): void {
  if (names.length === 0) return;
  context.progress(
    `hooks of cleanup.d made ${names.join(', ')}, which is kept in the cache only: no element.yaml has it under \`outputs\``,
  );
}

function mountPointsOf(layout: LayoutFacts | undefined): readonly string[] {
  return (layout?.mountPoints ?? []).filter((point) => point.startsWith('/'));
}

function phaseOptions(
  inputs: StepsInputs,
  below: readonly string[],
  root: string,
  scratch: string,
  building: Building,
  context: ActionContext,
  runtime: LayerRuntime,
): PhaseOptions {
  const { elementSet, image, layout, libexec, cache } = runtime;
  const native = nativeDistro(elementSet, image);
  const distro = native === undefined ? undefined : knownDistro(native.name);
  const baseTree = below[0] === undefined ? undefined : cache.tree(below[0]);
  const stale = distro !== undefined && baseTree !== undefined && sourcesChanged(distro.sources, baseTree, root);
  return {
    elementSet: seenSet(elementSet, inputs),
    image,
    imageDirectory: context.paths.image,
    variables: {
      SOURCE_DATE_EPOCH: epochOf(below, cache),
      ...seenVariables(elementSet, image, layout, inputs.layer === 'finalise', (name) => name in inputs.environment),
    },
    libexec,
    root,
    scratch,
    cache: cache.directory,
    ...poolOf(distro, cache),
    additions: below.map((id) => join(layersDirectory(cache.directory), id, 'hooks')).filter((path) => existsSync(path)),
    saveAdditions: join(building.directory, 'hooks'),
    placeSources: () =>
      placeSources({
        set: elementSet,
        imageName: image.name,
        cache: cache.directory,
        root,
        outputs: (source) => context.outputs(source) as SourceOutputs,
        address: context.address,
      }),
    extraOutputs: join(building.directory, 'outputs'),
    refresh: stale ? distro.refreshCommand() : undefined,
    outside: distro?.outside === undefined || native === undefined ? undefined : { installer: distro.outside, config: native },
    address: context.address,
    logFile: context.logFile,
    timeout: runtime.hookTimeout,
    breaks: runtime.breaks,
    reached: runtime.breaksReached ?? new Set(),
    goesOn: goesOn(inputs, elementSet),
    progress: (message) => context.progress(message),
    log: (text) => context.log(text),
    warn: (diagnostic) => context.warn(diagnostic),
    profile: (steps) => context.profile(steps),
    openShell: async (request: ShellRequest) => {
      // The user may change the tree by hand: what its key promises need not be in it.
      cache.forgetAtEnd(jsonDigest(keyDocument(inputs, context)));
      await context.openShell(request);
    },
  };
}

/** Where packages of a distribution are kept for all builds: apt's are seen in another way than those of dnf and zypper. */
function poolOf(distro: Distro | undefined, { directory }: LayerCache): Pick<PhaseOptions, 'packagePool' | 'rpmPool'> {
  if (distro === undefined) return {};
  const pool = packagePool(directory, distro.name);
  return distro.family === 'debian' ? { packagePool: pool } : { rpmPool: pool };
}

/** Whether the last phase goes on in the layer above: install.d is made in two layers where it installs packages. */
function goesOn({ layer, steps }: StepsInputs, { hooks, packages }: ElementSet): boolean {
  const { install, uninstall } = packages['install.d'];
  const count = hooks['install.d'].length + Math.min(1, install.length) + Math.min(1, uninstall.length);
  return layer === 'packages' && steps.length < count;
}

/** The date that tools put into what they make, as the reproducible-builds specification has it: that of the base. */
function epochOf(below: readonly string[], cache: LayerCache): string {
  const base = below[0] === undefined ? undefined : readLayer(cache.directory, below[0]);
  return String(base?.epoch ?? FALLBACK_EPOCH);
}

/** Whether a layer since the base changed where packages come from: then the base's package lists do not do. */
function sourcesChanged(sources: readonly string[], base: string, root: string): boolean {
  const content = (full: string | undefined): string => {
    const stat = full === undefined ? undefined : lstatSync(full);
    if (full === undefined || stat === undefined) return '';
    if (stat.isSymbolicLink()) return readlinkSync(full);
    if (!stat.isDirectory()) return readFileSync(full, 'latin1');
    return readdirSync(full)
      .sort()
      .map((name) => `${name}\n${content(join(full, name))}`)
      .join('');
  };
  return sources.some((path) => content(resolveInside(base, path)) !== content(resolveInside(root, path)));
}

function requireTree(root: string, address: string): void {
  const entries = readdirSync(root).filter((name) => name !== 'lost+found' && name !== 'tmp');
  if (entries.length > 0) return;
  fail({
    code: 'DIB_ROOT_EMPTY',
    address,
    summary: 'The hooks of `root.d` left no operating system in `TARGET_ROOT`',
    help: 'Look into the log of this action: an element that provides `operating-system` must fill `TARGET_ROOT` in `root.d`.',
  });
}
