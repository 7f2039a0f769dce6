import { constants } from 'node:fs';
import { access, realpath, stat } from 'node:fs/promises';
import { fail } from '../diagnostics/errors.ts';
import { quotedPath } from '../diagnostics/printable.ts';
import { DISK_BUS } from './qemu-argv.ts';
import type { Qmp } from './qmp.ts';

/** Gives the standard output of a command in the machine. */
export type RunInside = (argv: readonly string[]) => Promise<string>;

/** Path of libexec/vm-qemu-disk in the machine. */
export const DISK_SCRIPT = '/vm-qemu-disk';

/** Targets of a virtio-scsi bus; each can have more units. */
const TARGETS = 256;

/** Shows files of this host as disks of a machine, each for the machine's whole life. */
export class QemuDisks {
  readonly #qmp: Qmp;
  readonly #devices = new Map<string, Promise<string>>();

  constructor(qmp: Qmp) {
    this.#qmp = qmp;
  }

  /**
   * The device as which the machine has a file or block device: the same one each time. It has sectors of 512 bytes; a file whose size is no
   * multiple of that ends in zeros. What the machine has written and flushed stands in the file; what is written to the file here the machine
   * sees where it has not read before. A file that this user cannot write to can only be read.
   * Throws DIB_VM_NO_DISK.
   */
  async see(file: string, run: RunInside): Promise<string> {
    const path = await realpath(file).catch((error: NodeJS.ErrnoException) => cannotShow(file, error.message));
    const known = this.#devices.get(path);
    if (known !== undefined) return await known;
    const device = this.#plug(path, this.#devices.size, run);
    this.#devices.set(path, device);
    return await device;
  }

  async #plug(path: string, number: number, run: RunInside): Promise<string> {
    const node = `file${number}`;
    const [target, unit] = [number % TARGETS, Math.floor(number / TARGETS)];
    try {
      await this.#qmp.execute('blockdev-add', await blockNode(path, node));
      await this.#qmp.execute('device_add', {
        driver: 'scsi-hd',
        bus: DISK_BUS,
        drive: node,
        id: `disk${number}`,
        serial: `dib${number}`,
        'scsi-id': target,
        lun: unit,
        // What a disk without moving parts says: file systems then do not sort and wait for a head.
        rotation_rate: 1,
      });
    } catch (error) {
      cannotShow(path, (error as Error).message);
    }
    return (await run([DISK_SCRIPT, String(target), String(unit)])).trim();
  }
}

/**
 * A node of QEMU's block layer for a raw file. Its content goes through this host's page cache, where others see it at once; a flush of
 * the machine is an fdatasync(2). What the machine discards, or fills with zeros, becomes a hole. QEMU's own locks are off: dib itself reads
 * and writes other parts of the file while the machine runs.
 */
async function blockNode(path: string, name: string) {
  const isDevice = (await stat(path)).isBlockDevice();
  const writable = await access(path, constants.W_OK).then(
    () => true,
    () => false,
  );
  const holes = { discard: 'unmap', 'detect-zeroes': 'unmap' };
  return {
    driver: 'raw',
    'node-name': name,
    'read-only': !writable,
    ...(writable ? holes : {}),
    cache: { direct: false, 'no-flush': false },
    file: {
      driver: isDevice ? 'host_device' : 'file',
      filename: path,
      locking: 'off',
      ...(writable ? { discard: 'unmap' } : {}),
    },
  };
}

function cannotShow(file: string, reason: string): never {
  return fail({
    code: 'DIB_VM_NO_DISK',
    summary: `The virtual machine cannot be given ${quotedPath(file)} as a disk`,
    detail: `${reason}.`,
  });
}
