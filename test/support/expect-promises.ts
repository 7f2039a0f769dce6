import { expect } from 'vitest';
import { type BootReport, leaves } from './boot-report.ts';
import type { Promises } from './promises.ts';

const byTarget = (a: { readonly target: string }, b: { readonly target: string }) => (a.target < b.target ? -1 : 1);
const byPartuuid = (a: { readonly partuuid: string | null }, b: { readonly partuuid: string | null }) =>
  String(a.partuuid) < String(b.partuuid) ? -1 : 1;

/** The kernel shows the container of the logical partitions as a partition too. */
const EXTENDED = '0xf';

/** The booted system is healthy, and is what the plan promised: nothing missing, nothing more. */
export function expectPromisesKept(report: BootReport, promises: Promises, hostname: string): void {
  expect(report.failedUnits, report.failedStatus).toEqual([]);
  expect(report.state, report.failedStatus).toBe('running');
  expect(report.hostname).toBe(hostname);

  const mounts = report.mounts.map(({ target, fstype, uuid, partuuid }) => ({ target, fstype, uuid, partuuid }));
  expect(mounts.sort(byTarget)).toEqual([...promises.mounts].sort(byTarget));

  const partitions = leaves(report.devices)
    .filter(({ parttype }) => parttype !== EXTENDED)
    .map(({ partuuid, size }) => ({ partuuid, size }));
  expect(partitions.sort(byPartuuid)).toEqual([...promises.partitions].sort(byPartuuid));

  expect(report.swaps.map(({ uuid, bytes }) => ({ uuid, bytes }))).toEqual(promises.swaps);

  const lines = report.fstab.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'));
  expect(lines.map((line) => line.trim().split(/\s+/).join(' ')).sort()).toEqual([...promises.fstab].sort());
  expect(report.fstabVerdict).toBe('Success, no errors or warnings detected');

  const root = promises.mounts.find(({ target }) => target === '/');
  expect(report.cmdline).toContain(`root=UUID=${root?.uuid}`);
}
