import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readSync, rmSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseLvmText, readVolumeGroup } from '../../../src/blockdev/lvm-text.ts';
import { type ReadBytes, readSignatures } from '../../../src/blockdev/signatures.ts';

const MiB = 1024 ** 2;
const UUID = '3d2f1f0e-6c5b-4a39-8f27-1e0d9c8b7a65';
const PATH = `${process.env['PATH']}:/usr/sbin:/sbin`;

let directory: string;
let image: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'dib-unit-signatures-'));
  image = join(directory, 'image');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function make(size: number, ...argv: readonly string[]): void {
  writeFileSync(image, '');
  truncateSync(image, size);
  const [program = '', ...args] = argv.map((word) => (word === '@' ? image : word));
  if (program !== '') execFileSync(program, args, { stdio: 'pipe', env: { ...process.env, PATH } });
}

const bytesOf: ReadBytes = async (offset, length) => {
  const file = openSync(image, 'r');
  const buffer = Buffer.alloc(length);
  const read = readSync(file, buffer, 0, length, offset);
  closeSync(file);
  return buffer.subarray(0, read);
};

function write(offset: number, bytes: Uint8Array): void {
  const file = openSync(image, 'r+');
  writeSync(file, bytes, 0, bytes.length, offset);
  closeSync(file);
}

/** What util-linux says of the same bytes. */
function blkid(): { type?: string | undefined; uuid?: string | undefined; label?: string | undefined } {
  const { stdout } = spawnSync('blkid', ['--probe', '--output', 'export', image], {
    encoding: 'utf8',
    env: { ...process.env, PATH },
  });
  const value = (name: string) => new RegExp(`^${name}=(.*)$`, 'm').exec(stdout)?.[1]?.replaceAll('\\', '');
  const table = value('PTTYPE');
  return { type: table === 'dos' ? 'mbr' : (table ?? value('TYPE')), uuid: value('UUID'), label: value('LABEL') };
}

describe('signatures are what blkid finds', () => {
  it.each([
    ['ext2', 8 * MiB, ['mkfs.ext2', '-q', '-F', '-L', 'two', '-U', UUID, '@']],
    ['ext3', 16 * MiB, ['mkfs.ext3', '-q', '-F', '-L', 'three', '-U', UUID, '@']],
    ['ext4', 16 * MiB, ['mkfs.ext4', '-q', '-F', '-L', 'sixteen-letters.', '-U', UUID, '@']],
    ['ext4', 16 * MiB, ['mkfs.ext4', '-q', '-F', '-O', '^has_journal', '-U', UUID, '@']],
    ['xfs', 300 * MiB, ['mkfs.xfs', '-q', '-L', 'data', '-m', `uuid=${UUID}`, '@']],
    ['btrfs', 128 * MiB, ['mkfs.btrfs', '-q', '-L', 'a pool', '-U', UUID, '@']],
    ['vfat', 4 * MiB, ['mkfs.vfat', '-F', '12', '-n', 'ESP', '-i', 'ABCD1234', '@']],
    ['vfat', 32 * MiB, ['mkfs.vfat', '-F', '16', '-i', '0000BEEF', '@']],
    ['vfat', 64 * MiB, ['mkfs.vfat', '-F', '32', '-n', 'EFI SYSTEM', '-i', 'ABCD1234', '@']],
    ['swap', 4 * MiB, ['mkswap', '--label', 'swap', '--uuid', UUID, '@']],
  ])('%s', async (type, size, argv) => {
    make(size, ...argv);
    const [found, ...others] = await readSignatures(bytesOf, size);
    expect(others).toEqual([]);
    const oracle = blkid();
    expect(found?.type).toBe(type);
    expect(found?.type).toBe(oracle.type);
    expect(found?.uuid).toBe(oracle.uuid);
    expect(found?.label).toBe(oracle.label);
  });

  it('LUKS2, with and without a label', async () => {
    const key = join(directory, 'key');
    writeFileSync(key, 'secret');
    const cheap = ['--pbkdf', 'pbkdf2', '--pbkdf-force-iterations', '1000', '--disable-locks'];
    for (const more of [[], ['--label', 'vault']]) {
      make(
        20 * MiB,
        'cryptsetup',
        'luksFormat',
        '--batch-mode',
        '--type',
        'luks2',
        '--uuid',
        UUID,
        ...cheap,
        ...more,
        '--key-file',
        key,
        '@',
      );
      expect(await readSignatures(bytesOf, 20 * MiB)).toEqual([{ ...blkid(), type: 'crypto_LUKS' }]);
    }
  });

  it.each([
    ['1.2', 4096],
    ['1.1', 0],
    ['1.0', 8 * MiB - 8192],
  ])('a member of an array with metadata %s', async (_version, offset) => {
    make(8 * MiB);
    const superblock = Buffer.alloc(512);
    superblock.writeUInt32LE(0xa92b4efc, 0);
    superblock.writeUInt32LE(1, 4);
    superblock.write(UUID.replaceAll('-', ''), 16, 'hex');
    superblock.write('host:boot', 32, 'latin1');
    superblock.writeBigUInt64LE(BigInt(offset / 512), 144);
    superblock.writeUInt32LE(2, 128);
    write(offset, superblock);
    expect(await readSignatures(bytesOf, 8 * MiB)).toEqual([{ type: 'linux_raid_member', uuid: UUID, label: 'host:boot' }]);
  });

  it.each([
    ['mbr', 'dos'],
    ['gpt', 'gpt'],
  ])('a partition table: %s', async (type, label) => {
    make(8 * MiB);
    execFileSync('sfdisk', ['--quiet', '--label', label, image], { input: '2048,4096\n', env: { ...process.env, PATH } });
    expect(await readSignatures(bytesOf, 8 * MiB)).toEqual([{ type }]);
    expect(blkid().type).toBe(type);
  });

  it('nothing where there is nothing', async () => {
    make(8 * MiB);
    expect(await readSignatures(bytesOf, 8 * MiB)).toEqual([]);
    make(256);
    expect(await readSignatures(bytesOf, 256)).toEqual([]);
  });

  it('both of two that do not overlap', async () => {
    make(16 * MiB, 'mkfs.ext4', '-q', '-F', '-U', UUID, '@');
    const label = Buffer.from('LUKS\xba\xbe', 'latin1');
    write(0, label);
    expect((await readSignatures(bytesOf, 16 * MiB)).map(({ type }) => type)).toEqual(['ext4', 'crypto_LUKS']);
  });
});

