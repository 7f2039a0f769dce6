import { realpath, stat } from 'node:fs/promises';
import {
  type DeviceContents,
  type DeviceFacts,
  type DeviceIdentity,
  describeIdentity,
  isSameDevice,
} from '../blockdev/device-facts.ts';
import { MIB } from '../blockdev/sizes.ts';
import { fail } from '../diagnostics/errors.ts';
import { quotedPath } from '../diagnostics/printable.ts';
import { digestOfUse, readContents } from '../host/device-contents.ts';
import { identifyDevice } from '../host/existing-device.ts';
import { type DeviceGuard, rereadPartitions, type TakenDevice } from './device-guard.ts';
import { clearExtent } from './disk-file.ts';
import type { LoopAttachment } from './disk-inputs.ts';
import type { ExistingDiskInputs, ExistingDiskOutputs } from './existing-disk-inputs.ts';
import type { ActionContext, Adopted, Kind, Outputs, RecordedResource } from './kind.ts';
import { attachLoop, backs, detachLoops, loopIdentity, loopRequirements } from './loop.ts';

/** Who may write to disks of this machine. */
export interface DeviceAccess {
  readonly devices: DeviceGuard;
}

/**
 * A disk of this machine that is there already. It is written to as if it were a disk file, by root. Creating it clears it, so that nothing of what was
 * on it shows through; destroying it leaves it as it is.
 */
export function existingDisk(guard: DeviceGuard): Kind {
  const take = (recorded: RecordedResource, forWriting: boolean) => {
    const { path } = recorded.inputs as ExistingDiskInputs;
    return guard.take({ address: recorded.address, path, recorded: recordedIdentity(recorded), forWriting });
  };
  return {
    kind: 'disk',
    pool: 'io',
    // The record stays until the disk is taken over: it tells whether what is on it was made by dib.
    inPlace: true,
    requires: (inputs) => {
      const { path, realisation } = inputs as ExistingDiskInputs;
      const why = 'tells what is on a disk';
      return [
        { need: 'root', why: `${path} is a disk of this machine` },
        ...['wipefs', 'partx', 'blkid'].map((name) => ({ need: 'tool' as const, name, package: 'util-linux', why })),
        ...loopRequirements(realisation),
      ];
    },
    commands: (inputs) => [wipeCommand((inputs as ExistingDiskInputs).path)],
    probe: probeDisk,
    adopt: (inputs, id) => adoptDisk(inputs as ExistingDiskInputs, id),

    async create(inputs, context) {
      const { path } = inputs as ExistingDiskInputs;
      const taken = await guard.take({ address: context.address, path, forWriting: true });
      try {
        return await takeOver(path, taken, context);
      } finally {
        taken.release();
      }
    },

    destroy: async () => {},
    stamp: stampDisk,
    guard: async (recorded) => (await take(recorded, true)).release,

    /** A loop device on the whole of it, so that all that stands on it works as on a disk file. */
    async attach(recorded, context): Promise<LoopAttachment> {
      const taken = await take(recorded, false);
      try {
        const { file, sectorSize } = recorded.outputs as ExistingDiskOutputs;
        return await attachLoop(context, file, 0, 0, sectorSize);
      } finally {
        taken.release();
      }
    },

    async detach(recorded, context) {
      const identity = loopIdentity(recorded);
      if (identity === undefined) return;
      await detachLoops(context, (loop) => backs(loop, identity) && loop.offset === 0 && loop.sizeLimit === 0);
    },
  };
}

/** Who a disk is, from what creating it gave. */
export function identityOf(outputs: Outputs): DeviceIdentity {
  const { file, size, sectorSize, model, serial, wwid } = outputs as ExistingDiskOutputs;
  return { path: file, size, sectorSize, ...named({ model, serial, wwid }) };
}

function recordedIdentity({ outputs }: RecordedResource): DeviceIdentity | undefined {
  return outputs['file'] === undefined ? undefined : identityOf(outputs);
}

async function probeDisk(recorded: RecordedResource): ReturnType<Kind['probe']> {
  const before = recordedIdentity(recorded);
  const { path } = recorded.inputs as ExistingDiskInputs;
  const now = await identifyDevice(path);
  if (now === undefined) return { state: 'drifted', reason: `${path} is not on this machine` };
  if (before === undefined || isSameDevice(before, now)) return { state: 'present' };
  return { state: 'drifted', reason: `${path} is another disk: ${describeIdentity(now)} instead of ${describeIdentity(before)}` };
}

