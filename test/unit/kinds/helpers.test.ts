import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DiskLayout, PlacedPartition } from '../../../src/blockdev/devices.ts';
import { DibError } from '../../../src/diagnostics/errors.ts';
import { crc32c } from '../../../src/kinds/ext-inodes.ts';
import { backs, deviceNumberText, losetupCommand, parseLoops } from '../../../src/kinds/loop.ts';
import { withParents } from '../../../src/kinds/mkfs-file.ts';
import { measureTree } from '../../../src/kinds/no-space.ts';
import { asideName } from '../../../src/kinds/output.ts';
import { outputCommand } from '../../../src/kinds/output-commands.ts';
import { gaps } from '../../../src/kinds/partitioning.ts';
import { directoryInTree, hiddenBelow } from '../../../src/kinds/tree-view.ts';
import { fillCommands, scanForVfat } from '../../../src/kinds/vfat-fill.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'dib-unit-kinds-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

async function problemOf(promise: Promise<unknown>) {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof DibError)) throw new Error(`expected a DibError, got ${String(error)}`);
  return error.diagnostics[0];
}

describe('what one file system sees of the tree', () => {
  it('hides the mount points of others, outermost first', () => {
    const hide = ['/', '/var', '/var/log', '/boot/efi', '/vardata'];
    expect(hiddenBelow('/', hide)).toEqual(['boot/efi', 'var', 'vardata']);
    expect(hiddenBelow('/var', hide)).toEqual(['log']);
    expect(hiddenBelow('/var/log', hide)).toEqual([]);
  });

  it('does not follow symbolic links out of the tree', async () => {
    mkdirSync(join(directory, 'run'));
    mkdirSync(join(directory, 'var'));
    symlinkSync('/run', join(directory, 'var/run'));
    expect((await directoryInTree(directory, '/run', 'mkfs.x'))?.path).toBe(join(directory, 'run'));
    expect(await directoryInTree(directory, '/srv/data', 'mkfs.x')).toBeUndefined();
    expect(await problemOf(directoryInTree(directory, '/var/run/lock', 'mkfs.x'))).toMatchObject({
      code: 'DIB_MOUNT_POINT_NOT_DIRECTORY',
      summary: 'The mount point `/var/run/lock` cannot be used: `/var/run` is a symbolic link in the image',
    });
  });

  it('makes missing mount points parents first', () => {
    expect(withParents(['srv/a/b', 'srv/c'])).toEqual(['srv', 'srv/a', 'srv/a/b', 'srv/c']);
  });
});

describe('vfat', () => {
  it('is filled in a fixed order, directories first', async () => {
    mkdirSync(join(directory, 'EFI/BOOT'), { recursive: true });
    for (const name of ['z', 'EFI/BOOT/b', 'EFI/BOOT/a']) writeFileSync(join(directory, name), name);
    const content = await scanForVfat(directory, 'mkfs.esp');
    const commands = fillCommands('/w/image0.raw@@1048576', '/tree', content, 1_700_000_000);
    expect(commands.map(({ argv }) => argv.join(' '))).toEqual([
      'mmd -i /w/image0.raw@@1048576 ::/EFI ::/EFI/BOOT',
      'mcopy -i /w/image0.raw@@1048576 /tree/EFI/BOOT/a /tree/EFI/BOOT/b ::/EFI/BOOT',
      'mcopy -i /w/image0.raw@@1048576 /tree/z ::/',
    ]);
    expect(commands[0]?.env).toEqual({ LC_ALL: 'C.UTF-8', TZ: 'UTC', MTOOLSRC: '/dev/null', SOURCE_DATE_EPOCH: '1700000000' });
    expect(fillCommands('x', '/tree', content, 1)[0]?.env?.['SOURCE_DATE_EPOCH']).toBe('315532800');
  });

  it('cannot hold everything: all of it is told at once', async () => {
    symlinkSync('x', join(directory, 'link'));
    for (const name of ['a:b', 'dot.', 'Case', 'case']) writeFileSync(join(directory, name), '');
    writeFileSync(join(directory, 'huge'), '');
    truncateSync(join(directory, 'huge'), 2 ** 32);
    expect(await problemOf(scanForVfat(directory, 'mkfs.esp'))).toMatchObject({
      code: 'DIB_MKFS_VFAT_CONTENT',
      summary: 'A vfat file system cannot hold 5 files of the image',
      address: 'mkfs.esp',
      detail: [
        '/a:b: a character that vfat names cannot have',
        '/case: differs from Case only in case',
        '/dot.: a name that ends in a dot or a space',
        '/huge: larger than 4 GiB',
        '/link: symbolic link',
      ].join('\n'),
    });
  });
});

