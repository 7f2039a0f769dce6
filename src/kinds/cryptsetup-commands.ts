import type { Command } from '../exec/command.ts';
import type { LuksHeader } from './disk-inputs.ts';

/** Bytes before the content: two copies of the metadata and 16 MiB of key slots in all, as cryptsetup makes them on any large device. */
export const LUKS_HEADER_BYTES = 16 * 1024 * 1024;
/**
 * What cryptsetup takes away at the end of a device that it encrypts where it is: it moves the content up in steps of half of this, which is
 * where the header goes (cryptsetup-reencrypt(8), --reduce-device-size).
 */
export const REDUCE_BYTES = 2 * LUKS_HEADER_BYTES;

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

/** Bytes of the random key that a container has while it is encrypted. */
export const PASSING_KEY_BYTES = 64;
/** What cryptsetup takes as the least. More would only slow down whoever guesses a key, which nobody can with 64 random bytes. */
const LEAST_ITERATIONS = 1000;

/**
 * Encrypts a plain file where it is, without the kernel's device-mapper and without root. The file must be REDUCE_BYTES longer than its content.
 * An interrupted run is not taken up again, so cryptsetup need not be able to (`--resilience none`).
 *
 * cryptsetup derives the key three times here, after it measured how long that takes, so the container first gets a random key that needs no costly
 * derivation: see changeKeyCommand.
 */
export function encryptFileCommand(header: LuksHeader, file: string): Command {
  return {
    argv: [
      ...['cryptsetup', 'reencrypt', '--encrypt', ...headerOptions(header)],
      ...['--pbkdf', 'pbkdf2', '--pbkdf-force-iterations', String(LEAST_ITERATIONS)],
      ...['--reduce-device-size', `${REDUCE_BYTES / SECTOR}s`, '--resilience', 'none', '--force-offline-reencrypt'],
      ...[...ALONE, ...KEY, file],
    ],
  };
}

/**
 * Gives a container in a file the user's key instead of the random one, which is overwritten in the header. Standard input is the random key and right
 * after it the user's.
 */
export function changeKeyCommand(header: LuksHeader, file: string): Command {
  const passing = ['--keyfile-size', String(PASSING_KEY_BYTES)];
  return { argv: ['cryptsetup', 'luksChangeKey', ...derivationOptions(header), ...ALONE, ...KEY, ...passing, file, '-'] };
}

/** Makes an empty container on a device. */
export function luksFormatCommand(header: LuksHeader, device: string): Command {
  const offset = ['--offset', String(LUKS_HEADER_BYTES / SECTOR)];
  return {
    argv: ['cryptsetup', 'luksFormat', ...headerOptions(header), ...derivationOptions(header), ...offset, ...KEY, device],
  };
}

/** Opens a container as /dev/mapper/`mapper`. The kernel's keyring is left out: not every kernel has it, and keys of it outlive a crash. */
export function luksOpenCommand(device: string, mapper: string, readOnly = false): Command {
  const access = readOnly ? ['--readonly'] : [];
  return { argv: ['cryptsetup', 'open', '--type', 'luks2', '--disable-keyring', ...access, ...KEY, device, mapper] };
}

export function luksCloseCommand(mapper: string): Command {
  return { argv: ['cryptsetup', 'close', mapper] };
}
