import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import type { PlacedPartition } from '../../../src/blockdev/devices.ts';
import type { MiniEngine } from './harness.ts';
import { describeTree } from './tree-fixture.ts';

export function run(program: string, ...args: string[]): string {
  return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

export function placed(engine: MiniEngine, name: string): PlacedPartition {
  const found = engine.layouts.flatMap((layout) => layout.partitions).find((each) => each.name === name);
  if (found === undefined) throw new Error(`no partition ${name}`);
  return found;
}

/** Mounts a piece of a disk file read-only through the kernel and hands its directory over. */
export function withMounted<T>(file: string, piece: { offset: number; length: number }, use: (directory: string) => T): T {
  const directory = mkdtempSync('/var/tmp/dib-kinds-mnt-');
  const device = run(
    'losetup',
    '-r',
    '-f',
    '--show',
    '-o',
    String(piece.offset),
    '--sizelimit',
    String(piece.length),
    file,
  ).trim();
  try {
    run('mount', '-o', 'ro', device, directory);
    try {
      return use(directory);
    } finally {
      run('umount', directory);
    }
  } finally {
    run('losetup', '-d', device);
    rmdirSync(directory);
  }
}

/** What describeTree says of a tree whose other file systems show as empty directories. */
export function expectedTree(tree: string, empty: readonly string[], { clamp = true } = {}): string {
  const copy = mkdtempSync('/var/tmp/dib-kinds-expected-');
  run('cp', '-a', `${tree}/.`, copy);
  for (const directory of empty) {
    const time = run('stat', '-c', '@%Y', `${copy}/${directory}`).trim();
    run('find', `${copy}/${directory}`, '-mindepth', '1', '-delete');
    run('touch', '-d', time, `${copy}/${directory}`);
  }
  // No time stamp is later than the epoch of the image.
  if (clamp) run('find', copy, '-newermt', '@1700000000', '-exec', 'touch', '-h', '-d', '@1700000000', '{}', '+');
  try {
    return describeTree(copy);
  } finally {
    run('rm', '-rf', copy);
  }
}

/** Copies a piece of a disk file out, for checkers that know no offsets. */
export function cutOut(file: string, piece: { offset: number; length: number }, into: string): string {
  const bytes = ['iflag=skip_bytes,count_bytes', `skip=${piece.offset}`, `count=${piece.length}`];
  run('dd', `if=${file}`, `of=${into}`, 'bs=1M', ...bytes, 'conv=sparse', 'status=none');
  return into;
}
