import type { DeviceFacts, DeviceIdentity, DeviceSighting } from '../blockdev/device-facts.ts';
import { describeContents, describeIdentity, overlap } from '../blockdev/device-facts.ts';
import { type DiskProblem, refuseContents, refuseDevice } from '../blockdev/device-refusals.ts';
import type { BlockDevices, ExistingDisk } from '../blockdev/devices.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { quotedPath } from '../diagnostics/printable.ts';
import { withDependencies } from '../graph/dag.ts';
import type { OwnLoop } from '../host/device-uses.ts';
import { type SightOptions, seeDevice } from '../host/existing-device.ts';
import type { RecordedResource } from '../kinds/kind.ts';
import { rebuilds } from './diff.ts';
import type { Places } from './expand.ts';
import { isOurs } from './own-contents.ts';
import type { ExistingDiskNote, Facts, PlannedDisk, ResourceChange } from './plan.ts';

/** A disk of this machine that an image is written to, as it is now. */
export interface SeenDisk {
  readonly disk: ExistingDisk;
  /** `disk.NAME`. */
  readonly address: string;
  readonly sighting: DeviceSighting;
  /** What it holds was written by an earlier run on this state, and nobody used it since. */
  readonly ours: boolean;
}

/** What the plan does to such a disk. `lost`: what it holds goes, which the user has to agree to by its name. */
export type Fate = 'untouched' | 'refused' | 'written' | 'lost';

export interface JudgedDisk extends SeenDisk {
  readonly fate: Fate;
}

export interface Judgement {
  readonly disks: readonly JudgedDisk[];
  readonly diagnostics: readonly Diagnostic[];
  /** For the end of the plan. */
  readonly warnings: readonly string[];
}

/** Looks at every existing disk that is declared. Reads only. */
export async function seeDisks(
  devices: BlockDevices,
  recorded: readonly RecordedResource[],
  see: (path: string, options: SightOptions) => Promise<DeviceSighting> = seeDevice,
): Promise<readonly SeenDisk[]> {
  const seen: SeenDisk[] = [];
  // One after the other: two looks at one disk would get into each other's way.
  for (const disk of devices.disks) {
    if (disk.plugin !== 'disk') continue;
    const address = `disk.${disk.name}`;
    const sighting = await see(disk.path, { own: ownLoops(address, recorded) });
    const ours = sighting.state === 'found' && (await isOurs(sighting.facts, address, recorded));
    seen.push({ disk, address, sighting, ours });
  }
  return seen;
}

/** What an earlier run attached of a disk and did not detach: it is detached before anything is written. */
function ownLoops(address: string, recorded: readonly RecordedResource[]): OwnLoop[] {
  const standing = recorded.filter((resource) => withDependencies([resource.address], recorded).has(address));
  return standing.flatMap(({ attachment }) =>
    [attachment?.outputs, attachment?.marker].flatMap((found): OwnLoop[] => {
      const { offset, length } = found ?? {};
      return typeof offset === 'number' && typeof length === 'number' ? [{ offset, length }] : [];
    }),
  );
}

/** Who the disks are, by name; of one that is not here, what an earlier run found at the same path. Nothing when there are none. */
export function deviceFacts(seen: readonly SeenDisk[], { devices: before = {} }: Facts): Pick<Facts, 'devices'> {
  if (seen.length === 0) return { devices: undefined };
  const devices = Object.fromEntries(
    seen.flatMap(({ disk, sighting }): [string, DeviceIdentity][] => {
      if (sighting.state === 'found' && sighting.facts.identity.size > 0) return [[disk.name, sighting.facts.identity]];
      const known = before[disk.name];
      return known === undefined || known.path !== disk.path ? [] : [[disk.name, known]];
    }),
  );
  return { devices };
}

/** Addresses of the disks that a plan writes to: it makes them, or something that stands on them. */
export function writtenDisks(changes: readonly ResourceChange[]): ReadonlySet<string> {
  const nodes = changes.map((change) => ({ address: change.address, dependsOn: change.depends_on }));
  const made = changes.filter(({ change }) => rebuilds(change.actions)).map(({ address }) => address);
  const below = withDependencies(made, nodes);
  return new Set(changes.filter(({ address, kind }) => kind === 'disk' && below.has(address)).map(({ address }) => address));
}

export interface JudgeOptions {
  /** Addresses of the disks that are going to be written to. */
  readonly written: ReadonlySet<string>;
  /** It is now or never: a disk that is not here, or cannot be looked into, is an error. A plan may be for another machine. */
  readonly applying: boolean;
  readonly places?: Places | undefined;
}

