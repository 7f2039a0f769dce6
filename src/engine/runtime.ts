import { mkdir, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { loadImage } from '../config/load.ts';
import { DibError, fail } from '../diagnostics/errors.ts';
import { quotedPath } from '../diagnostics/printable.ts';
import { debianArchitecture } from '../distros/architectures.ts';
import { createRunner } from '../exec/run.ts';
import { emulateHere } from '../host/emulation.ts';
import { DeviceGuard } from '../kinds/device-guard.ts';
import { identityOf } from '../kinds/disk.ts';
import type { Outputs, Realisation, Resource } from '../kinds/kind.ts';
import type { KeyedLayerOutputs } from '../kinds/layer.ts';
import { baseDigest, type LayerInputs } from '../kinds/layer-graph.ts';
import { kindRegistry } from '../kinds/registry.ts';
import type { SecretKeys } from '../kinds/secret-keys.ts';
import type { SourceOutputs } from '../kinds/source.ts';
import { expand, layoutFacts } from '../plan/expand.ts';
import { bindingOf } from '../plan/make-plan.ts';
import type { Facts, Plan } from '../plan/plan.ts';
import { type Prepared, prepareImage } from '../plan/prepare.ts';
import { LayerCache } from '../rootfs/cache.ts';
import { cacheLimit } from '../rootfs/cache-limit.ts';
import { chooseSnapshotter } from '../rootfs/snapshot.ts';
import type { Host } from '../state/state.ts';
import type { Job, Runtime } from './job.ts';

/** Everything that a run in a worker works with, made from its job. Destroying and attaching need nothing but the kinds. */
export async function buildRuntime(job: Job, _host: Host, keys: SecretKeys): Promise<Runtime> {
  return job.operation === 'apply' ? await applyRuntime(job, keys) : recordRuntime(job, keys);
}

function recordRuntime(job: Job, secrets: SecretKeys): Runtime {
  return {
    kinds: kindRegistry({ secrets }),
    resolve: () => undefined,
    factsFrom: () => undefined,
    collect: async () => {
      // Opening collects what dead builds left; a cache of another mapping is not ours to clean.
      await LayerCache.open(job.paths.cache).catch(() => {});
    },
    close: () => Promise.resolve(),
  };
}

async function applyRuntime(job: Job, secrets: SecretKeys): Promise<Runtime> {
  const { paths, plan } = job;
  // What is unpacked and checked out has the same modes whoever builds it.
  process.umask(0o022);
  const image = await readPlanned(plan);
  await mkdir(paths.scratch, { recursive: true });
  const runner = createRunner();
  await emulateHere(image.elements.environment['ARCH'] ?? debianArchitecture(), debianArchitecture(), runner);
  const devices = new DeviceGuard(job.options.permits ?? []);
  const cache = await LayerCache.open(paths.cache);
  const snapshotter = await chooseSnapshotter(paths.cache, paths.scratch, runner, () => {});
  const libexec = fileURLToPath(new URL('../../libexec', import.meta.url));
  const layers = {
    elementSet: image.elements,
    image: image.config,
    layout: layoutFacts(image.devices),
    cache,
    snapshotter,
    libexec,
    hookTimeout: job.options.hookTimeout,
    breaks: job.options.breaks,
    breaksReached: new Set<string>(),
  };
  const resolve = resolver(image, realisationOf(plan));
  return {
    kinds: kindRegistry({ trees: snapshotter, layers, secrets, devices }),
    resolve,
    factsFrom,
    collect: () => cache.collect(),
    close: async () => {
      await devices.close();
      await snapshotter.close();
      await runner.run({ argv: ['sync', '--file-system', paths.cache] });
      await cache.markFlushed();
      await cache.unpin();
      await cache.prune({ maxSize: cacheLimit() });
      await rm(paths.scratch, { recursive: true, force: true });
    },
  };
}

/** The image that was planned, read again with its secrets, which no plan holds. Throws DIB_PLAN_STALE if it changed meanwhile. */
async function readPlanned(plan: Plan): Promise<Prepared> {
  const loaded = await loadImage(plan.image.file, debianArchitecture());
  if (loaded.value === undefined) throw new DibError(loaded.diagnostics);
  const prepared = await prepareImage(loaded.value);
  if (prepared.value === undefined) throw new DibError(prepared.diagnostics);
  const { image } = prepared.value;
  const { lineage, serial } = plan.bound_to;
  const now = bindingOf(image, { lineage, serial, facts: {}, resources: [] });
  if (now.configuration_sha256 !== plan.bound_to.configuration_sha256 || now.elements_sha256 !== plan.bound_to.elements_sha256) {
    fail({
      code: 'DIB_PLAN_STALE',
      summary: `${quotedPath(plan.image.file)} or an element of it changed after the plan was made`,
      detail: 'dib applies what was shown, not something newer.',
      help: 'Run the same command again.',
    });
  }
  return image;
}

function realisationOf(plan: Plan): Record<string, Realisation> {
  const chosen = Object.entries(plan.worker.realisation);
  return Object.fromEntries(chosen.map(([address, { name }]) => [address.replace(/^[a-z_]+\./, ''), name]));
}

/** Expands once for each set of facts. */
function resolver(image: Prepared, realisation: Readonly<Record<string, Realisation>>): Runtime['resolve'] {
  let last: { readonly facts: Facts; readonly resources: ReadonlyMap<string, Resource> } | undefined;
  return (address, facts) => {
    if (last?.facts !== facts) {
      const { resources, diagnostics } = expand(image, { facts, realisation });
      const errors = diagnostics.filter((diagnostic) => diagnostic.severity === 'error');
      if (errors.length > 0) throw new DibError(errors);
      last = { facts, resources: new Map(resources.map((resource) => [resource.address, resource])) };
    }
    return last.resources.get(address);
  };
}

/** An existing disk tells who it is, the base what the mirror had, the last layer how much there is to store. */
function factsFrom(resource: Resource, outputs: Outputs): Facts | undefined {
  if (resource.kind === 'disk') return { devices: { [resource.name]: identityOf(outputs) } };
  if (resource.kind === 'source') return sourceFacts(resource, outputs as SourceOutputs);
  if (resource.kind !== 'layer') return undefined;
  const { key, mirrorDigest, epoch, usage } = outputs as Partial<KeyedLayerOutputs>;
  const inputs = resource.inputs as LayerInputs;
  const base: Facts =
    inputs.layer === 'bootstrap' && mirrorDigest !== undefined ? { base: baseDigest(inputs), mirrorDigest, epoch } : {};
  const measured: Facts = usage === undefined || key === undefined ? {} : { usage: { layer: key, mounts: usage } };
  return { ...base, ...measured };
}

/** What a source was found to be; what its declaration says is in no need of being remembered, and does no harm. */
function sourceFacts({ name }: Resource, { identity, revision }: SourceOutputs): Facts {
  return { sources: { [name]: { identity, revision } } };
}
