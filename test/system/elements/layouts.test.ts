import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import { Project, tinyImage } from '../cli/project.ts';

const TYPES = {
  bios: '21686148-6449-6E6F-744E-656564454649',
  efi: 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B',
  linux: '0FC63DAF-8483-4772-8E79-3D69D8477DE4',
};

interface Partition {
  readonly start: number;
  readonly size: number;
  readonly type: string;
}

/** The layout of an element around a tree that is made in a moment. */
class Built {
  readonly project: Project;

  constructor(element: string) {
    this.project = new Project(tinyImage({ name: 'layout', elements: ['tiny-system', element], block_device: undefined }));
  }

  /** What sfdisk reads, in bytes. Of a file it cannot be told the sectors, so it gets a loop device that has them. */
  partitions(label: string, sector = 512): Partition[] {
    const loop = ['--find', '--show', '--read-only', '--sector-size', String(sector), this.file];
    const device = execFileSync('losetup', loop, { encoding: 'utf8' }).trim();
    try {
      const json = execFileSync('sfdisk', ['--json', device], { encoding: 'utf8' });
      const { partitiontable: table } = JSON.parse(json) as { partitiontable: { label: string; partitions: Partition[] } };
      expect(table.label).toBe(label);
      return table.partitions.map(({ start, size, type }) => ({ start: start * sector, size: size * sector, type }));
    } finally {
      execFileSync('losetup', ['--detach', device]);
    }
  }

  get file(): string {
    return this.project.path('layout.raw');
  }

  bytes(offset: number, length: number): Buffer {
    const disk = openSync(this.file, 'r');
    const buffer = Buffer.alloc(length);
    readSync(disk, buffer, 0, length, offset);
    closeSync(disk);
    return buffer;
  }

  /** What blkid finds at an offset. */
  blkid(offset: number): Record<string, string> {
    const text = execFileSync('blkid', ['--probe', '--output', 'export', '--offset', String(offset), this.file], {
      encoding: 'utf8',
    });
    return Object.fromEntries(
      text
        .trim()
        .split('\n')
        .map((line) => line.split('=') as [string, string]),
    );
  }
}

let built: Built | undefined;
afterEach(() => built?.project.remove());

/** Fills the disk of a layout. */
function make(element: string): Built {
  built = new Built(element);
  built.project.apply();
  return built;
}

/** Element, label, bytes of a sector, types of its partitions. */
const ELEMENTS = [
  ['block-device-mbr', 'dos', 512, ['83']],
  ['block-device-gpt', 'gpt', 512, [TYPES.bios, TYPES.linux]],
  ['block-device-efi', 'gpt', 512, [TYPES.efi, TYPES.bios, TYPES.linux]],
  ['block-device-efi-4k', 'gpt', 4096, [TYPES.efi, TYPES.bios, TYPES.linux]],
] as const;

describe('block-device-mbr, block-device-gpt, block-device-efi, block-device-efi-4k', () => {
  test.each(ELEMENTS)('%s: partitions and file systems where the names say', (element, label, sector, types) => {
    const made = make(element);
    const partitions = made.partitions(label, sector);
    expect(partitions.map(({ type }) => type)).toEqual(types);
    const root = partitions.at(-1) as Partition;
    expect(made.blkid(root.start)).toMatchObject({ TYPE: 'ext4', LABEL: 'cloudimg-rootfs' });
    if (label === 'gpt') expect(made.bytes(sector, 8).toString()).toBe('EFI PART');
    if (types[0] === TYPES.efi) {
      const esp = partitions[0] as Partition;
      expect(made.blkid(esp.start)).toMatchObject({ TYPE: 'vfat' });
      // BPB_BytsPerSec (Microsoft, FAT: General Overview of On-Disk Format).
      expect(made.bytes(esp.start + 11, 2).readUInt16LE()).toBe(sector);
    }
  });
});
