import { fail } from '../diagnostics/errors.ts';
import { quoted } from '../diagnostics/printable.ts';
import { didYouMean, listOf } from '../diagnostics/suggest.ts';
import type { Kind, Outputs, Paths, RecordedResource } from '../kinds/kind.ts';
import type { Intent } from '../state/transitions.ts';
import { resourceKey } from './keys.ts';
import type { Plan, ResourceChange } from './plan.ts';

/** What the state records of an object that was there already. */
export interface AdoptedRecord {
  readonly intent: Intent;
  readonly outputs: Outputs;
}

/**
 * Finds out what to record so that `address` of a planned image stands for the existing object `id`, an absolute path. Reads only. Throws DIB_IMPORT_*
 * when the image has no such resource, the state has it already, or the object cannot be it.
 */
export async function adopt(
  request: {
    readonly plan: Plan;
    readonly recorded: readonly RecordedResource[];
    readonly kinds: ReadonlyMap<string, Kind>;
    readonly paths: Paths;
  },
  address: string,
  id: string,
): Promise<AdoptedRecord> {
  const { plan, kinds, paths } = request;
  const change = plan.resource_changes.find((each) => each.address === address && each.change.after !== null);
  if (request.recorded.some((resource) => resource.address === address)) failRecorded(address);
  const importable = plan.resource_changes.filter(
    ({ kind, change: { after } }) => after !== null && kinds.get(kind)?.adopt !== undefined,
  );
  if (change === undefined) return failUndeclared(address, plan, importable);
  const kind = kinds.get(change.kind);
  if (kind?.adopt === undefined) return failKind(address, importable);
  const { inputs, outputs } = await kind.adopt(change.change.after ?? {}, id, paths);
  const { name, depends_on: dependsOn } = change;
  const keys = new Map(plan.resource_changes.map((each) => [each.address, each.key]));
  const key = resourceKey({ address, kind: change.kind, name, inputs, dependsOn, description: '' }, (other) => keys.get(other));
  const keyDocument = key?.document ?? { kind: change.kind, inputs, dependencies: {} };
  return { intent: { address, kind: change.kind, name, inputs, key: key?.key ?? '', keyDocument, dependsOn }, outputs };
}

function failRecorded(address: string): never {
  fail({
    code: 'DIB_IMPORT_RECORDED',
    summary: `The state has ${quoted(address, 200)} already`,
    detail: 'One address stands for one object.',
    help: `See ${quoted(`dib state show ${address}`, 200)}; ${quoted(`dib state rm ${address}`, 200)} forgets it.`,
    address,
  });
}

function failUndeclared(address: string, plan: Plan, importable: readonly ResourceChange[]): never {
  const near = didYouMean(
    address,
    plan.resource_changes.map((change) => change.address),
  );
  fail({
    code: 'DIB_IMPORT_UNDECLARED',
    summary: `The image has no resource ${quoted(address, 200)}`,
    detail: 'Only what the configuration declares can be imported: the next apply would destroy anything else.',
    help: near === undefined ? canBeImported(importable) : `Did you mean ${quoted(near, 200)}?`,
  });
}

function failKind(address: string, importable: readonly ResourceChange[]): never {
  fail({
    code: 'DIB_IMPORT_KIND',
    summary: `${quoted(address, 200)} cannot be imported`,
    detail: 'What lies inside of a disk is made together with it; only whole files and disks of this machine can be adopted.',
    help: canBeImported(importable),
    address,
  });
}

function canBeImported(importable: readonly ResourceChange[]): string {
  if (importable.length === 0) return 'This image has nothing that can be imported.';
  return `Of this image, these can be imported: ${listOf(importable.map((change) => change.address))}.`;
}