describe('loop devices', () => {
  it('attaches a slice of the file, or the whole', () => {
    expect(losetupCommand('/w/a.raw', 512, 1024, 512).argv.join(' ')).toBe(
      'losetup --find --show --offset 512 --sizelimit 1024 --sector-size 512 /w/a.raw',
    );
    expect(losetupCommand('/w/a.raw', 0, 0, 4096).argv.join(' ')).toBe('losetup --find --show --sector-size 4096 /w/a.raw');
  });

  it('is told apart by device and inode of its file', () => {
    const row =
      '{"name":"/dev/loop3","back-file":"/w/a.raw (deleted)","back-ino":42,"back-maj:min":"254:0","offset":0,"sizelimit":0}';
    const [loop] = parseLoops(`{"loopdevices":[${row}]}`);
    if (loop === undefined) throw new Error('no loop parsed');
    expect(parseLoops('')).toEqual([]);
    expect(backs(loop, { file: '/elsewhere', dev: 254 * 256, ino: 42 })).toBe(true);
    expect(backs(loop, { file: '/w/a.raw', dev: 35, ino: 42 })).toBe(true);
    expect(backs(loop, { file: '/elsewhere', dev: 35, ino: 42 })).toBe(false);
    expect(backs(loop, { file: '/w/a.raw', dev: 254 * 256, ino: 43 })).toBe(false);
  });

  it('reads device numbers as makedev(3) packs them', () => {
    expect(deviceNumberText(0xfe00)).toBe('254:0');
    expect(deviceNumberText(0x12_3456)).toBe('564:342');
  });
});

it('leaves partitions and the gap of the boot loader alone when it clears the rest', () => {
  const part = (offset: number, length: number) => ({ offset, length, kind: 'primary' }) as PlacedPartition;
  const layout = {
    disk: 'd',
    size: 1000,
    sectorSize: 1,
    label: 'mbr',
    partitions: [part(600, 100), part(300, 200)],
  } as DiskLayout;
  expect(gaps(layout)).toEqual([
    [500, 100],
    [700, 300],
  ]);
  expect(gaps({ ...layout, extended: { startSector: 250, sectors: 9 } })[0]).toEqual([250, 50]);
});

it('computes CRC-32C', () => {
  // RFC 3720 B.4: 32 bytes of zeroes, and the check value of "123456789"; both inverted at the end.
  expect((crc32c(0xffffffff, Buffer.alloc(32)) ^ 0xffffffff) >>> 0).toBe(0x8a9136aa);
  expect((crc32c(0xffffffff, Buffer.from('123456789')) ^ 0xffffffff) >>> 0).toBe(0xe3069283);
});

it('names kept files as diskimage-builder does', () => {
  const time = new Date(2026, 10, 2, 3, 4, 5);
  expect(asideName('/out/web.qcow2', time)).toBe('/out/web-2026.11.02-03.04.05.qcow2');
  expect(asideName('/out/.web', time)).toBe('/out/.web-2026.11.02-03.04.05');
});

it('writes outputs in ways that give the same bytes twice', () => {
  const base = { path: 'web.qcow2', disk: 'local_loop.image0' };
  const text = (format: 'raw' | 'qcow2' | 'tar', compression: 'zstd' | 'zlib' | 'gzip' | 'none'): string =>
    outputCommand({ ...base, format, compression, epoch: 5 }, '/s', '/t').argv.join(' ');
  expect(text('raw', 'none')).toBe('cp --sparse=always --reflink=auto -- /s /t');
  expect(text('qcow2', 'zstd')).toBe('qemu-img convert -f raw -O qcow2 -c -o compression_type=zstd /s /t');
  expect(text('qcow2', 'zlib')).toBe('qemu-img convert -f raw -O qcow2 -c -o compression_type=zlib /s /t');
  expect(text('qcow2', 'none')).toBe('qemu-img convert -f raw -O qcow2 /s /t');
  expect(text('tar', 'zstd')).toBe(
    'tar --create --file=/t --directory=/s --format=pax --pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime --sort=name --numeric-owner --xattrs --xattrs-include=* --acls --sparse --sparse-version=0.0 --warning=no-file-ignored --mtime=@5 --clamp-mtime --use-compress-program=zstd -3 -T0 .',
  );
});

it('measures a tree as a file system would store it', async () => {
  mkdirSync(join(directory, 'sub'));
  writeFileSync(join(directory, 'sub/file'), Buffer.alloc(5000, 1));
  writeFileSync(join(directory, 'holes'), '');
  truncateSync(join(directory, 'holes'), 1024 ** 3);
  const { bytes, inodes } = await measureTree(directory);
  expect(inodes).toBe(4);
  expect(bytes).toBeLessThan(64 * 1024);
});
