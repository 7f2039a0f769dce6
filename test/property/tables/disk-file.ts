import { execFileSync } from 'node:child_process';
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { DiskLayout } from '../../../src/blockdev/devices.ts';
import { gptBytes } from '../../../src/blockdev/gpt.ts';
import { resolveStack } from '../../../src/blockdev/layout.ts';
import { mbrBytes } from '../../../src/blockdev/mbr.ts';
import { parseBlockDevices } from '../../../src/blockdev/parse.ts';
import { resolveSizes } from '../../../src/blockdev/resolve-sizes.ts';
import type { Json } from '../../../src/util/json.ts';

/** Runs a tool in the C locale and returns what it prints; throws if it fails. */
export function run(program: string, ...args: string[]): string {
  return execFileSync(program, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, LC_ALL: 'C', PATH: `${process.env['PATH']}:/usr/sbin:/sbin` },
  });
}

export function layoutOf(tree: readonly Json[]): DiskLayout {
  const { value, diagnostics } = parseBlockDevices(tree, { imageName: 'tables', locate: () => undefined });
  if (!value) throw new Error(JSON.stringify(diagnostics));
  const stack = resolveStack(value, resolveSizes(value).disks);
  const layout = stack.value?.disks[0];
  if (!layout) throw new Error(JSON.stringify(stack.diagnostics));
  return layout;
}

/** Gives `use` a sparse file that holds the layout's partition table. */
export function withDisk<T>(layout: DiskLayout, use: (file: string) => T): T {
  const directory = mkdtempSync('/var/tmp/dib-blockdev-');
  try {
    const file = join(directory, 'disk.raw');
    const descriptor = openSync(file, 'w');
    ftruncateSync(descriptor, layout.size);
    for (const { offset, bytes } of layout.label === 'gpt' ? gptBytes(layout) : mbrBytes(layout))
      writeSync(descriptor, bytes, 0, bytes.length, offset);
    closeSync(descriptor);
    return use(file);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

interface SfdiskPartition {
  readonly node: string;
  readonly start: number;
  readonly size: number;
  readonly type: string;
  readonly uuid?: string;
  readonly name?: string;
  readonly bootable?: boolean;
}
interface SfdiskTable {
  readonly label: string;
  readonly id: string;
  readonly firstlba?: number;
  readonly lastlba?: number;
  readonly sectorsize: number;
  readonly partitions: readonly SfdiskPartition[];
}

export function sfdisk(file: string): SfdiskTable {
  return (JSON.parse(run('sfdisk', '--json', file)) as { partitiontable: SfdiskTable }).partitiontable;
}

/** What sfdisk should say of a layout. */
export function expectedTable(
  layout: DiskLayout,
  file: string,
  separator = '',
): Pick<SfdiskTable, 'label' | 'id' | 'sectorsize' | 'partitions'> {
  const gpt = layout.label === 'gpt';
  const own = layout.partitions.map(
    (partition): SfdiskPartition => ({
      node: `${file}${separator}${partition.number}`,
      start: partition.startSector,
      size: partition.sectors,
      type: gpt ? partition.type : Number.parseInt(partition.type, 16).toString(16),
      ...(gpt ? { uuid: partition.uuid.toUpperCase(), name: partition.name } : {}),
      ...(partition.boot ? { bootable: true } : {}),
    }),
  );
  const { extended } = layout;
  const primaries = layout.partitions.filter(({ kind }) => kind === 'primary').length;
  if (extended)
    own.splice(primaries, 0, {
      node: `${file}${separator}${primaries + 1}`,
      start: extended.startSector,
      size: extended.sectors,
      type: 'f',
    });
  return {
    label: gpt ? 'gpt' : 'dos',
    id: gpt ? (layout.diskId ?? '').toUpperCase() : (layout.diskId ?? ''),
    sectorsize: layout.sectorSize,
    partitions: own,
  };
}

/** Number, first 512-byte sector, length, PARTUUID and name as partx (and with it the kernel's parser) sees them. */
export function partx(
  file: string,
  sectorSize: number,
): { number: number; start: number; sectors: number; uuid: string; name: string }[] {
  const lines = run('partx', '--pairs', '--sector-size', String(sectorSize), '--output', 'NR,START,SECTORS,UUID,NAME', file);
  return lines
    .trim()
    .split('\n')
    .map((line) => {
      const [number, start, sectors, uuid = '', name = ''] = [...line.matchAll(/[A-Z]+="([^"]*)"/g)].map((match) => match[1]);
      return { number: Number(number), start: Number(start), sectors: Number(sectors), uuid, name };
    });
}
