import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readFileSync, readSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { BlockDevices, DeviceExtent, StackLayout } from '../../../src/blockdev/devices.ts';
import { gptBytes } from '../../../src/blockdev/gpt.ts';
import { resolveStack } from '../../../src/blockdev/layout.ts';
import { lvmPieces } from '../../../src/blockdev/lvm-metadata.ts';
import { mbrBytes } from '../../../src/blockdev/mbr.ts';
import { resolveSizes } from '../../../src/blockdev/resolve-sizes.ts';
import { slice } from '../../../src/blockdev/stack-layout.ts';
import { linearGroups } from '../../support/linear-groups.ts';

/** The stack of a tree without errors. */
export function stackOf(devices: BlockDevices, existing: ReadonlyMap<string, number> = new Map()): StackLayout {
  const { value, diagnostics } = resolveStack(devices, resolveSizes(devices, undefined, { existing }).disks);
  if (!value) throw new Error(JSON.stringify(diagnostics));
  return value;
}

/** Files named after their disks, with partition tables and volume groups written by dib. LUKS containers are files of their own, opened. */
export class DiskFiles {
  readonly #directory: string;
  readonly #stack: StackLayout;

  /** `existing`: sizes of existing disks in the tree. */
  constructor(directory: string, devices: BlockDevices, existing?: ReadonlyMap<string, number>) {
    this.#directory = directory;
    this.#stack = stackOf(devices, existing);
    const containers = new Set([...this.#stack.disks.map(({ disk }) => disk), ...devices.luks.map(({ name }) => name)]);
    for (const { name, size } of this.#stack.devices.filter((device) => containers.has(device.name))) {
      writeFileSync(this.file(name), '');
      truncateSync(this.file(name), size);
    }
    for (const layout of this.#stack.disks) {
      if (layout.label !== undefined) this.#write(layout.disk, layout.label === 'gpt' ? gptBytes(layout) : mbrBytes(layout));
    }
    for (const group of linearGroups(devices, this.#stack)) {
      for (const [name, pieces] of lvmPieces(group)) {
        const { base } = devices.pvs.find((pv) => pv.name === name) ?? { base: '' };
        for (const { offset, bytes } of pieces) this.write(base, offset, bytes);
      }
    }
  }

  get stack(): StackLayout {
    return this.#stack;
  }

  file(container: string): string {
    return join(this.#directory, `${container}.raw`);
  }

  extents(device: string): readonly DeviceExtent[] {
    const placed = this.#stack.devices.find(({ name }) => name === device);
    if (!placed?.extents) throw new Error(`${device} has no extents`);
    return placed.extents;
  }

  size(device: string): number {
    return this.extents(device).reduce((sum, { length }) => sum + length, 0);
  }

  /** Writes bytes at an offset of a device, wherever they lie. */
  write(device: string, offset: number, bytes: Uint8Array): void {
    let done = 0;
    for (const part of slice(this.extents(device), offset, bytes.length)) {
      this.#write(part.container, [{ offset: part.offset, bytes: bytes.subarray(done, done + part.length) }]);
      done += part.length;
    }
    if (done !== bytes.length) throw new RangeError(`${device} ends before ${offset + bytes.length}`);
  }

  /** Fills a device with an ext4 file system of its size that holds one file. */
  fill(device: string, content: string): void {
    const tree = join(this.#directory, `${device}.tree`);
    execFileSync('mkdir', [tree]);
    writeFileSync(join(tree, 'content'), content);
    const image = join(this.#directory, `${device}.ext4`);
    const blocks = `${this.size(device) / 1024}k`;
    const env = { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin:/sbin` };
    execFileSync('mkfs.ext4', ['-q', '-d', tree, image, blocks], { env });
    this.write(device, 0, readFileSync(image));
    execFileSync('rm', ['-r', tree, image]);
  }

  /** Bytes of a device. */
  read(device: string, offset: number, length: number): Buffer {
    const parts = slice(this.extents(device), offset, length).map((part) => {
      const buffer = Buffer.alloc(part.length);
      const descriptor = openSync(this.file(part.container), 'r');
      readSync(descriptor, buffer, 0, part.length, part.offset);
      closeSync(descriptor);
      return buffer;
    });
    return Buffer.concat(parts);
  }

  #write(container: string, regions: readonly { readonly offset: number; readonly bytes: Uint8Array }[]): void {
    const descriptor = openSync(this.file(container), 'r+');
    for (const { offset, bytes } of regions) writeSync(descriptor, bytes, 0, bytes.length, offset);
    closeSync(descriptor);
  }
}
