import type { ImageConfig } from '../config/image.ts';
import { keyFingerprints } from '../config/luks-keys.ts';
import { maskSecrets } from '../config/secrets.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { hasErrors } from '../diagnostics/diagnostic.ts';
import { DibError, fail } from '../diagnostics/errors.ts';
import { quoted } from '../diagnostics/printable.ts';
import { withDependencies } from '../graph/dag.ts';
import { type HostFiles, hostFiles } from '../host/files.ts';
import type { Kind, Paths, Realisation, RecordedResource, Requirement, Resource } from '../kinds/kind.ts';
import { baseDigest, bootstrapInputs, nativeDistro } from '../kinds/layer-graph.ts';
import { containersOf } from '../kinds/luks-content.ts';
import { declaredRevision, type KnownSources, sourceAddress, sourceIdentity } from '../kinds/source-graph.ts';
import { cachedKeys, findBase, layerId, readLayer } from '../rootfs/cache-layout.ts';
import { jsonDigest } from '../util/hash.ts';
import type { Json } from '../util/json.ts';
import { deletion, destructionOrder, diff, rebuilds } from './diff.ts';
import { deviceFacts, judgeDisks, seeDisks, withNotes, writtenDisks } from './existing-disks.ts';
import { type ExpandOptions, type Expansion, expand } from './expand.ts';
import type { Kernels, Obstacle } from './kernels.ts';
import type { Facts, Plan, ReplacedElement, ResourceChange, TeardownStep, WorkerName } from './plan.ts';
import type { Prepared, ReadImage } from './prepare.ts';
import { NOT_REFRESHED, type Refreshed, refresh } from './refresh.ts';
import { summarise } from './summary.ts';
import { chooseRealisations, chooseWorker } from './worker-choice.ts';

/** What is known of earlier runs. */
export interface Past {
  readonly lineage: string;
  readonly serial: number;
  readonly facts: Facts;
  readonly resources: readonly RecordedResource[];
}

export interface PlanOptions {
  readonly worker?: WorkerName | undefined;
  /** What runs the virtual machine of the worker `vm`. */
  readonly machine?: 'uml' | 'qemu' | undefined;
  readonly realisation?: Realisation | undefined;
  readonly replace: readonly string[];
  readonly target: readonly string[];
  /** Forget what is known of the mirror and look again. */
  readonly upgrade: boolean;
  /** Look whether all that is recorded is still there and as it was; default true. */
  readonly refresh?: boolean | undefined;
}

export interface PlanRequest {
  readonly read: ReadImage;
  readonly past: Past;
  readonly paths: Paths;
  readonly kinds: ReadonlyMap<string, Kind>;
  readonly options: PlanOptions;
  readonly dibVersion: string;
  readonly isRoot: boolean;
  /** What could attach block devices; asked only when something has to be. */
  readonly kernels: () => Promise<Kernels>;
  /** Where loop devices, mounts and the like are looked up; default: this machine. */
  readonly host?: HostFiles | undefined;
}

/** A plan, with the warnings found on the way. */
export interface MadePlan {
  readonly plan: Plan;
  readonly warnings: readonly Diagnostic[];
}