/** Decides what may happen to each disk. */
export function judgeDisks(seen: readonly SeenDisk[], { written, applying, places }: JudgeOptions): Judgement {
  const diagnostics: Diagnostic[] = [];
  const warnings: string[] = [];
  const tell = (severity: Diagnostic['severity'], { disk, address }: SeenDisk, problem: DiskProblem): void => {
    const range = places?.locateDevice(`${disk.pointer}/path`);
    diagnostics.push({ severity, ...problem, address, ...(range && { range }) });
  };
  const disks = seen.map((each): JudgedDisk => {
    if (!written.has(each.address)) return { ...each, fate: 'untouched' };
    const { problem, fate } = judge(each, applying);
    if (problem?.code === 'DIB_DISK_ABSENT' && !applying)
      warnings.push(`${problem.summary}. What depends on it is known after apply.`);
    else if (problem !== undefined) tell('error', each, problem);
    else if (each.sighting.state === 'found') {
      warnings.push(...warningsOf(each, each.sighting.facts, fate));
      const twin = seen.find((other) => other !== each && seen.indexOf(other) < seen.indexOf(each) && isSame(other, each));
      if (twin !== undefined) tell('error', each, twice(twin, each));
      if (isPart(each.sighting.facts)) tell('warning', each, part(each.disk.path, each.sighting.facts));
    }
    return { ...each, fate };
  });
  return { disks, diagnostics, warnings };
}

function judge(
  { disk, sighting, ours }: SeenDisk,
  applying: boolean,
): { readonly problem?: DiskProblem | undefined; readonly fate: Fate } {
  const problem = refuseDevice(disk.path, sighting);
  if (problem !== undefined || sighting.state !== 'found') return { problem, fate: 'refused' };
  const { facts } = sighting;
  if (ours || (facts.contents.known && facts.contents.blank)) return { fate: 'written' };
  const mayBeBlank = !applying && !facts.contents.known && facts.contents.partitions === 0;
  if (disk.wipe) return { fate: 'lost' };
  // Who may not read it cannot write to it either: whoever applies the plan will see.
  return mayBeBlank ? { fate: 'written' } : { problem: refuseContents(disk.path, facts), fate: 'refused' };
}

function warningsOf({ disk, address }: SeenDisk, facts: DeviceFacts, fate: Fate): string[] {
  const holds = describeContents(facts.contents);
  const who = `${disk.path} (${describeIdentity(facts.identity)})`;
  if (fate === 'lost') return [`Everything on ${who} will be lost: ${holds}.`];
  return facts.contents.known ? [] : [`${address}: ${holds}. It is looked at again before anything is written to ${who}.`];
}

function isSame(a: SeenDisk, b: SeenDisk): boolean {
  return a.sighting.state === 'found' && b.sighting.state === 'found' && overlap(a.sighting.facts, b.sighting.facts);
}

function twice(first: SeenDisk, second: SeenDisk): DiskProblem {
  return {
    code: 'DIB_DISK_TWICE',
    summary: `${quotedPath(second.disk.path)} and ${quotedPath(first.disk.path)} are on one and the same disk`,
    detail: 'What is written to one would be overwritten by the other.',
    help: 'Declare each disk once, as a whole.',
  };
}

function isPart({ type }: DeviceFacts): boolean {
  return type === 'partition' || type === 'mapping';
}

function part(path: string, { type }: DeviceFacts): DiskProblem {
  const what = type === 'partition' ? 'a partition' : 'a volume of the device mapper';
  return {
    code: 'DIB_DISK_PART',
    summary: `${quotedPath(path)} is ${what}, not a whole disk`,
    detail: 'It is written to as if it were a disk of its own. A machine does not start from a partition table inside of it.',
    help: 'Give the path of the whole disk, if that was meant.',
  };
}

/** The disks of a plan, with what was seen of those that are there already. */
export function withNotes(planned: readonly PlannedDisk[], disks: readonly JudgedDisk[]): readonly PlannedDisk[] {
  return planned.map((disk) => {
    const judged = disks.find(({ address }) => address === disk.address);
    return judged === undefined ? disk : { ...disk, device: noteOf(judged) };
  });
}

function noteOf({ disk, sighting, ours, fate }: JudgedDisk): ExistingDiskNote {
  const { path } = disk;
  if (sighting.state !== 'found') return { path, present: false };
  const { identity, node, contents } = sighting.facts;
  const { model, serial, wwid } = identity;
  return {
    path,
    present: true,
    node,
    ...(model !== undefined && { model }),
    ...(serial !== undefined && { serial }),
    ...(wwid !== undefined && { wwid }),
    holds: describeContents(contents),
    ours,
    lost: fate === 'lost',
  };
}
