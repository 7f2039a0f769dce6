import {
  type DeviceContents,
  type DeviceFacts,
  type DeviceIdentity,
  type FoundSignature,
  isSameDevice,
} from '../blockdev/device-facts.ts';
import { withDependencies } from '../graph/dag.ts';
import { digestOfUse } from '../host/device-contents.ts';
import { identityOf, type TakeoverMarker } from '../kinds/disk.ts';
import type { RecordedResource } from '../kinds/kind.ts';
import type { Json } from '../util/json.ts';

/**
 * Whether all that a disk holds was written there by dib on this state. Only then may it be overwritten without asking.
 * - It must be the disk that the state knows, and what it held before must have been cleared to the end.
 * - After a complete run, it must not have been used since: its superblocks are as they were then. What cannot tell (LUKS, LVM, RAID) counts as used.
 * - After an interrupted run, whatever is recognised on it must bear an identifier that this state gave it.
 */
export async function isOurs(facts: DeviceFacts, address: string, recorded: readonly RecordedResource[]): Promise<boolean> {
  const record = recorded.find((resource) => resource.address === address);
  const before = record && ownedBefore(record);
  if (record === undefined || before === undefined || !facts.contents.known || !isSameDevice(before, facts.identity))
    return false;
  if (record.status !== 'created' || record.stamp === undefined)
    return isMarked(facts.contents, identifiersOn(address, recorded));
  const used = await digestOfUse(facts.node, facts.identity.size, facts.contents);
  return used !== undefined && used === record.stamp['used'];
}

/** The disk that was cleared, or that had nothing foreign on it when clearing began. One that was imported was never cleared. */
function ownedBefore({ status, outputs, marker }: RecordedResource): DeviceIdentity | undefined {
  if (marker === undefined) return undefined;
  if (status === 'created') return identityOf(outputs);
  return marker['owned'] === true ? (marker as TakeoverMarker) : undefined;
}

/** Everything that is recognised has an identifier, and it is one of ours. */
function isMarked(contents: DeviceContents & { known: true }, ids: ReadonlySet<string>): boolean {
  const found = [...contents.signatures, ...contents.partitions.flatMap(({ signature }) => signature ?? [])];
  return found.every(({ id }: FoundSignature) => id !== undefined && ids.has(plain(id)));
}

/** UUIDs and the like in the inputs of all that stands on a disk. */
function identifiersOn(address: string, recorded: readonly RecordedResource[]): ReadonlySet<string> {
  const standing = recorded.filter((resource) => withDependencies([resource.address], recorded).has(address));
  return new Set(standing.flatMap(({ inputs }) => identifiersIn(inputs)).map(plain));
}

const NAMES: ReadonlySet<string> = new Set(['uuid', 'id', 'diskId']);

function identifiersIn(value: Json | undefined): string[] {
  if (value === null || typeof value !== 'object') return [];
  return Object.entries(value).flatMap(([name, member]) =>
    NAMES.has(name) && typeof member === 'string' ? [member] : identifiersIn(member as Json | undefined),
  );
}

/** LVM and mdadm write the same identifiers with other separators. */
function plain(id: string): string {
  return id.toLowerCase().replaceAll(/[-:]/g, '');
}
