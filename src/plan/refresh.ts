import type { HostFiles } from '../host/files.ts';
import { type StandingThing, standingOn } from '../host/standing.ts';
import type { Found, Kind, Paths, Presence, RecordedResource } from '../kinds/kind.ts';
import type { JsonObject } from '../util/json.ts';
import { brokenAttachments } from './attachment-drift.ts';
import { describeRecorded } from './describe-recorded.ts';
import { destructionOrder } from './diff.ts';
import { kernelPath, ownFiles } from './own-files.ts';
import type { ActionReason, Actions, ResourceChange, TeardownStep } from './plan.ts';
import { foreignHolders, isOurs, knowledgeOf, teardownSteps } from './teardown.ts';

/** What the host shows of all that the state has. */
export interface Refreshed {
  readonly presence: ReadonlyMap<string, Presence>;
  /** What changed outside of dib, in dependency order. */
  readonly drift: readonly ResourceChange[];
  /** What keeps the image's files in use, deepest first. */
  readonly teardown: readonly TeardownStep[];
  /** What keeps them in use and is not ours to stop: sentences. */
  readonly foreign: readonly string[];
}

/** Believes the state: everything is as it was recorded. */
export const NOT_REFRESHED: Refreshed = { presence: new Map(), drift: [], teardown: [], foreign: [] };

export interface RefreshRequest {
  readonly resources: readonly RecordedResource[];
  readonly kinds: ReadonlyMap<string, Kind>;
  readonly paths: Paths;
  readonly host: HostFiles;
}

/** Looks at everything that is recorded: files and their bytes, loop devices, mappings, arrays, mounts. Reads only; needs no root and no tools. */
export async function refresh(request: RefreshRequest): Promise<Refreshed> {
  const { resources, host } = request;
  const bootId = (await host.read('/proc/sys/kernel/random/boot_id')) ?? '';
  const [presence, broken, things] = await Promise.all([
    probeAll(request, bootId),
    brokenAttachments(resources, bootId, host),
    whatStands(request),
  ]);
  const knows = knowledgeOf(resources, bootId, things);
  const held = await heldDisks(
    resources,
    things.filter((thing) => !knows(thing)),
  );
  // What the cache lost is made again when something needs it: that is no drift.
  const drift = destructionOrder(resources)
    .reverse()
    .filter(({ kind }) => request.kinds.get(kind)?.cached !== true)
    .flatMap((recorded) => {
      const { address } = recorded;
      return (
        driftOf(recorded, { presence: presence.get(address), broken: broken.get(address), held: held.get(address) ?? [] }) ?? []
      );
    });
  return { presence, drift, teardown: teardownSteps(things, knows), foreign: foreignHolders(things) };
}

/** The same, but only what keeps the image's files in use, recorded or not. */
export async function findHolders(request: Omit<RefreshRequest, 'kinds'>): Promise<Pick<Refreshed, 'teardown' | 'foreign'>> {
  const { resources, paths, host } = request;
  const bootId = (await host.read('/proc/sys/kernel/random/boot_id')) ?? '';
  const things = await standingOn(await ownFiles(resources, paths), host);
  return { teardown: teardownSteps(things, knowledgeOf(resources, bootId, things)), foreign: foreignHolders(things) };
}

async function probeAll({ resources, kinds, paths }: RefreshRequest, bootId: string): Promise<Map<string, Presence>> {
  const byAddress = new Map(resources.map((resource) => [resource.address, resource]));
  const probe = async (resource: RecordedResource): Promise<Presence | undefined> => {
    const kind = kinds.get(resource.kind);
    const isLost = resource.attachment !== undefined && resource.attachment.bootId !== bootId;
    if (isLost && kind?.probeLost !== undefined) return await kind.probeLost(resource);
    return await kind?.probe(resource, paths, (address) => byAddress.get(address));
  };
  const probes = resources
    .filter((resource) => resource.status === 'created')
    .map(async (resource): Promise<[string, Presence] | undefined> => {
      const presence = await probe(resource).catch(believe);
      return presence === undefined ? undefined : [resource.address, presence];
    });
  return new Map((await Promise.all(probes)).filter((probe) => probe !== undefined));
}

