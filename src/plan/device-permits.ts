import { describeContents, describeIdentity } from '../blockdev/device-facts.ts';
import { refuseOther } from '../blockdev/device-refusals.ts';
import type { BlockDevices } from '../blockdev/devices.ts';
import { hasErrors } from '../diagnostics/diagnostic.ts';
import { DibError } from '../diagnostics/errors.ts';
import type { DevicePermit } from '../kinds/device-guard.ts';
import type { RecordedResource } from '../kinds/kind.ts';
import { type JudgedDisk, judgeDisks, type SeenDisk, seeDisks, writtenDisks } from './existing-disks.ts';
import type { Places } from './expand.ts';
import type { Plan } from './plan.ts';

/** A disk that loses what it holds, for the question whether it may. */
export interface DiskToWipe {
  readonly address: string;
  /** As declared. */
  readonly path: string;
  /** Where it leads now: /dev/sdb. */
  readonly node: string;
  /** Who it is, what it holds: a clause each. */
  readonly who: string;
  readonly holds: string;
}

/** What a plan is about to do to disks of this machine, looked at right before. */
export interface DiskCheck {
  /** All that are written to. Those of `toWipe` are not to be used before the user agreed. */
  readonly permits: readonly DevicePermit[];
  readonly toWipe: readonly DiskToWipe[];
  /** All that are declared and here. */
  readonly declared: readonly Pick<DiskToWipe, 'path' | 'node'>[];
}

/**
 * Looks again at every disk that the plan writes to, however long ago it was made. Throws DibError (DIB_DISK_*) when one is not to be written to, is not
 * here, or is not the one that was planned for.
 */
export async function checkDisks(
  plan: Plan,
  devices: BlockDevices,
  recorded: readonly RecordedResource[],
  places?: Places,
): Promise<DiskCheck> {
  const seen = await seeDisks(devices, recorded);
  const written = writtenDisks(plan.resource_changes);
  const { disks, diagnostics } = judgeDisks(seen, { written, applying: true, places });
  const problems = [...diagnostics, ...disks.flatMap((disk) => replaced(disk, plan))];
  if (hasErrors(problems)) throw new DibError(problems.filter(({ severity }) => severity === 'error'));
  return {
    permits: disks.flatMap(permitOf),
    toWipe: disks.flatMap((disk) => (disk.fate === 'lost' ? toWipe(disk) : [])),
    declared: seen.flatMap(({ disk, sighting }) =>
      sighting.state === 'found' ? [{ path: disk.path, node: sighting.facts.node }] : [],
    ),
  };
}

function replaced({ disk, address, sighting, fate }: JudgedDisk, plan: Plan) {
  const planned = plan.facts.devices?.[disk.name];
  if (fate === 'untouched' || planned === undefined || sighting.state !== 'found') return [];
  const problem = refuseOther(disk.path, planned, sighting.facts.identity);
  return problem === undefined ? [] : [{ severity: 'error' as const, ...problem, address }];
}

function permitOf({ address, sighting, fate }: JudgedDisk): DevicePermit[] {
  if (sighting.state !== 'found' || (fate !== 'written' && fate !== 'lost')) return [];
  const { identity, contents } = sighting.facts;
  return [{ address, identity, ...(contents.known && { contents: contents.digest }), wipe: fate === 'lost' }];
}

function toWipe({ disk, address, sighting }: SeenDisk): DiskToWipe[] {
  if (sighting.state !== 'found') return [];
  const { identity, node, contents } = sighting.facts;
  return [{ address, path: disk.path, node, who: describeIdentity(identity), holds: describeContents(contents) }];
}
