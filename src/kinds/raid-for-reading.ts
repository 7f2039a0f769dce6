import {
  MD_FEATURE_BITMAP,
  MD_SUPERBLOCK_BYTES,
  type MdSuperblock,
  mdSuperblockAtEnd,
  readMdSuperblock,
} from '../blockdev/md-superblock.ts';
import type { ActionMachine } from '../exec/machine.ts';
import type { RaidInputs } from './disk-inputs.ts';
import { type KernelDevice, kernelDevices } from './kernel-devices.ts';
import { stopArrayCommand, uuidDigits } from './mdadm-commands.ts';

// The kernel writes to the bitmap of an array that it starts, even to that of one which is started read-only. Each member that cannot be written to fails:
// a mirror is left with one, and an array with parity with none, so that nothing of it can be read. So the kernel is told what the superblocks
// say, in place of reading them: an array without metadata, as `mdadm --build` makes them, has no bitmap and writes nothing.

/** One write to a file of /sys: below the array's `md`, and the text. */
export type Setting = readonly [file: string, text: string];

const SECTOR = 512;
const SECTORS_PER_KIB = 2;
/** Of metadata 1.2. */
const SUPERBLOCK_AT = 4096;
const NEW_ARRAY = '/sys/module/md_mod/parameters/new_array';

/**
 * Starts an array read-only from members that cannot be written to, and gives its device node; nothing when mdadm can do it as well, or better: when the
 * array has no bitmap, or is not whole.
 */
export async function startForReading(
  machine: ActionMachine,
  { uuid, metadata }: Pick<RaidInputs, 'uuid' | 'metadata'>,
  members: readonly string[],
  name: string,
): Promise<string | undefined> {
  const superblocks: MdSuperblock[] = [];
  for (const member of members) {
    const superblock = readMdSuperblock(await readSuperblock(machine, member, metadata));
    if (superblock?.uuid !== uuidDigits(uuid) || superblock.features !== MD_FEATURE_BITMAP) return undefined;
    superblocks.push(superblock);
  }
  if (!isWhole(superblocks)) return undefined;
  const array = kernelName(name);
  await stopForReading(machine, name);
  // Where it is built in, there is nothing to load.
  await machine.run({ argv: ['modprobe', '--quiet', 'md_mod'], okExitCodes: [0, 1] });
  await write(machine, NEW_ARRAY, array);
  const directory = `/sys/block/${array}/md`;
  for (const [file, text] of shapeSettings(superblocks[0] as MdSuperblock)) await write(machine, `${directory}/${file}`, text);
  for (const [index, member] of (await kernelDevices(machine, members)).entries())
    for (const [file, text] of memberSettings(superblocks[index] as MdSuperblock, member))
      await write(machine, `${directory}/${file}`, text);
  await write(machine, `${directory}/array_state`, 'readonly');
  return `/dev/${array}`;
}

/** Stops what startForReading started, as far as it came. */
export async function stopForReading(machine: ActionMachine, name: string): Promise<void> {
  const array = kernelName(name);
  const { exitCode } = await machine.run({ argv: ['test', '-e', `/sys/block/${array}/md`], okExitCodes: [0, 1] });
  if (exitCode === 0) await machine.run(stopArrayCommand(`/dev/${array}`));
}

/** Arrays whose names begin so get no number of their own to be known by: md(4), parameter new_array. */
function kernelName(name: string): string {
  return `md_${name}`;
}

/** All members are there, in order, and took part in the last change. */
export function isWhole(superblocks: readonly MdSuperblock[]): boolean {
  const [first] = superblocks;
  return superblocks.every(
    ({ members, place, events }, index) => members === superblocks.length && place === index && events === first?.events,
  );
}

/** What an array is told before its members: Documentation/admin-guide/md.rst. Its copies and its parity count as right: nothing can be mended here. */
export function shapeSettings({ level, layout, chunk, componentSize, members }: MdSuperblock): readonly Setting[] {
  return [
    ['raid_disks', String(members)],
    ['metadata_version', 'none'],
    ['level', `raid${level}`],
    ['layout', String(layout)],
    ['chunk_size', String(chunk * SECTOR)],
    ['component_size', String(componentSize / SECTORS_PER_KIB)],
    ['resync_start', 'none'],
  ];
}

/** A member of it: its number, then where its data lies, and its place. */
export function memberSettings(superblock: MdSuperblock, { name, number }: KernelDevice): readonly Setting[] {
  const { dataOffset, dataSize, place } = superblock;
  return [
    ['new_dev', number],
    [`dev-${name}/offset`, String(dataOffset)],
    [`dev-${name}/size`, String(Math.floor(dataSize / SECTORS_PER_KIB))],
    [`dev-${name}/slot`, String(place)],
  ];
}

async function write(machine: ActionMachine, file: string, text: string): Promise<void> {
  await machine.run({ argv: ['tee', file], input: text });
}

/** The bytes of a superblock, which `od` prints as hexadecimal numbers: output is text. */
async function readSuperblock(machine: ActionMachine, device: string, metadata: RaidInputs['metadata']): Promise<Buffer> {
  const size = Number((await machine.run({ argv: ['blockdev', '--getsize64', device] })).stdout);
  const start = metadata === '1.0' ? mdSuperblockAtEnd(size) : SUPERBLOCK_AT;
  const range = [`--skip-bytes=${start}`, `--read-bytes=${MD_SUPERBLOCK_BYTES}`];
  const { stdout } = await machine.run({
    argv: ['od', '--address-radix=n', '--format=x1', '--output-duplicates', ...range, device],
  });
  return Buffer.from(stdout.replaceAll(/\s/g, ''), 'hex');
}
