import { expect } from 'vitest';
import { mapperPath } from '../../src/blockdev/grub-filesystems.ts';
import { type BootReport, flatDevices, type ReportedMount } from './boot-report.ts';
import type { Promises } from './promises.ts';

const sorted = <T, K extends keyof T>(list: readonly T[], key: K): readonly T[] =>
  [...list].sort((a, b) => (String(a[key]) < String(b[key]) ? -1 : 1));

/** The kernel shows the container of the logical partitions as a partition too. */
const EXTENDED = '0xf';

/** The booted system is healthy, and is what the plan promised: nothing missing, nothing more. */
export function expectPromisesKept(report: BootReport, promises: Promises, hostname: string): void {
  expect(report.failedUnits, report.failedStatus).toEqual([]);
  expect(report.state, report.failedStatus).toBe('running');
  expect(report.hostname).toBe(hostname);

  expect(sorted(report.mounts.map(mountFacts), 'target')).toEqual(sorted(promises.mounts, 'target'));
  expect(report.swaps.map(({ uuid, bytes }) => ({ uuid, bytes }))).toEqual(promises.swaps);

  const partitions = flatDevices(report.devices)
    .filter(({ type, parttype }) => type === 'part' && parttype !== EXTENDED)
    .map(({ partuuid, size }) => ({ partuuid, size }));
  expect(sorted(partitions, 'partuuid')).toEqual(sorted(promises.partitions, 'partuuid'));
  expectStackKept(report, promises);

  const lines = report.fstab.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'));
  expect(lines.map((line) => line.trim().split(/\s+/).join(' ')).sort()).toEqual([...promises.fstab].sort());
  expect(report.fstabVerdict).toBe('Success, no errors or warnings detected');
  expect(report.cmdline).toContain(`root=${rootOf(report, promises)} `);
}

function mountFacts({ target, source, fstype, uuid, partuuid }: ReportedMount) {
  return { target, fstype, uuid, partuuid: partuuid ?? '', subvolume: /\[(.*)\]$/.exec(source)?.[1] ?? '' };
}

/** Logical volumes, RAIDs and LUKS containers, with their sizes. */
function expectStackKept(report: BootReport, promises: Promises): void {
  const devices = flatDevices(report.devices);
  expect(sorted(report.volumes, 'volume')).toEqual(sorted(promises.volumes, 'volume'));

  const arrays = devices.filter(({ type }) => type.startsWith('raid'));
  expect(sorted(report.arrays, 'path')).toEqual(sorted(promises.arrays, 'path').map(({ size: _, ...array }) => array));
  expect(arrays.map(({ size }) => size).sort()).toEqual(promises.arrays.map(({ size }) => size).sort());

  const opened = devices
    .filter(({ type }) => type === 'crypt')
    .map(({ name, size }) => ({
      name,
      uuid: devices.find(({ fstype, children }) => fstype === 'crypto_LUKS' && children?.some((child) => child.name === name))
        ?.uuid,
      cipher: report.containers.find(({ path }) => path === `/dev/mapper/${name}`)?.cipher,
      size,
    }));
  expect(sorted(opened, 'name')).toEqual(sorted(promises.containers, 'name'));
  expect(report.containers.map(({ type }) => type)).toEqual(promises.containers.map(() => 'LUKS2'));
}

/** What the kernel is told to mount: a logical volume by its path, all else by UUID. */
function rootOf(report: BootReport, promises: Promises): string {
  const source = report.mounts.find(({ target }) => target === '/')?.source;
  const volume = promises.volumes.find((each) => mapperPath(each.group, each.volume) === source);
  const uuid = promises.mounts.find(({ target }) => target === '/')?.uuid;
  return volume === undefined ? `UUID=${uuid}` : mapperPath(volume.group, volume.volume);
}
