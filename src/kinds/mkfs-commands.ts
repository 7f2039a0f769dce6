import type { FilesystemType } from '../blockdev/devices.ts';
import type { Command } from '../exec/command.ts';
import { type Later, type MkfsInputs, shown } from './disk-inputs.ts';
import { type Requirement, UNKNOWN } from './kind.ts';

/** Where a file system is made: on a loop device, or in a file from some byte on. */
export type MkfsTarget = { readonly device: string } | { readonly file: string; readonly offset: Later };

const TOOLS: Readonly<Record<FilesystemType, readonly [tool: string, debianPackage: string]>> = {
  ext2: ['mkfs.ext2', 'e2fsprogs'],
  ext3: ['mkfs.ext3', 'e2fsprogs'],
  ext4: ['mkfs.ext4', 'e2fsprogs'],
  xfs: ['mkfs.xfs', 'xfsprogs'],
  btrfs: ['mkfs.btrfs', 'btrfs-progs'],
  vfat: ['mkfs.vfat', 'dosfstools'],
  swap: ['mkswap', 'util-linux'],
};

/** A made mkswap header ends with its first page; nothing else of a swap area needs to be written. */
export const SWAP_HEADER_BYTES = 65_536;

/** What making the file system needs of the machine. */
export function mkfsRequirements(inputs: MkfsInputs): Requirement[] {
  const [name, debianPackage] = TOOLS[inputs.type];
  const needs: Requirement[] = [{ need: 'tool', name, package: debianPackage, why: `makes ${inputs.type} file systems` }];
  if (inputs.realisation === 'offline') {
    needs.push({ need: 'tool', name: 'fallocate', package: 'util-linux', why: 'clears parts of the disk file' });
  }
  if (inputs.type === 'vfat' && inputs.fill !== undefined) {
    needs.push({ need: 'tool', name: 'mcopy', package: 'mtools', why: 'fills vfat without mounting it' });
  }
  return needs;
}

/**
 * Whether a type is made in a temporary file first, because its tool cannot start in the middle of a file,
 * or judges by the size of the whole file (mkfs.vfat chooses the width of the FAT so, even with --offset).
 */
export function needsTemporaryFile(type: FilesystemType): boolean {
  return !isExt(type);
}

export function isExt(type: FilesystemType): boolean {
  return type === 'ext2' || type === 'ext3' || type === 'ext4';
}

/**
 * The command that makes a file system, filled from `source` where the type can.
 * Everything that the tools would take from the clock, from chance or from the machine is given explicitly.
 */
export function mkfsCommand(inputs: MkfsInputs, target: MkfsTarget, source?: string): Command {
  switch (inputs.type) {
    case 'ext2':
    case 'ext3':
    case 'ext4':
      return extCommand(inputs, target, source);
    case 'vfat':
      return vfatCommand(inputs, target);
    case 'swap':
      return { argv: ['mkswap', '--pagesize', '4096', '--label', inputs.label, '--uuid', inputs.uuid, place(target)] };
    case 'xfs': {
      const sector = 'file' in target ? ['-s', `size=${inputs.sectorSize}`] : [];
      const identity = ['-L', inputs.label, '-m', `uuid=${inputs.uuid}`];
      return { argv: ['mkfs.xfs', '-f', '-q', ...sector, ...optionsOf(inputs), ...identity, place(target)] };
    }
    case 'btrfs': {
      const sector = 'file' in target ? ['--sectorsize', '4096'] : [];
      const identity = ['--label', inputs.label, '--uuid', inputs.uuid];
      return { argv: ['mkfs.btrfs', '--force', '--quiet', ...sector, ...optionsOf(inputs), ...identity, place(target)] };
    }
  }
}

function optionsOf({ opts }: MkfsInputs): readonly string[] {
  return opts === UNKNOWN ? [UNKNOWN] : (opts as readonly string[]);
}

function place(target: MkfsTarget): string {
  return 'device' in target ? target.device : target.file;
}

/** mke2fs(8). The last `-E` wins there, so the user's extended options are joined with ours. */
function extCommand(inputs: MkfsInputs, target: MkfsTarget, source?: string): Command {
  const { opts, extended } = splitExtended(optionsOf(inputs));
  const fixed = ['root_owner=0:0', `hash_seed=${inputs.uuid}`, 'lazy_itable_init=0', 'lazy_journal_init=0'];
  const offset = 'file' in target && target.offset !== 0 ? [`offset=${shown(target.offset, 'offset')}`] : [];
  const argv = [`mkfs.${inputs.type}`, '-q', '-F', ...opts, '-L', inputs.label, '-U', inputs.uuid];
  argv.push('-E', [...extended, ...fixed, ...offset].join(','));
  if (source !== undefined) argv.push('-d', source);
  argv.push(place(target));
  if ('device' in target) return { argv };
  argv.push(`${shown(inputs.length, 'size', toKib)}k`);
  return { argv, env: { ...extEnv(inputs.epoch), MKE2FS_DEVICE_SECTSIZE: String(inputs.sectorSize) } };
}

/** e2fsprogs 1.47.0 knows only E2FSPROGS_FAKE_TIME, later ones also SOURCE_DATE_EPOCH. */
function extEnv(epoch: Later): Record<string, string> {
  const seconds = shown(epoch, 'epoch');
  return { E2FSPROGS_FAKE_TIME: seconds, SOURCE_DATE_EPOCH: seconds };
}

function splitExtended(all: readonly string[]): { opts: string[]; extended: string[] } {
  const opts: string[] = [];
  const extended: string[] = [];
  for (let index = 0; index < all.length; index++) {
    const option = all[index] as string;
    if (option === '-E') extended.push(all[++index] ?? '');
    else if (option.startsWith('-E')) extended.push(option.slice(2));
    else opts.push(option);
  }
  return { opts, extended: extended.filter((value) => value !== '') };
}

/** mkfs.fat(8). Without `-I --mbr=n` a loop device looks like a whole disk: refused, or given a partition table of its own. */
function vfatCommand(inputs: MkfsInputs, target: MkfsTarget): Command {
  // Last, so that the name and the id are those of the plan whatever the user's options say.
  const identity = ['-i', inputs.uuid.replace('-', ''), '-n', inputs.label];
  const kind = 'device' in target ? ['-I'] : inputs.sectorSize === 512 ? [] : ['-S', String(inputs.sectorSize)];
  return { argv: ['mkfs.vfat', '--invariant', '--mbr=n', ...kind, ...optionsOf(inputs), ...identity, place(target)] };
}

function toKib(bytes: number): number {
  return Math.floor(bytes / 1024);
}
