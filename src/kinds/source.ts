import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DibError, fail } from '../diagnostics/errors.ts';
import { quoted } from '../diagnostics/printable.ts';
import { placeOf, type SourceRepository } from '../elements/source-repositories.ts';
import type { Command } from '../exec/command.ts';
import type { Building, LayerCache } from '../rootfs/cache.ts';
import { type CachedLayer, readLayer } from '../rootfs/cache-layout.ts';
import { jsonDigest } from '../util/hash.ts';
import type { JsonObject } from '../util/json.ts';
import type { ActionContext, KeyDocument, Kind, Requirement } from './kind.ts';
import { UNKNOWN } from './kind.ts';
import { downloadCommands, fetchArchive } from './source-archive.ts';
import { fetchRepository, gitCommands, resolveRef } from './source-git.ts';
import { declaredRevision, type SourceInputs, sourceIdentity } from './source-graph.ts';

/** What fetching needs besides its inputs; absent while only planning. */
export interface SourceRuntime {
  readonly sources: readonly SourceRepository[];
  readonly cache: LayerCache;
}

/** Outputs of a source. */
export interface SourceOutputs extends JsonObject {
  readonly key: string;
  /** Id of its content in the cache, as layers have it. */
  readonly layers: readonly string[];
  readonly size: number;
  /** See SourceInputs. */
  readonly revision: string;
  /** See KnownSource. */
  readonly identity: string;
}

/** What fetchers are given. */
export interface Fetch {
  readonly source: SourceRepository;
  /** Revision that it has to be, if one is known. */
  readonly revision: string | undefined;
  /** Empty directory for the content. */
  readonly tree: string;
  /** Empty directory for files of the fetch. */
  readonly scratch: string;
  readonly context: ActionContext;
}

/** The kind `source`: a repository, archive or file that elements ask for. It is kept in the cache of layers, as a tree of its own. */
export function sourceKind(runtime?: SourceRuntime): Kind {
  return {
    kind: 'source',
    cached: true,
    interruptible: true,
    pool: 'net',
    requires: (inputs) => requirements(inputs as unknown as SourceInputs),
    commands: (inputs) => plannedCommands(inputs as unknown as SourceInputs),
    probe: (recorded, paths) => {
      const [id] = (recorded.outputs as Partial<SourceOutputs>).layers ?? [];
      const present = id !== undefined && readLayer(paths.cache, id) !== undefined;
      return Promise.resolve({ state: present ? 'present' : 'absent' });
    },
    create: (inputs, context) => {
      if (runtime === undefined) throw new Error('a source cannot be fetched without a runtime');
      return createSource(inputs as unknown as SourceInputs, context, runtime);
    },
    // The cache outlives images: what it keeps is its own business.
    destroy: () => Promise.resolve(),
  };
}

function requirements({ type, location }: SourceInputs): Requirement[] {
  const tool = (name: string, why: string): Requirement => ({ need: 'tool', name, package: name, why });
  if (type === 'git') return [tool('git', 'fetches source repositories')];
  return [
    ...(location.startsWith('/') ? [] : [tool('curl', 'downloads sources')]),
    ...(type === 'tar' ? [tool('tar', 'unpacks sources')] : []),
  ];
}

function plannedCommands(inputs: SourceInputs): readonly Command[] {
  return inputs.type === 'git' ? gitCommands(inputs) : downloadCommands(inputs);
}

