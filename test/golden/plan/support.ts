import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readImage } from '../../../src/cli/session.ts';
import { hostFiles } from '../../../src/host/files.ts';
import type { Kind, Presence, RecordedResource } from '../../../src/kinds/kind.ts';
import { kindRegistry } from '../../../src/kinds/registry.ts';
import { expand } from '../../../src/plan/expand.ts';
import type { KernelNeed } from '../../../src/plan/kernels.ts';
import { makePlan, type Past, type PlanOptions } from '../../../src/plan/make-plan.ts';
import type { Facts, Plan } from '../../../src/plan/plan.ts';
import type { ReadImage } from '../../../src/plan/prepare.ts';
import { chooseRealisations } from '../../../src/plan/worker-choice.ts';
import { layerId } from '../../../src/rootfs/cache-layout.ts';

export const TOP = join(import.meta.dirname, '../../..');

/** What a first build found: with it all keys are known. */
export const FACTS: Facts = { mirrorDigest: 'a'.repeat(64), epoch: 1_700_000_000 };

export const NO_PAST: Past = { lineage: '', serial: 0, facts: {}, resources: [] };

export interface Setting {
  /** An empty directory of this test. */
  readonly directory: string;
  readonly past?: Past | undefined;
  readonly options?: Partial<PlanOptions> | undefined;
  readonly isRoot?: boolean | undefined;
  /** What the host shows of recorded resources; default: all is as it was. */
  readonly presence?: Readonly<Record<string, Presence>> | undefined;
  /** Where sysfs and proc of the host lie; default: this machine's. */
  readonly host?: string | undefined;
}

/** An image of test/golden/plan/images, or the path of one below the top directory. */
export async function readGolden(name: string): Promise<ReadImage> {
  const file = name.includes('/') ? join(TOP, name) : join(import.meta.dirname, 'images', `${name}.yaml`);
  return (await readImage(file)).read;
}

/** The plan of an image on a host where all that the past knows is still there. */
/** A machine with loop devices and file systems, without device-mapper and arrays, and with user-mode Linux. */
const KERNELS = {
  host: { has: (need: KernelNeed) => need.need !== 'kernel' },
  machines: [
    {
      name: 'uml' as const,
      title: 'user-mode Linux',
      kernel: { has: () => true },
      capability: { ok: true, reason: 'installed' },
    },
  ],
};

export async function planOf(read: ReadImage, setting: Setting): Promise<Plan> {
  const { directory, past = NO_PAST, options, isRoot = true } = setting;
  const made = await makePlan({
    read,
    past,
    paths: {
      image: read.image.directory,
      state: join(directory, '.dib'),
      work: join(directory, '.dib/work'),
      cache: join(directory, 'cache'),
      scratch: join(directory, 'cache/scratch'),
    },
    kinds: probedKinds(setting.presence),
    options: { replace: [], target: [], upgrade: false, ...options },
    dibVersion: '0.0.0',
    isRoot,
    kernels: async () => KERNELS,
    ...(setting.host !== undefined && { host: hostFiles(setting.host) }),
  });
  return made.plan;
}

/** The kinds, with what their probes find. */
export function probedKinds(presence: Setting['presence'] = {}): Map<string, Kind> {
  const probe = async ({ address }: RecordedResource) => presence[address] ?? { state: 'present' as const };
  return new Map([...kindRegistry()].map(([name, kind]) => [name, { ...kind, probe }]));
}

/** What the state would hold after this image was built, except where `change` says otherwise. */
export function pastOf(
  { image }: ReadImage,
  facts: Facts = FACTS,
  change: (resource: RecordedResource) => RecordedResource | undefined = (resource) => resource,
): Past {
  const realisation = Object.entries(chooseRealisations(image.devices, undefined)).map(([disk, { name }]) => [disk, name]);
  const { resources, keys } = expand(image, { facts, realisation: Object.fromEntries(realisation) });
  const recorded = resources.map(({ address, kind, name, inputs, dependsOn }): RecordedResource => {
    const found = keys.get(address);
    if (found === undefined) throw new Error(`${address} has no key`);
    const { key, document } = found;
    return { address, kind, name, status: 'created', inputs, outputs: {}, key, keyDocument: document, dependsOn };
  });
  return {
    lineage: '7d7c4b0f-4f0e-4bb6-8f0c-0a2f6f2f5d11',
    serial: 23,
    facts,
    resources: recorded.flatMap((resource) => change(resource) ?? []),
  };
}

/** Puts the records of layers into the cache, as if they had been built there; `usage` belongs to the last. */
export function cacheLayers(directory: string, past: Past, usage?: object): void {
  const layers = past.resources.filter((resource) => resource.kind === 'layer');
  const ids = layers.map(({ key }) => layerId(key));
  for (const [index, { key, address }] of layers.entries()) {
    const place = join(directory, 'cache/layers', layerId(key));
    mkdirSync(place, { recursive: true });
    const last = index === layers.length - 1;
    const meta = { key, description: address, form: 'overlay', layers: ids.slice(0, index + 1), size: 0, inodes: 0, created: '' };
    writeFileSync(join(place, 'meta.json'), JSON.stringify(last && usage !== undefined ? { ...meta, usage } : meta));
    writeFileSync(join(place, 'used'), '');
  }
}
