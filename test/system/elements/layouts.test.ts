import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import { Project, tinyImage } from '../cli/project.ts';

const TYPES = {
  bios: '21686148-6449-6E6F-744E-656564454649',
  efi: 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B',
  lvm: 'E6D6D379-F507-44C2-A23C-238F2A3DF928',
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

  constructor(element: string, format = 'raw') {
    const elements = ['tiny-system', element];
    this.project = new Project(tinyImage({ name: 'layout', elements, block_device: undefined, outputs: [format] }));
  }

  /** What sfdisk reads, in bytes. Of a file it cannot be told the sectors, so it gets a loop device that has them. */
  partitions(label: string, sector = 512): Partition[] {
    return this.onLoop(['--sector-size', String(sector)], (device) => {
      const json = execFileSync('sfdisk', ['--json', device], { encoding: 'utf8' });
      const { partitiontable: table } = JSON.parse(json) as { partitiontable: { label: string; partitions: Partition[] } };
      expect(table.label).toBe(label);
      return table.partitions.map(({ start, size, type }) => ({ start: start * sector, size: size * sector, type }));
    });
  }

  /** The disk, or the part of it that options of losetup(8) say, as a device that cannot be written to. */
  onLoop<T>(options: readonly string[], use: (device: string) => T): T {
    const loop = ['--find', '--show', '--read-only', ...options, this.file];
    const device = execFileSync('losetup', loop, { encoding: 'utf8' }).trim();
    try {
      return use(device);
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
function make(element: string, format?: string): Built {
  built = new Built(element, format);
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

/** Layouts with logical volumes. */
const ELEMENTS_WITH_VOLUMES = ['block-device-efi-lvm'];

describe('block-device-efi-lvm', () => {
  test.each(ELEMENTS_WITH_VOLUMES)(
    '%s: three volumes with their shares of the group, each with its part of the tree',
    (element) => {
      // 40 GB: of a qcow2 only the blocks that hold something are compressed, checked and unpacked again.
      const made = make(element, 'qcow2');
      execFileSync('qemu-img', ['convert', '-O', 'raw', made.project.path('layout.qcow2'), made.file]);
      const partitions = made.partitions('gpt');
      expect(partitions.map(({ type }) => type)).toEqual([TYPES.efi, TYPES.bios, TYPES.lvm]);
      const { start, size } = partitions[2] as Partition;
      const volumes = made.onLoop(['--offset', String(start), '--sizelimit', String(size)], lvsOf);
      const extents = Math.floor((size - MIB) / EXTENT);
      const shares = { lv_home: 20, lv_root: 23, lv_var: 57 };
      expect(volumes.map(({ name, count }) => [name, count])).toEqual(
        Object.entries(shares).map(([name, share]) => [name, Math.floor((extents * share) / 100)]),
      );
      const systems = { lv_home: 'fs_home', lv_root: 'img-rootfs', lv_var: 'fs_var' };
      for (const { name, first, count } of volumes) {
        const offset = start + MIB + first * EXTENT;
        expect(made.blkid(offset)).toMatchObject({ TYPE: 'xfs', LABEL: systems[name as keyof typeof systems] });
        made.onLoop(['--offset', String(offset), '--sizelimit', String(count * EXTENT)], (device) => {
          execFileSync('xfs_repair', ['-n', device], { stdio: 'ignore' });
          const list = execFileSync('xfs_db', ['-r', '-c', `ls /${name === 'lv_root' ? 'data' : ''}`, device], {
            encoding: 'utf8',
          });
          expect(/ hard-link /.test(list)).toBe(name === 'lv_root');
        });
      }
    },
  );
});

const MIB = 2 ** 20;
const EXTENT = 4 * MIB;

interface Volume {
  readonly name: string;
  /** In extents from the beginning of the physical volume's, which are at 1 MiB. */
  readonly first: number;
  readonly count: number;
}

/** The logical volumes that LVM reads on a device, by name. It needs no device-mapper for that. */
function lvsOf(device: string): Volume[] {
  const json = [
    '--reportformat',
    'json',
    '--options',
    'vg_name,lv_name,seg_pe_ranges',
    '--driverloaded',
    'n',
    '--devices',
    device,
  ];
  const text = execFileSync('lvs', json, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  const { report } = JSON.parse(text) as { report: { lv: { vg_name: string; lv_name: string; seg_pe_ranges: string }[] }[] };
  return (report[0]?.lv ?? []).map(({ vg_name, lv_name, seg_pe_ranges: ranges }) => {
    expect(vg_name).toBe('vg');
    const [, first, last] = new RegExp(`^${device}:(\\d+)-(\\d+)$`).exec(ranges) ?? [];
    return { name: lv_name, first: Number(first), count: Number(last) - Number(first) + 1 };
  });
}