async function createSource(inputs: SourceInputs, context: ActionContext, runtime: SourceRuntime): Promise<SourceOutputs> {
  const { cache } = runtime;
  const source = runtime.sources.find(({ name }) => context.address === `source.${name}`);
  if (source === undefined) throw new Error(`the elements have no ${context.address}`);
  const identity = sourceIdentity(source);
  const started = new Date().toISOString();
  // Another build may fetch the same: wait for it, and take what it got.
  const release = await cache.claim(identity);
  await mkdir(context.paths.scratch, { recursive: true });
  const scratch = await mkdtemp(join(context.paths.scratch, 'source-'));
  try {
    const known = inputs.revision === UNKNOWN ? undefined : inputs.revision;
    const revision =
      known ?? (source.type === 'git' ? await told(source, () => resolveRef(source, scratch, context)) : undefined);
    const recent = cache.list().find((layer) => layer.base === identity && layer.created >= started);
    // What was asked for anew is not taken from the cache, save what another build fetched since.
    const made = revision === undefined || context.renew === true ? recent : cache.find(keyOf(inputs, revision));
    if (made !== undefined) {
      context.log(`already in the cache: ${made.id}\n`);
      await cache.pin(made.layers);
      return outputsOf(made, identity);
    }
    const building = await cache.begin();
    try {
      return outputsOf(await fetchInto(building, source, { inputs, revision, scratch, context, cache }), identity);
    } finally {
      await cache.discard(building);
    }
  } finally {
    await rm(scratch, { recursive: true, force: true });
    await release();
  }
}

interface Work {
  readonly inputs: SourceInputs;
  readonly revision: string | undefined;
  readonly scratch: string;
  readonly context: ActionContext;
  readonly cache: LayerCache;
}

async function fetchInto(building: Building, source: SourceRepository, work: Work): Promise<CachedLayer> {
  const { inputs, scratch, context, cache } = work;
  const fetch: Fetch = { source, revision: work.revision, tree: building.tree, scratch, context };
  const revision = await told(source, () => (source.type === 'git' ? fetchRepository(fetch) : fetchArchive(fetch)));
  if (work.revision !== undefined && revision !== work.revision) changed(source, work.revision, revision);
  const layer = {
    key: keyOf(inputs, revision),
    keyDocument: documentOf(inputs, revision),
    description: `${source.type} ${inputs.location} ${revision.slice(0, 12)}`,
    base: sourceIdentity(source),
    revision,
    form: 'copy' as const,
    below: [],
  };
  return await cache.commit(building, layer, context.renew);
}

/** The same document that the planner makes once the revision is known. */
function documentOf(inputs: SourceInputs, revision: string): KeyDocument {
  return { kind: 'source', inputs: { ...inputs, revision }, dependencies: {} };
}

function keyOf(inputs: SourceInputs, revision: string): string {
  return jsonDigest(documentOf(inputs, revision));
}

function outputsOf({ key, layers, size, revision }: CachedLayer, identity: string): SourceOutputs {
  return { key, layers, size, revision: revision ?? '', identity };
}

/** Only downloads can differ from what they have to be: a commit is what its name says. */
function changed(source: SourceRepository, expected: string, actual: string): never {
  const declared = declaredRevision(source) !== undefined;
  return fail({
    code: declared ? 'DIB_SOURCE_CHECKSUM' : 'DIB_SOURCE_CHANGED',
    summary: declared
      ? `The source ${quoted(source.name)} has another content than its checksum says`
      : `The source ${quoted(source.name)} has another content than when it was first fetched`,
    detail: `SHA-256: ${actual}; expected: ${expected}.`,
    help: declared
      ? `Correct ${quoted(`DIB_REPOSHA256_${source.name.replace(/[^A-Za-z0-9]/g, '_')}`)} if what is there now is right.`
      : 'Run `dib apply --upgrade` to take what is there now.',
    ...placeOf(source),
  });
}

/** Failures of programs, told as failures of the source. */
async function told<T>(source: SourceRepository, body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (error) {
    const cause = error instanceof DibError ? error.diagnostics[0] : undefined;
    if (cause?.code !== 'DIB_EXEC_FAILED') throw error;
    throw new DibError({
      code: 'DIB_SOURCE_FETCH',
      severity: 'error',
      address: cause.address,
      summary: `The source ${quoted(source.name)} could not be fetched: ${cause.summary}`,
      detail: cause.detail,
      help: `See whether its location can be reached from here, or set ${quoted(`DIB_REPOLOCATION_${source.name.replace(/[^A-Za-z0-9]/g, '_')}`)} to another one.`,
      ...placeOf(source),
    });
  }
}
