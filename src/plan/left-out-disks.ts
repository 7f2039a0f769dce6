import type { BlockDevices } from '../blockdev/devices.ts';
import type { Issues } from '../blockdev/issues.ts';
import { mountedFilesystem } from '../blockdev/mounted.ts';
import { disksUnder } from '../blockdev/stacks.ts';
import type { OutputConfig } from '../config/image.ts';
import { quoted } from '../diagnostics/printable.ts';
import { listOf } from '../diagnostics/suggest.ts';

/** Warns of disk files that hold a part of the system and that no output gives out: without them it is not whole. */
export function checkLeftOutDisks(outputs: readonly OutputConfig[], devices: BlockDevices, issues: Issues): void {
  const ofDisks = outputs.filter(({ format }) => format !== 'tar');
  const files = devices.disks.filter(({ plugin }) => plugin === 'local_loop');
  if (ofDisks.length === 0 || files.length < 2) return;
  const given = new Set(ofDisks.map(({ disk }) => disk ?? files[0]?.name));
  for (const disk of files.filter(({ name }) => !given.has(name))) {
    const points = devices.mounts.flatMap((mount) => {
      const base = mountedFilesystem(devices, mount)?.mkfs.base;
      return base !== undefined && disksUnder(devices, base).has(disk.name) ? [mount.mountPoint] : [];
    });
    if (points.length === 0) continue;
    const what = points.map((point) => (point === 'none' ? 'swap' : point));
    issues.warn('DIB_OUTPUT_DISK_LEFT_OUT', disk.pointer, {
      summary: `no output gives out the disk ${quoted(disk.name)}, and it holds ${listOf(what)}`,
      detail: 'Disks are given out one by one.',
      help: `add \`- {format: ${ofDisks[0]?.format}, disk: ${disk.name}}\` to \`outputs\``,
      part: 'key',
    });
  }
}
