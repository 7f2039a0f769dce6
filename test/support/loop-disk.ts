import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  constants,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  symlinkSync,
  unlinkSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { needRoot } from './privileges.ts';

export interface LoopDiskOptions {
  /** MiB; default 200. */
  readonly size?: number;
  readonly sectorSize?: 512 | 4096;
  readonly readOnly?: boolean;
  /** Every byte is a random one, as on a disk that was encrypted or is worn. */
  readonly random?: boolean;
}

/** A loop device that stands for a hard disk, with a name like one in /dev/disk/by-id. */
export class LoopDisk {
  readonly file: string;
  readonly path: string;
  readonly #options: LoopDiskOptions;
  readonly #directory: string;
  readonly #mountPoint: string;
  readonly #names: string;
  #node = '';

  /** Not plugged in yet. */
  constructor(options: LoopDiskOptions = {}) {
    needRoot();
    this.#options = options;
    this.#directory = mkdtempSync('/var/tmp/dib-test-disk-');
    this.#names = mkdtempSync('/dev/dib-test-');
    // Others may follow the names, as they may in /dev/disk.
    chmodSync(this.#names, 0o755);
    this.file = join(this.#directory, 'disk.img');
    this.path = join(this.#names, 'by-id-4711');
    const { size = 200, random = false } = options;
    this.#mountPoint = join(this.#directory, 'mnt');
    mkdirSync(this.#mountPoint);
    run('truncate', '--size', `${size}M`, this.file);
    if (random) run('dd', 'if=/dev/urandom', `of=${this.file}`, 'bs=1M', `count=${size}`, 'conv=notrunc', 'status=none');
  }

  /** Where it is plugged in: /dev/loopN. */
  get node(): string {
    return this.#node;
  }

  plug(): this {
    const { sectorSize = 512, readOnly = false } = this.#options;
    const access = readOnly ? ['--read-only'] : [];
    this.#node = run('losetup', '--find', '--show', '--sector-size', String(sectorSize), ...access, this.file).trim();
    symlinkSync(this.#node, this.path);
    return this;
  }

  unplug(): void {
    if (this.#node === '') return;
    this.hidePartitions();
    unlinkSync(this.path);
    run('losetup', '--detach', this.#node);
    this.#node = '';
  }

  /** Lets the kernel see the partitions: /dev/loopNp1, ... */
  showPartitions(): void {
    run('partx', '--add', this.#node);
  }

  hidePartitions(): void {
    const name = basename(this.#node);
    const known = readdirSync(`/sys/block/${name}`).some((entry) => entry.startsWith(`${name}p`));
    if (known) run('partx', '--delete', this.#node);
  }

  /** Makes a partition table after the words of sfdisk(8). */
  partition(...lines: string[]): void {
    execFileSync('sfdisk', ['--quiet', '--no-reread', '--no-tell-kernel', this.#node], { input: `${lines.join('\n')}\n` });
  }

  /** A second name. */
  link(name: string): string {
    const path = join(this.#names, name);
    symlinkSync(this.#node, path);
    return path;
  }

  /** Mounts the disk, or a partition of it; the result undoes that. */
  mount(device = this.#node, ...options: readonly string[]): () => void {
    run('mount', ...options, device, this.#mountPoint);
    return () => {
      run('umount', this.#mountPoint);
      waitUntilFree(device);
    };
  }

  sha256({ length = Number.POSITIVE_INFINITY } = {}): string {
    if (this.#node !== '') run('blockdev', '--flushbufs', this.#node);
    run('sync', '--file-system', this.file);
    if (length === Number.POSITIVE_INFINITY) return run('sha256sum', this.file).slice(0, 64);
    return createHash('sha256').update(this.read(0, length)).digest('hex');
  }

  read(offset: number, length: number): Buffer {
    const handle = openSync(this.#node, 'r');
    try {
      const bytes = Buffer.alloc(length);
      readSync(handle, bytes, 0, length, offset);
      return bytes;
    } finally {
      closeSync(handle);
    }
  }

  /** The table as sfdisk(8) reads it: start and size in bytes. */
  table(): { readonly label: string; readonly partitions: readonly { readonly offset: number; readonly length: number }[] } {
    const { partitiontable } = JSON.parse(run('sfdisk', '--json', this.#node)) as {
      partitiontable: { label: string; sectorsize: number; partitions: { start: number; size: number }[] };
    };
    const { label, sectorsize, partitions } = partitiontable;
    return {
      label,
      partitions: partitions.map(({ start, size }) => ({ offset: start * sectorsize, length: size * sectorsize })),
    };
  }

  /** A partition as a file of its own, for programs that judge it. */
  extract(index: number): string {
    const { offset, length } = this.table().partitions[index] as { offset: number; length: number };
    const target = join(this.#directory, `part-${index}`);
    run(
      'dd',
      `if=${this.file}`,
      `of=${target}`,
      'bs=1M',
      'iflag=skip_bytes,count_bytes',
      `skip=${offset}`,
      `count=${length}`,
      'conv=sparse',
      'status=none',
    );
    return target;
  }

  remove(): void {
    this.unplug();
    rmSync(this.#names, { recursive: true, force: true });
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

function run(program: string, ...args: string[]): string {
  return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/**
 * Waits until nothing has a device mounted or otherwise for itself (open(2): O_EXCL of a block device). A mount namespace that another test made
 * meanwhile has a copy of the mount, which lasts as long as that test's processes.
 */
function waitUntilFree(device: string): void {
  const pause = new Int32Array(new SharedArrayBuffer(4));
  for (;;) {
    try {
      closeSync(openSync(device, constants.O_RDONLY | constants.O_EXCL));
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EBUSY') throw error;
      Atomics.wait(pause, 0, 0, 100);
    }
  }
}
