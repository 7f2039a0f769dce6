import { setTimeout as sleep } from 'node:timers/promises';
import { fail } from '../diagnostics/errors.ts';
import { quoted, quotedPath } from '../diagnostics/printable.ts';
import { listOf } from '../diagnostics/suggest.ts';
import type { Command, Runner } from '../exec/command.ts';
import type { ActionMachine } from '../exec/machine.ts';
import type { JsonObject } from '../util/json.ts';
import type { LoopAttachment } from './disk-inputs.ts';
import type { ActionContext, Realisation, RecordedResource, Requirement } from './kind.ts';

/** The file behind a loop device: numbers, because a path can be renamed or replaced. */
export interface BackingFile {
  readonly file: string;
  readonly dev: number;
  readonly ino: number;
}

/** A loop device of the kernel. */
export interface LoopDevice {
  readonly device: string;
  readonly backFile: string;
  readonly backIno: number;
  /** `major:minor` of the file system of the backing file. */
  readonly backDev: string;
  readonly offset: number;
  /** Bytes; 0: to the end of the file. */
  readonly sizeLimit: number;
}

const DETACH_TRIES = 20;
const DETACH_PAUSE_MS = 100;

/** What a disk needs of the machine. */
export function loopRequirements(realisation: Realisation): readonly Requirement[] {
  if (realisation === 'offline') return [];
  return [
    { need: 'loop', why: 'the disk file is attached as loop devices' },
    { need: 'tool', name: 'losetup', package: 'mount', why: 'attaches the disk file' },
  ];
}

/** The command that attaches a slice of a file; `length` 0 means up to its end. */
export function losetupCommand(
  file: string,
  offset: number | string,
  length: number | string,
  sectorSize: number,
  readOnly = false,
): Command {
  const slice = length === 0 ? [] : ['--offset', String(offset), '--sizelimit', String(length)];
  const access = readOnly ? ['--read-only'] : [];
  return { argv: ['losetup', '--find', '--show', ...access, ...slice, '--sector-size', String(sectorSize), file] };
}

/** `major:minor` of a device number as stat(2) gives it (makedev(3)). */
export function deviceNumberText(dev: number): string {
  const value = BigInt(dev);
  const major = ((value >> 8n) & 0xfffn) | ((value >> 32n) & ~0xfffn);
  const minor = (value & 0xffn) | ((value >> 12n) & ~0xffn & 0xffffffffn);
  return `${major}:${minor}`;
}

/** Reads the table that `losetup --json --list` prints. */
export function parseLoops(text: string): LoopDevice[] {
  if (text.trim() === '') return [];
  const table = JSON.parse(text) as { loopdevices?: Record<string, string | number | null>[] };
  return (table.loopdevices ?? []).map((row) => ({
    device: String(row['name']),
    backFile: String(row['back-file'] ?? ''),
    backIno: Number(row['back-ino'] ?? 0),
    backDev: String(row['back-maj:min'] ?? '').trim(),
    offset: Number(row['offset'] ?? 0),
    sizeLimit: Number(row['sizelimit'] ?? 0),
  }));
}

/** All loop devices of a machine; needs root there. */
export async function listLoops(runner: Runner): Promise<LoopDevice[]> {
  const columns = 'NAME,BACK-FILE,BACK-INO,BACK-MAJ:MIN,OFFSET,SIZELIMIT';
  const { stdout } = await runner.run({ argv: ['losetup', '--json', '--list', '--output', columns] });
  return parseLoops(stdout);
}

/**
 * Whether a loop device still shows this very file, also after it was unlinked.
 * Device numbers differ for subvolumes of btrfs (stat gives an anonymous one), where the path decides beside the inode.
 */
export function backs(loop: LoopDevice, backing: BackingFile): boolean {
  if (loop.backIno !== backing.ino) return false;
  return loop.backDev === deviceNumberText(backing.dev) || loop.backFile.replace(/ \(deleted\)$/, '') === backing.file;
}

/** A file as a machine sees it, by its numbers there: stat(2). */
async function backingOn(machine: ActionMachine, file: string): Promise<BackingFile> {
  const path = await machine.see(file);
  const { stdout } = await machine.run({ argv: ['stat', '--dereference', '--format=%d %i', '--', path] });
  const [dev, ino] = stdout.trim().split(' ').map(Number);
  return { file: path, dev: dev ?? 0, ino: ino ?? 0 };
}

