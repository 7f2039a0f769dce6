import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DibError, fail } from '../diagnostics/errors.ts';
import type { ActionContext } from './kind.ts';

/** What a directory tree takes. */
export interface TreeSize {
  /** Sum of the file contents in blocks of 4096 bytes; holes and further hard links do not count. */
  readonly bytes: number;
  readonly inodes: number;
}

const BLOCK = 4096;
const INODE = 256;
const MIB = 1024 * 1024;
/** Content that takes less than this part of a file system fits into it. */
const ROOMY = 0.75;

/** How mke2fs, mtools and cp say that a file system is full. */
const FULL =
  /Could not allocate (block|inode) in ext2 filesystem|No space left on device|No free space in|Disk full|ENOSPC|disk full|No free (clusters|space)|not enough (space|inodes)/i;

/** Measures a tree as a file system would store it. */
export async function measureTree(directory: string): Promise<TreeSize> {
  const linked = new Set<string>();
  let bytes = BLOCK;
  let inodes = 1;
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) {
      const below = await measureTree(path);
      bytes += below.bytes;
      inodes += below.inodes;
      continue;
    }
    const stats = await lstat(path);
    const id = `${stats.dev}:${stats.ino}`;
    if (stats.nlink > 1 && linked.has(id)) continue;
    linked.add(id);
    inodes += 1;
    if (stats.isFile()) bytes += Math.min(Math.ceil(stats.size / BLOCK) * BLOCK, stats.blocks * 512 + BLOCK);
  }
  return { bytes, inodes };
}

/** If a command failed because the file system is full, fails with the arithmetic; otherwise returns. */
export async function explainNoSpace(
  error: unknown,
  where: { context: ActionContext; directory: string | undefined; capacity: number; type: string },
): Promise<void> {
  if (!(error instanceof DibError) || where.directory === undefined) return;
  const hostIsFull = error.diagnostics.some((each) => each.code === 'DIB_DISK_FULL');
  const said = error.diagnostics.map((each) => `${each.summary}\n${each.detail ?? ''}`).join('\n');
  if (!hostIsFull && !FULL.test(said)) return;
  const { bytes, inodes } = await measureTree(where.directory);
  const need = bytes + inodes * INODE;
  if (hostIsFull || need < where.capacity * ROOMY) {
    fail({
      code: 'DIB_DISK_FULL',
      summary: `No space is left on this machine, where the ${where.type} file system is made: \`${where.context.paths.work}\``,
      detail: `The file system of ${inMib(where.capacity)} would hold its content of ${inMib(need)}, but the disk that its file lies on is full.`,
      help: `Make room: ${inMib(need)} are needed there. Or keep state and work files elsewhere with \`--state-dir\`.`,
      address: where.context.address,
    });
  }
  fail({
    code: 'DIB_MKFS_NO_SPACE',
    summary: `Not enough space: the ${where.type} file system has ${inMib(where.capacity)}, its content alone needs ${inMib(need)}`,
    detail: `${inodes} files and directories with ${inMib(bytes)} of content, before the file system's own tables, journal and reserve.`,
    help: `Make it larger: at least ${inMib(Math.ceil(need * 1.15) + 64 * MIB)} would be a good size for this content.`,
    address: where.context.address,
  });
}

function inMib(bytes: number): string {
  return `${Math.ceil(bytes / MIB)} MiB`;
}