/** What this user may not read, such as a disk of the machine, is taken for what was recorded. */
function believe(error: unknown): Presence {
  const { code } = error as NodeJS.ErrnoException;
  if (code !== 'EACCES' && code !== 'EPERM') throw error;
  return { state: 'present' };
}

/** Without a recorded disk there is nothing that could be in use. */
async function whatStands({ resources, paths, host }: RefreshRequest): Promise<readonly StandingThing[]> {
  if (!resources.some(isDisk)) return [];
  return await standingOn(await ownFiles(resources, paths), host);
}

function isDisk({ kind }: RecordedResource): boolean {
  return kind === 'local_loop';
}

/** What others do with each disk, by address. What has only its place in the work directory is told with the first disk. */
async function heldDisks(
  resources: readonly RecordedResource[],
  things: readonly StandingThing[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const disks = await Promise.all(
    resources.filter(isDisk).map(async ({ address, outputs }) => ({ address, file: await kernelPath(String(outputs['file'])) })),
  );
  const held = new Map<string, string[]>();
  for (const thing of things) {
    const address = (disks.find(({ file }) => thing.files.includes(file)) ?? disks[0])?.address ?? '';
    const text = `${useText(thing)}${isOurs(thing) ? '' : ' (not ours)'}`;
    held.set(address, [...(held.get(address) ?? []), text]);
  }
  return held;
}

function useText({ what, name, detail }: StandingThing): string {
  if (what === 'mount') return `mount ${name}, ${detail}`;
  return what === 'loop' ? `loop device ${name}, ${detail}` : `${detail} ${name}`;
}

interface Signs {
  readonly presence: Presence | undefined;
  readonly broken: string | undefined;
  readonly held: readonly string[];
}

/** What changed of one resource; undefined when nothing did. */
function driftOf(recorded: RecordedResource, { presence, broken, held }: Signs): ResourceChange | undefined {
  if (presence?.state === 'absent') {
    return entry(recorded, ['delete'], 'drift_because_missing', clause('has been deleted', presence.reason), null);
  }
  if (presence?.state === 'drifted' && presence.found === undefined) {
    return entry(recorded, ['delete'], 'drift_because_missing', clause('is not there any more', presence.reason), null);
  }
  const changed = presence?.state === 'drifted' ? presence : undefined;
  if (changed === undefined && broken === undefined && held.length === 0) return undefined;
  const after = afterwards(recorded, changed?.found, broken !== undefined, held);
  if (changed !== undefined)
    return entry(recorded, ['update'], 'drift_because_changed', clause('has changed', changed.reason), after);
  if (broken !== undefined)
    return entry(recorded, ['update'], 'drift_because_detached', clause('is not attached any more', broken), after);
  return entry(
    recorded,
    ['update'],
    'drift_because_held',
    `is used by others: ${held[0]}${held.length > 1 ? ` and ${held.length - 1} more` : ''}`,
    after,
  );
}

function clause(what: string, why: string | undefined): string {
  return why === undefined ? what : `${what}: ${why}`;
}

/** What the state has of a resource that may change outside of dib. */
function snapshot({ outputs, stamp, attachment }: RecordedResource): JsonObject {
  return {
    outputs,
    ...(stamp === undefined ? {} : { stamp }),
    ...(attachment === undefined ? {} : { attachment: attachment.outputs }),
  };
}

function afterwards(
  recorded: RecordedResource,
  found: Found | undefined,
  detached: boolean,
  held: readonly string[],
): JsonObject {
  const { attachment, ...rest } = snapshot(recorded);
  return {
    ...rest,
    outputs: { ...recorded.outputs, ...found?.outputs },
    ...(found?.stamp === undefined ? {} : { stamp: found.stamp }),
    ...(attachment === undefined || detached ? {} : { attachment }),
    ...(held.length === 0 ? {} : { used_by: [...held] }),
  };
}

function entry(
  recorded: RecordedResource,
  actions: Actions,
  action_reason: ActionReason,
  reason: string,
  after: JsonObject | null,
): ResourceChange {
  return {
    address: recorded.address,
    kind: recorded.kind,
    name: recorded.name,
    description: describeRecorded(recorded),
    change: { actions, before: snapshot(recorded), after },
    action_reason,
    reason,
    depends_on: recorded.dependsOn,
    commands: [],
    requires: [],
  };
}