/** Attaches a slice of a disk file, or finds it attached by an earlier try. Says before what it is about to do. */
export async function attachLoop(
  context: ActionContext,
  file: string,
  offset: number,
  length: number,
  sectorSize: number,
): Promise<LoopAttachment> {
  const machine = await context.machine();
  const slice = { ...(await backingOn(machine, file)), offset, length };
  await context.intend(slice);
  const same = (loop: LoopDevice): boolean => backs(loop, slice) && loop.offset === offset && loop.sizeLimit === length;
  // One of an earlier try may be writable.
  const existing = context.readOnly === true ? undefined : (await listLoops(machine)).find(same);
  if (existing !== undefined) {
    await machine.hold?.(existing.device);
    return { device: existing.device, ...slice };
  }
  const { stdout } = await machine.run(losetupCommand(slice.file, offset, length, sectorSize, context.readOnly));
  const attachment = { device: stdout.trim(), ...slice };
  // What udev found before, such as an array to start, is undone by those who use the device.
  await machine.hold?.(attachment.device);
  await verifyLoop(context, attachment);
  return attachment;
}

/** Fails unless the device still shows our slice of our file: called before anything is written to it. */
export async function verifyLoop(context: ActionContext, attachment: LoopAttachment): Promise<void> {
  const loop = (await listLoops(await context.machine())).find((each) => each.device === attachment.device);
  const right =
    loop !== undefined && backs(loop, attachment) && loop.offset === attachment.offset && loop.sizeLimit === attachment.length;
  if (right) return;
  fail({
    code: 'DIB_LOOP_FOREIGN',
    summary: `${quoted(attachment.device)} does not show ${quotedPath(attachment.file)} any more`,
    detail:
      loop === undefined
        ? 'The loop device is detached.'
        : `It shows ${quotedPath(loop.backFile)} from byte ${loop.offset} instead.`,
    help: 'Something else on this machine changed the loop device; nothing was written to it. Run `dib destroy`, then `dib apply`.',
    address: context.address,
  });
}

/** Where detach looks: the attachment if it was recorded, else the marker of an interrupted attach. */
export function loopIdentity(recorded: RecordedResource): (BackingFile & { offset?: number; length?: number }) | undefined {
  for (const found of [recorded.attachment?.outputs, recorded.attachment?.marker, recorded.marker] as (
    | JsonObject
    | undefined
  )[]) {
    if (typeof found?.['file'] !== 'string' || typeof found['ino'] !== 'number' || typeof found['dev'] !== 'number') continue;
    const { file, dev, ino, offset, length } = found as JsonObject & BackingFile & { offset: number; length: number };
    return { file, dev, ino, offset, length };
  }
  return undefined;
}

/**
 * Tells the loop device of an attachment from others on the same file: by its name once that is recorded; of an interrupted attach only the slice is
 * known. `length` 0: to the end of the file.
 */
export function isLoopOf(
  recorded: RecordedResource,
  slice: BackingFile & { offset: number; length: number },
): (loop: LoopDevice) => boolean {
  const device = recorded.attachment?.outputs['device'];
  return (loop) =>
    backs(loop, slice) &&
    (typeof device === 'string' ? loop.device === device : loop.offset === slice.offset && loop.sizeLimit === slice.length);
}

/** Detaches every loop device that `wanted` accepts and checks that they are gone. */
export async function detachLoops(context: ActionContext, wanted: (loop: LoopDevice) => boolean): Promise<void> {
  const machine = await context.machine();
  let left = (await listLoops(machine)).filter(wanted);
  for (let tries = 0; left.length > 0; tries++) {
    if (tries === DETACH_TRIES) failBusy(context, left);
    if (tries > 0) await sleep(DETACH_PAUSE_MS);
    // On a device in use `losetup -d` succeeds at once and takes effect when the last user closes it: so look again.
    for (const { device } of left) {
      await machine.release?.(device);
      await machine.run({ argv: ['losetup', '--detach', device], okExitCodes: [0, 1] });
    }
    left = (await listLoops(machine)).filter(wanted);
  }
}

function failBusy(context: ActionContext, left: readonly LoopDevice[]): never {
  fail({
    code: 'DIB_LOOP_BUSY',
    summary: `Cannot detach ${listOf(left.map(({ device }) => device))}: still in use`,
    detail: 'Another process has the device open, or a file system on it is mounted.',
    help: `See who with \`lsblk ${left[0]?.device}\` and \`fuser -vm ${left[0]?.device}\`; then run \`dib destroy\` again.`,
    address: context.address,
  });
}
