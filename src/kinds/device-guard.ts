import { type FileHandle, open } from 'node:fs/promises';
import { type DeviceFacts, type DeviceIdentity, isSameDevice } from '../blockdev/device-facts.ts';
import { type DiskProblem, refuseDevice, refuseOther } from '../blockdev/device-refusals.ts';
import { fail } from '../diagnostics/errors.ts';
import { quotedPath } from '../diagnostics/printable.ts';
import { lockDescriptor } from '../exec/file-lock.ts';
import { probeCommand } from '../exec/probe.ts';
import { identifyDevice, isTaken, seeDevice } from '../host/existing-device.ts';
import type { JsonObject } from '../util/json.ts';

/** What the user allowed before a run: to write to one disk of this machine, as it was then. */
export interface DevicePermit extends JsonObject {
  /** Address of the disk. */
  readonly address: string;
  readonly identity: DeviceIdentity;
  /** Digest of the contents that were judged (DeviceContents); absent where they could not be read. */
  readonly contents?: string | undefined;
  /** The user agreed to lose whatever is on it. */
  readonly wipe: boolean;
}

export interface TakeRequest {
  readonly address: string;
  /** As declared. */
  readonly path: string;
  /** Who it was when it was written to. */
  readonly recorded?: DeviceIdentity | undefined;
  /** Writing needs a permit; looking does not. */
  readonly forWriting: boolean;
}

/** A disk that is ours until it is released. */
export interface TakenDevice {
  readonly facts: DeviceFacts;
  /** What it held before this run was not dib's, and the user agreed to lose it. */
  readonly wipe: boolean;
  release(): void;
}

interface Held {
  readonly facts: DeviceFacts;
  readonly lock: FileHandle;
}

/**
 * Watches over the disks of this machine that a run writes to. Before the first action on a disk it checks everything again: who it is, that nobody uses
 * it, that it holds what was shown; and locks it, so that udev and other runs keep off (systemd, "Locking Block Device Access"). Before each further one
 * it checks that it is still that disk and still free. One action at a time has a disk: mke2fs(8) opens it exclusively.
 */
export class DeviceGuard {
  readonly #permits: ReadonlyMap<string, DevicePermit>;
  readonly #held = new Map<string, Held>();
  readonly #turns = new Map<string, Promise<void>>();

  constructor(permits: readonly DevicePermit[]) {
    this.#permits = new Map(permits.map((permit) => [permit.address, permit]));
  }

  /** Waits for its turn. Throws DibError (DIB_DISK_*) when the disk is not to be written to. */
  async take(request: TakeRequest): Promise<TakenDevice> {
    const before = this.#turns.get(request.address) ?? Promise.resolve();
    let release = () => {};
    const turn = new Promise<void>((resolve) => {
      release = resolve;
    });
    this.#turns.set(
      request.address,
      before.then(() => turn),
    );
    await before;
    try {
      return { facts: await this.#check(request), wipe: this.#permits.get(request.address)?.wipe === true, release };
    } catch (error) {
      release();
      throw error;
    }
  }

  /** Brings everything onto the disks, shows the kernel their partitions, and unlocks them: udev looks at them again. */
  async close(): Promise<void> {
    for (const { facts, lock } of this.#held.values()) {
      await lock.sync();
      await rereadPartitions(facts);
      await lock.close();
    }
    this.#held.clear();
  }

  async #check(request: TakeRequest): Promise<DeviceFacts> {
    const held = this.#held.get(request.address);
    if (held !== undefined) {
      await checkAgain(held.facts, request);
      return held.facts;
    }
    const permit = this.#permits.get(request.address);
    if (permit === undefined && request.forWriting) throw new Error(`nobody allowed to write to ${request.address}`);
    const facts = await checkAll(request, permit);
    this.#held.set(request.address, { facts, lock: await lockDevice(facts.node, request) });
    return facts;
  }
}

async function checkAll(request: TakeRequest, permit: DevicePermit | undefined): Promise<DeviceFacts> {
  const { path, address } = request;
  const sighting = await seeDevice(path);
  const expected = permit?.identity ?? request.recorded;
  refuse(address, refuseDevice(path, sighting));
  if (sighting.state !== 'found') throw new Error(`${path} was accepted without being there`);
  const { facts } = sighting;
  if (expected !== undefined) refuse(address, refuseOther(path, expected, facts.identity));
  const digest = facts.contents.known ? facts.contents.digest : undefined;
  if (permit !== undefined && !permit.wipe && (digest === undefined || digest !== permit.contents)) {
    fail({
      code: 'DIB_DISK_TOUCHED',
      summary: `What is on ${quotedPath(path)} changed after the plan was made`,
      detail: 'Somebody else wrote to it meanwhile. Nothing was written to it by dib.',
      help: 'Run the same command again, and look at what the plan says of it.',
      address,
    });
  }
  return facts;
}

/** Between two actions of a run: still there, still the same, still free. */
async function checkAgain(facts: DeviceFacts, { path, address }: TakeRequest): Promise<void> {
  const now = await identifyDevice(path);
  if (now === undefined) refuse(address, refuseDevice(path, { state: 'absent' }));
  else if (!isSameDevice(facts.identity, now)) refuse(address, refuseOther(path, facts.identity, now));
  if (!(await isTaken(facts.node))) return;
  const uses = [{ what: 'open' as const, on: facts.node, by: '' }];
  refuse(address, refuseDevice(path, { state: 'found', facts: { ...facts, uses } }));
}

function refuse(address: string, problem: DiskProblem | undefined): void {
  if (problem !== undefined) fail({ ...problem, address });
}

/** flock(2) on the node: udev does not look into a locked disk, and another dib does not take it. Opened for writing, so that udev looks when it is closed. */
async function lockDevice(node: string, { path, address }: TakeRequest): Promise<FileHandle> {
  const handle = await open(node, 'r+');
  try {
    for (let tries = 0; tries < LOCK_TRIES; tries++) {
      if (await lockDescriptor(handle.fd, false)) return handle;
      await new Promise((resolve) => setTimeout(resolve, LOCK_PAUSE_MS));
    }
  } catch (error) {
    await handle.close();
    throw error;
  }
  await handle.close();
  fail({
    code: 'DIB_DISK_IN_USE',
    summary: `${quotedPath(path)} is in use`,
    detail: `${quotedPath(node)} is locked (flock): by udev, or by another dib that writes to it.`,
    help: `See who has it with ${quotedPath(`fuser -v ${node}`)}.`,
    address,
  });
}

/** udev holds its lock for as long as it looks into a disk: well below a second. */
const LOCK_TRIES = 20;
const LOCK_PAUSE_MS = 250;

/** Tells the kernel to look at the partition table. Best effort: not every device can have partitions, and the next boot does it too. */
export async function rereadPartitions({ node, type }: Pick<DeviceFacts, 'node' | 'type'>): Promise<void> {
  if (type === 'disk' || type === 'loop') await probeCommand(['blockdev', '--rereadpt', node]);
}