describe('a volume group, from the metadata on a physical volume', () => {
  const PV = 'aaaaaa-bbbb-cccc-dddd-eeee-ffff-gggggg';
  const TEXT = `vg-0 { # made by a test
id = "${PV}"
seqno = 7
flags = ["READ", "WRITE"]
extent_size = 8192
physical_volumes { pv0 { id = "${PV}" device = "/dev/\\"odd\\"" pe_start = 2048 } }
logical_volumes {
root { id = "${PV.replace('a', 'z')}" segment1 { stripes = [ "pv0", 0 ] } }
var_log { id = "x" creation_time = -1 }
}
}
contents = "Text Format Volume Group"
version = 1
description = ""
`;

  /** struct mda_header of lvm2, with the text at `offset` of an area of `size` bytes. */
  function area(text: string, offset: number, size: number): void {
    make(2 * MiB);
    const header = Buffer.alloc(512);
    header.write(' LVM2 x[5A%r0N*>', 4, 'latin1');
    header.writeUInt32LE(1, 20);
    header.writeBigUInt64LE(4096n, 24);
    header.writeBigUInt64LE(BigInt(size), 32);
    header.writeBigUInt64LE(BigInt(offset), 40);
    const bytes = Buffer.from(`${text}\0`);
    header.writeBigUInt64LE(BigInt(bytes.length), 48);
    write(4096, header);
    const first = Math.min(bytes.length, size - offset);
    write(4096 + offset, bytes.subarray(0, first));
    if (first < bytes.length) write(4096 + 512, bytes.subarray(first));
  }

  const expected = {
    name: 'vg-0',
    id: PV,
    seqno: 7,
    pvs: [{ id: PV }],
    lvs: [
      { name: 'root', id: PV.replace('a', 'z') },
      { name: 'var_log', id: 'x' },
    ],
  };

  it('is read, also where the text goes round the end of its area', async () => {
    area(TEXT, 512, MiB - 4096);
    expect(await readVolumeGroup(bytesOf)).toEqual(expected);
    area(TEXT, 8192 - 200, 8192);
    expect(await readVolumeGroup(bytesOf)).toEqual(expected);
  });

  it('is none where it is damaged or cut short', async () => {
    make(2 * MiB);
    expect(await readVolumeGroup(bytesOf)).toBeUndefined();
    area(TEXT.slice(0, 300), 512, MiB - 4096);
    expect(await readVolumeGroup(bytesOf)).toBeUndefined();
    area('contents = "Text"', 512, MiB - 4096);
    expect(await readVolumeGroup(bytesOf)).toBeUndefined();
    expect(() => parseLvmText('a { b = } }')).toThrow(SyntaxError);
    expect(() => parseLvmText('a { b = 1')).toThrow('ends too early');
    expect(() => parseLvmText('a ! 1')).toThrow('! after a');
  });
});