/** Compares an image with its past and with the host. Reads only. Throws DibError when the image cannot be built as it stands. */
export async function makePlan(request: PlanRequest): Promise<MadePlan> {
  const { read, past, paths, kinds, options } = request;
  const { image, places } = read;
  const realisation = chooseRealisations(image.devices, options.realisation);
  const { fingerprints, warnings } = await keyFingerprints(image.devices.luks, image.directory, past.facts.luksKeys ?? {});
  const luksKeys = image.devices.luks.length === 0 ? undefined : fingerprints;
  const seen = await seeDisks(image.devices, past.resources);
  const sources = knownSources(image, past.facts, paths.cache, options.upgrade);
  const known = { ...knownFacts(image, past, paths.cache, options.upgrade), luksKeys, sources, ...deviceFacts(seen, past.facts) };
  const names = Object.fromEntries(Object.entries(realisation).map(([disk, chosen]) => [disk, chosen.name]));
  const { expansion, facts } = expandMeasured(image, known, paths.cache, { realisation: names, places });
  if (hasErrors(expansion.diagnostics)) throw new DibError(expansion.diagnostics);
  const recorded = new Map(past.resources.map((resource) => [resource.address, resource]));
  requireAddresses(options, [...expansion.resources.map(({ address }) => address), ...recorded.keys()]);
  const refreshed =
    options.refresh === false
      ? NOT_REFRESHED
      : await refresh({ ...request, resources: past.resources, host: request.host ?? hostFiles() });
  const changes = diff({
    resources: expansion.resources,
    keys: expansion.keys,
    recorded,
    presence: refreshed.presence,
    cachedKeys: cachedKeys(paths.cache),
    kinds,
    replace: new Set([...withContainers(options.replace, expansion), ...(options.upgrade ? lookedAtAgain(image) : [])]),
    target: new Set(options.target),
  });
  const judged = judgeDisks(seen, { written: writtenDisks(changes), applying: false, places });
  if (hasErrors(judged.diagnostics)) throw new DibError(judged.diagnostics);
  const requirements = requirementsOf(changes, expansion.resources, kinds);
  const { place, obstacle } = await chooseWorker(requirements, request.isRoot, options, request.kernels);
  const drawn = new Set(expansion.disks.map((disk) => disk.address.replace(/^[a-z_]+\./, '')));
  const plan: Plan = {
    format_version: '1.0',
    dib_version: request.dibVersion,
    mode: 'apply',
    image: { file: image.file, name: image.config.name, sha256: image.sha256 },
    configuration: publicConfiguration(image),
    environment_variables: image.environmentVariables,
    ...replacedElements(image),
    worker: {
      ...place,
      realisation: Object.fromEntries(
        Object.entries(realisation)
          .filter(([disk]) => drawn.has(disk))
          .map(([disk, chosen]) => [addressOfDisk(image, disk), chosen]),
      ),
    },
    facts,
    resource_changes: changes,
    ...outsideChanges(refreshed, teardownFor(changes, refreshed)),
    disks: withNotes(expansion.disks, judged.disks),
    summary: summarise(changes),
    bound_to: bindingOf(image, past),
    options: recordedOptions(options),
    warnings: [...notes(options), ...obstacleNotes(obstacle), ...refreshed.foreign, ...judged.warnings],
  };
  return { plan, warnings: [...expansion.diagnostics, ...warnings, ...judged.diagnostics] };
}

function replacedElements({ elements }: Prepared): Pick<Plan, 'replaced_elements'> {
  const replaced = elements.elements.flatMap(({ name, replaces }): ReplacedElement[] =>
    replaces === undefined ? [] : [{ name, directory: replaces }],
  );
  return replaced.length === 0 ? {} : { replaced_elements: replaced.sort((left, right) => (left.name < right.name ? -1 : 1)) };
}

function obstacleNotes(obstacle: Obstacle | undefined): readonly string[] {
  return obstacle === undefined ? [] : [`This plan cannot be applied here: ${obstacle.reason}. ${obstacle.help}`];
}

/** What keeps the files in use goes before anything is made or removed, and in any case where nobody recorded it. */
function teardownFor(changes: readonly ResourceChange[], { teardown }: Refreshed): readonly TeardownStep[] {
  const acts = changes.some(({ change }) => change.actions[0] !== 'no-op');
  return acts || teardown.some((step) => !step.known) ? teardown : [];
}

/** Members that are absent when there is nothing to tell. */
function outsideChanges({ drift }: Refreshed, teardown: readonly TeardownStep[]): Pick<Plan, 'resource_drift' | 'teardown'> {
  return { ...(drift.length > 0 && { resource_drift: drift }), ...(teardown.length > 0 && { teardown }) };
}

/** What stands in a LUKS container cannot be made anew without it. */
function withContainers(addresses: readonly string[], { resources }: Expansion): readonly string[] {
  return addresses.flatMap((address) => [address, ...containersOf(address, resources)]);
}

