import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { minimumFilesystemSize } from '../../src/blockdev/auto-size.ts';
import type { FilesystemType } from '../../src/blockdev/devices.ts';
import { effectiveMkfsOpts } from '../../src/blockdev/filesystems.ts';

const MIB = 1024 ** 2;
let directory: string;

beforeAll(() => {
  directory = mkdtempSync('/var/tmp/dib-blockdev-auto-');
});
afterAll(() => rmSync(directory, { recursive: true }));

const run = (program: string, ...args: string[]): string =>
  execFileSync(program, args, {
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C', PATH: `${process.env['PATH']}:/usr/sbin:/sbin` },
  });

interface Tree {
  readonly path: string;
  readonly usage: { readonly bytes: number; readonly inodes: number };
}

const made = new Map<string, Tree>();

/** A tree of `files` files of `size` bytes, a hundred in a directory, made at the first call, and what it takes. */
function treeOf(name: string, files: number, size: number): Tree {
  const tree = made.get(name) ?? makeTree(name.replaceAll(' ', '-'), files, size);
  made.set(name, tree);
  return tree;
}

function makeTree(name: string, files: number, size: number): Tree {
  const path = join(directory, name);
  const content = Buffer.alloc(size, 'x');
  let inodes = 1;
  let bytes = 4096;
  for (let index = 0; index < files; index += 1) {
    const folder = join(path, `folder${Math.floor(index / 100)}`);
    if (index % 100 === 0) {
      mkdirSync(folder, { recursive: true });
      inodes += 1;
      bytes += 4096;
    }
    writeFileSync(join(folder, `file-${index}`), content);
    inodes += 1;
    bytes += Math.ceil(size / 4096) * 4096;
  }
  return { path, usage: { bytes, inodes } };
}

const TREES = [
  ['a few small files', 10, 100],
  ['many empty files', 20_000, 0],
  ['many small files', 30_000, 3000],
  ['files of 100 KB', 1500, 100_000],
  ['large files', 6, 60 * MIB],
] as const;
const KINDS: readonly (readonly [FilesystemType, readonly string[]])[] = [
  ['ext4', []],
  ['ext4', ['-i', '16384']],
  ['ext4', ['-O', '^has_journal']],
  ['ext4', ['-b', '1024', '-J', 'size=16']],
  ['ext3', []],
  ['ext2', []],
];

test.each(TREES)('a real ext file system of the smallest size holds %s, and is not much too large', (name, files, size) => {
  const { path, usage } = treeOf(name, files, size);
  for (const [type, opts] of KINDS) {
    const length = minimumFilesystemSize({ type, opts }, usage);
    const image = join(directory, 'fs.img');
    writeFileSync(image, '');
    truncateSync(image, length);
    // Fails when a file or inode has no room.
    run('mke2fs', '-q', '-F', '-t', type, ...effectiveMkfsOpts({ type, opts }, length), '-d', path, image);
    const info = run('dumpe2fs', '-h', image);
    const figure = (key: string): number => Number(new RegExp(`^${key}:\\s+(\\d+)`, 'm').exec(info)?.[1]);
    const free = figure('Free blocks') * figure('Block size');
    // Where inodes decide the size, blocks are left over; and files end in smaller blocks than was counted with.
    const inodesDecide = figure('Free inodes') < usage.inodes * 0.2;
    const bound = 32 * MIB + usage.bytes * 0.2 + (figure('Block size') < 4096 ? usage.bytes * 0.5 : 0);
    expect({ type, opts, free: inodesDecide || free < bound }).toEqual({ type, opts, free: true });
    run('e2fsck', '-fn', image);
    rmSync(image);
  }
});

test.each(TREES)('a real FAT file system of the smallest size holds %s', (name, files, size) => {
  const { path, usage } = treeOf(name, files, size);
  const image = join(directory, 'fat.img');
  writeFileSync(image, '');
  truncateSync(image, minimumFilesystemSize({ type: 'vfat', opts: [] }, usage));
  run('mkfs.vfat', image);
  const folders = run('find', path, '-mindepth', '1', '-maxdepth', '1').trim().split('\n');
  run('mcopy', '-s', '-i', image, ...folders, '::');
  rmSync(image);
});