/** Only what it is becomes known by that: what it holds stays somebody else's until the user agrees to lose it. */
async function adoptDisk(inputs: ExistingDiskInputs, path: string): Promise<Adopted> {
  if (path !== inputs.path) {
    fail({
      code: 'DIB_IMPORT_PATH',
      summary: `The configuration names the disk ${quotedPath(inputs.path)}, not ${quotedPath(path)}`,
      help: `Give ${quotedPath(inputs.path)}, or change \`path\` of the disk.`,
    });
  }
  const identity = await identifyDevice(path);
  if (identity === undefined) {
    fail({
      code: 'DIB_IMPORT_NO_DISK',
      summary: `${quotedPath(path)} is no disk of this machine`,
      help: 'See `lsblk` for the disks, and `ls -l /dev/disk/by-id` for names that stay.',
    });
  }
  const { size, sectorSize, model, serial, wwid } = identity;
  const [{ dev, ino }, node] = await Promise.all([stat(path), realpath(path)]);
  return { inputs, outputs: { file: path, size, sectorSize, dev, ino, node, ...named({ model, serial, wwid }) } };
}

/** Equal as long as nobody mounted or wrote to what dib made; empty where that cannot be told. */
async function stampDisk(recorded: RecordedResource): Promise<{ used: string }> {
  const { node, size, sectorSize } = recorded.outputs as ExistingDiskOutputs;
  const used = await digestOfUse(node, size, await readContents(node, { size, sectorSize }, 0));
  return { used: used ?? '' };
}

/** What is recorded before anything is cleared. */
export interface TakeoverMarker extends DeviceIdentity {
  /** What it held was made by dib, or nothing: so is what an interrupted run leaves of it. */
  readonly owned: boolean;
}

async function takeOver(
  path: string,
  { facts, wipe: foreign }: TakenDevice,
  context: ActionContext,
): Promise<ExistingDiskOutputs> {
  const { node, identity, contents } = facts;
  const { size, sectorSize, model, serial, wwid } = identity;
  const marker: TakeoverMarker = { path, size, sectorSize, ...named({ model, serial, wwid }), owned: !foreign };
  await context.intend(marker);
  if (!contents.known || !contents.blank) await wipe(path, facts, context);
  const { dev, ino } = await stat(path);
  return { file: path, size, sectorSize, dev, ino, node, ...named({ model, serial, wwid }) };
}

/** Without members that are undefined: they do not survive JSON. */
function named(names: Pick<DeviceIdentity, 'model' | 'serial' | 'wwid'>): Record<string, string> {
  return Object.fromEntries(Object.entries(names).filter((entry): entry is [string, string] => entry[1] !== undefined));
}

function wipeCommand(path: string) {
  return { argv: ['wipefs', '--all', '--force', '--quiet', path] };
}

/**
 * Clears what makes others recognise something on the device: its first and last MiB, those of each partition that it had, and whatever wipefs(8) still
 * finds elsewhere. Then the kernel forgets its partitions, as far as it can.
 */
async function wipe(path: string, facts: DeviceFacts, context: ActionContext): Promise<void> {
  const { node, identity } = facts;
  context.progress(`clearing what ${path} held`);
  for (const [offset, length] of wipedRuns(identity.size, facts.contents)) await clearExtent(context, node, offset, length);
  await context.run(wipeCommand(node));
  await rereadPartitions(facts);
  const left = await readContents(node, identity, 0);
  if (left.known && left.blank) return;
  fail({
    code: 'DIB_DISK_WIPE',
    summary: `${quotedPath(path)} is not empty after it was cleared`,
    detail: left.known ? 'Something else writes to it, or it does not keep what is written.' : `It cannot be read: ${left.why}.`,
    help: `Look at it with ${quotedPath(`wipefs ${node}`)} and with \`dmesg\`.`,
    address: context.address,
  });
}

/** `[offset, length]` of all that is cleared: nothing beyond the end, nothing twice. */
export function wipedRuns(size: number, contents: DeviceContents): readonly (readonly [offset: number, length: number])[] {
  const areas = [{ offset: 0, length: size }, ...(contents.known ? contents.partitions : [])];
  const runs = areas.flatMap(({ offset, length }) => {
    const end = Math.min(offset + length, size);
    return [
      [offset, Math.min(offset + MIB, end)],
      [Math.max(offset, end - MIB), end],
    ] as const;
  });
  const sorted = runs.filter(([start, end]) => start < end).sort(([a], [b]) => a - b);
  const merged: [number, number][] = [];
  for (const [start, end] of sorted) {
    const last = merged.at(-1);
    if (last !== undefined && start <= last[1]) last[1] = Math.max(last[1], end);
    else merged.push([start, end]);
  }
  return merged.map(([start, end]) => [start, end - start]);
}