/** The plan that removes what the state knows; outputs stay unless they are asked for. */
export function makeDestroyPlan(request: {
  readonly past: Past;
  readonly image: Plan['image'];
  readonly kinds: ReadonlyMap<string, Kind>;
  readonly outputs: boolean;
  readonly dibVersion: string;
  readonly isRoot: boolean;
  /** What keeps the files in use; default: nothing. */
  readonly holders?: Pick<Refreshed, 'teardown' | 'foreign'> | undefined;
}): Plan {
  const { past, kinds, holders = NOT_REFRESHED } = request;
  // An output without a recorded result was never finished: there is nothing to keep.
  const finished = (resource: RecordedResource) => resource.outputs['path'] !== undefined;
  const kept = (resource: RecordedResource) => resource.kind === 'output' && !request.outputs && finished(resource);
  const changes = destructionOrder(past.resources)
    .filter((resource) => !kept(resource))
    .map((resource) => {
      const cached = kinds.get(resource.kind)?.cached === true;
      const disk = diskBelow(resource, past.resources);
      if (!cached && disk === undefined)
        return deletion(resource, { actions: ['delete'], action_reason: 'delete_because_destroy', reason: 'will be destroyed' });
      const reason = cached ? 'the cache keeps it' : `what is on ${disk} stays as it is`;
      return deletion(resource, {
        actions: ['forget'],
        action_reason: 'delete_because_destroy',
        reason: `will be forgotten: ${reason}`,
      });
    });
  const outputs = past.resources.filter(kept).map((resource) => String(resource.outputs['path'] ?? resource.address));
  const worker = request.isRoot
    ? { name: 'host' as const, reason: 'you are root', realisation: {} }
    : { name: 'userns' as const, reason: 'nothing in it needs root', realisation: {} };
  return {
    format_version: '1.0',
    dib_version: request.dibVersion,
    mode: 'destroy',
    image: request.image,
    environment_variables: [],
    worker,
    facts: past.facts,
    resource_changes: changes,
    ...outsideChanges(NOT_REFRESHED, holders.teardown),
    disks: [],
    summary: summarise(changes),
    bound_to: { configuration_sha256: '', elements_sha256: '', lineage: past.lineage, serial: past.serial },
    options: { outputs: request.outputs },
    warnings: [
      ...(outputs.length === 0 ? [] : [`These outputs are kept: ${outputs.join(', ')}. Destroy them too with --outputs.`]),
      ...holders.foreign,
    ],
  };
}

/** Path of an existing disk that a resource is, or stands on: destroying the image does not touch what was installed. */
function diskBelow({ address }: RecordedResource, recorded: readonly RecordedResource[]): string | undefined {
  const below = withDependencies([address], recorded);
  const disk = recorded.find((other) => other.kind === 'disk' && below.has(other.address));
  return disk === undefined ? undefined : String(disk.inputs['path']);
}

/** What a plan of this image is bound to now. */
export function bindingOf(image: Prepared, past: Past): Plan['bound_to'] {
  return {
    configuration_sha256: jsonDigest(publicConfiguration(image) as unknown as Json),
    elements_sha256: image.elements.digest,
    lineage: past.lineage,
    serial: past.serial,
  };
}

/** The configuration as plans show it: secrets only as fingerprints. */
function publicConfiguration({ config, elements }: Prepared): ImageConfig {
  return { ...config, environment: maskSecrets(config.environment, elements.secretVariables) };
}

/** The state's facts; for a first build those of the newest base in the cache, so that images of one machine share it. */
function knownFacts(image: Prepared, past: Past, cache: string, upgrade: boolean): Facts {
  const { base: recorded, mirrorDigest, epoch, ...rest } = past.facts;
  if (upgrade) return rest;
  const distro = nativeDistro(image.elements, image.config);
  const base = distro === undefined ? undefined : baseDigest(bootstrapInputs(distro));
  if (mirrorDigest !== undefined && (recorded === undefined || recorded === base)) return past.facts;
  const found = base === undefined ? undefined : findBase(cache, base);
  return found?.mirrorDigest === undefined ? rest : { ...rest, base, mirrorDigest: found.mirrorDigest, epoch: found.epoch };
}

