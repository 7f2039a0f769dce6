import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { probeCommand } from '../exec/probe.ts';
import { type Finding, firstLine } from './finding.ts';

/** A disk with one MBR partition, from sector 2048 to the end of its 2 MiB. */
export function diskWithOnePartition(): Buffer {
  const disk = Buffer.alloc(2 * 1024 * 1024);
  const entry = 0x1be;
  disk[entry + 4] = 0x83;
  disk.writeUInt32LE(2048, entry + 8);
  disk.writeUInt32LE(2048, entry + 12);
  disk.writeUInt16LE(0xaa55, 0x1fe);
  return disk;
}

/** Attaches a file as a loop device, looks whether the kernel found its partition, and detaches it. */
export async function probeLoop(scratch: string): Promise<{ readonly loop: Finding; readonly partitions: Finding }> {
  const file = join(scratch, 'disk');
  await writeFile(file, diskWithOnePartition());
  const attached = await probeCommand(['losetup', '--find', '--show', '--partscan', file]);
  const device = attached.stdout.trim();
  if (attached.exitCode !== 0 || !device.startsWith('/dev/')) {
    const loop: Finding = { state: 'missing', detail: firstLine(attached), help: 'modprobe loop' };
    return { loop, partitions: { state: 'unknown', detail: 'no loop device to try it with' } };
  }
  try {
    const scanned = existsSync(`/sys/class/block/${basename(device)}p1`);
    return {
      loop: { state: 'found', detail: `${device} could be attached` },
      partitions: scanned
        ? { state: 'found', detail: 'the kernel does it' }
        : { state: 'missing', detail: 'the kernel does not do it' },
    };
  } finally {
    await probeCommand(['losetup', '--detach', device]);
  }
}
