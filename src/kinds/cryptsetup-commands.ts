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

function headerOptions(header: LuksHeader): string[] {
  const { uuid, label, cipher, keySize, pbkdf, iterTime, pbkdfMemory, sectorSize } = header;
  const memory = pbkdf === 'pbkdf2' ? [] : ['--pbkdf-memory', String(pbkdfMemory)];
  return [
    ...['--type', 'luks2', '--uuid', uuid, ...(label === '' ? [] : ['--label', label])],
    ...['--cipher', cipher, '--key-size', String(keySize), '--sector-size', String(sectorSize)],
    ...['--pbkdf', pbkdf, '--iter-time', String(iterTime), ...memory],
  ];
}

/**
 * Encrypts a plain file where it is, without the kernel's device-mapper and without root. The file must be REDUCE_BYTES longer than its content.
 * An interrupted run is not taken up again, so cryptsetup need not be able to (`--resilience none`).
 */
export function encryptFileCommand(header: LuksHeader, file: string): Command {
  return {
    argv: [
      ...['cryptsetup', 'reencrypt', '--encrypt', ...headerOptions(header)],
      ...['--reduce-device-size', `${REDUCE_BYTES / SECTOR}s`, '--resilience', 'none', '--force-offline-reencrypt'],
      ...['--disable-locks', '--disable-keyring', ...KEY, file],
    ],
  };
}

/** Makes an empty container on a device. */
export function luksFormatCommand(header: LuksHeader, device: string): Command {
  const offset = ['--offset', String(LUKS_HEADER_BYTES / SECTOR)];
  return { argv: ['cryptsetup', 'luksFormat', ...headerOptions(header), ...offset, ...KEY, device] };
}

/** Opens a container as /dev/mapper/`mapper`. The kernel's keyring is left out: not every kernel has it, and keys of it outlive a crash. */
export function luksOpenCommand(device: string, mapper: string, readOnly = false): Command {
  const access = readOnly ? ['--readonly'] : [];
  return { argv: ['cryptsetup', 'open', '--type', 'luks2', '--disable-keyring', ...access, ...KEY, device, mapper] };
}

export function luksCloseCommand(mapper: string): Command {
  return { argv: ['cryptsetup', 'close', mapper] };
}