/** What was found at the sources of this image that do not say it themselves: by this state, else by whoever filled the cache. */
function knownSources(image: Prepared, facts: Facts, cache: string, upgrade: boolean): KnownSources | undefined {
  const open = upgrade ? [] : image.elements.sources.filter((source) => declaredRevision(source) === undefined);
  const known = open.flatMap((source) => {
    const identity = sourceIdentity(source);
    const recorded = facts.sources?.[source.name];
    const revision = recorded?.identity === identity ? recorded.revision : findBase(cache, identity)?.revision;
    return revision === undefined ? [] : [[source.name, { identity, revision }] as const];
  });
  return known.length === 0 ? undefined : Object.fromEntries(known);
}

/** Addresses of what --upgrade asks about again: the mirror, and refs that may have moved. */
function lookedAtAgain(image: Prepared): string[] {
  const open = image.elements.sources.filter((source) => declaredRevision(source) === undefined);
  return ['layer.bootstrap', ...open.map(({ name }) => sourceAddress(name))];
}

/**
 * Expands, and once more where the cache has the last layer and thus how much there is to store: then sizes that follow from the tree are
 * known before anything runs, also in an image that has no state yet.
 */
function expandMeasured(
  image: Prepared,
  facts: Facts,
  cache: string,
  options: Omit<ExpandOptions, 'facts'>,
): { readonly expansion: Expansion; readonly facts: Facts } {
  const expansion = expand(image, { ...options, facts });
  const layer = expansion.resources.findLast((resource) => resource.kind === 'layer')?.address ?? '';
  const key = expansion.keys.get(layer)?.key;
  if (key === undefined || facts.usage?.layer === key) return { expansion, facts };
  const cached = readLayer(cache, layerId(key));
  if (cached?.usage === undefined || cached.key !== key) return { expansion, facts };
  const measured: Facts = { ...facts, usage: { layer: key, mounts: cached.usage } };
  return { expansion: expand(image, { ...options, facts: measured }), facts: measured };
}

/**
 * What the place of execution must offer: for what is made, and for what stands below it and stays. A file system that is made anew in a volume that is
 * there needs that volume attached.
 */
function requirementsOf(
  changes: readonly ResourceChange[],
  resources: readonly Resource[],
  kinds: ReadonlyMap<string, Kind>,
): Requirement[] {
  const made = changes.filter(({ change }) => rebuilds(change.actions));
  const below = withDependencies(
    made.filter(({ kind }) => kinds.get(kind)?.cached !== true).map(({ address }) => address),
    resources,
  );
  const own = made.flatMap((change) => change.requires);
  const standing = resources.filter(({ address, kind }) => below.has(address) && kinds.get(kind)?.cached !== true);
  return [...own, ...standing.flatMap(({ kind, inputs }) => kinds.get(kind)?.requires(inputs) ?? [])];
}

function addressOfDisk({ devices }: Prepared, name: string): string {
  return `${devices.disks.find((disk) => disk.name === name)?.plugin ?? 'local_loop'}.${name}`;
}

function requireAddresses(options: PlanOptions, known: readonly string[]): void {
  for (const [option, addresses] of [
    ['--replace', options.replace],
    ['--target', options.target],
  ] as const) {
    const unknown = addresses.find((address) => !known.includes(address));
    if (unknown === undefined) continue;
    fail({
      code: 'DIB_PLAN_UNKNOWN_ADDRESS',
      summary: `${quoted(option)} names ${quoted(unknown, 200)}, which is not a resource of this image`,
      help: 'See `dib graph` for the addresses.',
    });
  }
}

function recordedOptions(options: PlanOptions): Plan['options'] {
  return {
    worker: options.worker ?? null,
    machine: options.machine ?? null,
    realisation: options.realisation ?? null,
    replace: [...options.replace],
    target: [...options.target],
    upgrade: options.upgrade,
    ...(options.refresh === false && { refresh: false }),
  };
}

function notes(options: PlanOptions): string[] {
  return options.target.length === 0
    ? []
    : ['--target limits this run to a part of the image; what depends on it may be out of date until a run without it.'];
}
