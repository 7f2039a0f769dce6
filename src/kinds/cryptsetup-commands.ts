import type { Command } from '../exec/command.ts';
import type { LuksHeader } from './disk-inputs.ts';

/** Bytes before the content: two copies of the metadata and 16 MiB of key slots in all, as cryptsetup makes them on any large device. */
export const LUKS_HEADER_BYTES = 16 * 1024 * 1024;
const SECTOR = 512;
/** The key comes on standard input, up to its end; no terminal is asked for anything. */
const KEY = ['--batch-mode', '--key-file', '-'];

/** Neither lock files in a directory of root's nor the kernel's keyring: a file of our own needs neither. */
const ALONE = ['--disable-locks', '--disable-keyring'];

function headerOptions({ uuid, label, cipher, keySize, sectorSize }: LuksHeader): string[] {
  return [
    ...['--type', 'luks2', '--uuid', uuid, ...(label === '' ? [] : ['--label', label])],
    ...['--cipher', cipher, '--key-size', String(keySize), '--sector-size', String(sectorSize)],
  ];
}

function derivationOptions({ pbkdf, iterTime, pbkdfMemory }: LuksHeader): string[] {
  const memory = pbkdf === 'pbkdf2' ? [] : ['--pbkdf-memory', String(pbkdfMemory)];
  return ['--pbkdf', pbkdf, '--iter-time', String(iterTime), ...memory];
}

/** A pipe in the file system through which a program takes a key that stands in no file, argument or log. */
export function keyPipeCommand(pipe: string): Command {
  return { argv: ['mkfifo', '--mode=600', pipe] };
}

/**
 * Makes an empty container in a file, without the kernel's device-mapper and without root.
 * @param volumeKey what to read the key from that the content will be encrypted with. The key that opens the container comes on standard input.
 */
export function luksFormatFileCommand(header: LuksHeader, file: string, volumeKey: string): Command {
  return { argv: [...formatCommand(header), '--volume-key-file', volumeKey, ...ALONE, ...KEY, file] };
}

/** Makes an empty container on a device. */
export function luksFormatCommand(header: LuksHeader, device: string): Command {
  return { argv: [...formatCommand(header), ...KEY, device] };
}

function formatCommand(header: LuksHeader): string[] {
  const offset = ['--offset', String(LUKS_HEADER_BYTES / SECTOR)];
  return ['cryptsetup', 'luksFormat', ...headerOptions(header), ...derivationOptions(header), ...offset];
}

/** Opens a container as /dev/mapper/`mapper`. The kernel's keyring is left out: not every kernel has it, and keys of it outlive a crash. */
export function luksOpenCommand(device: string, mapper: string, readOnly = false): Command {
  const access = readOnly ? ['--readonly'] : [];
  return { argv: ['cryptsetup', 'open', '--type', 'luks2', '--disable-keyring', ...access, ...KEY, device, mapper] };
}

export function luksCloseCommand(mapper: string): Command {
  return { argv: ['cryptsetup', 'close', mapper] };
}
