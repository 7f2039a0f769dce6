import { expect, it } from 'vitest';
import type { DiskLayout, PlacedPartition } from '../../../src/blockdev/devices.ts';
import { BIOS_BOOT, bootloaderPlace } from '../../../src/kinds/bootloader-place.ts';

function part(startSector: number, sectors: number, more: Partial<PlacedPartition> = {}): PlacedPartition {
  const where = { startSector, sectors, offset: startSector * 512, length: sectors * 512 };
  return { name: 'p', number: 1, kind: 'primary', type: '83', uuid: 'u', boot: false, ...where, ...more };
}

function disk(more: Partial<DiskLayout>): DiskLayout {
  return { disk: 'image0', size: 1024 ** 3, sectorSize: 512, label: 'mbr', partitions: [part(2048, 100)], ...more };
}

it('is the gap before the first partition of an MBR disk', () => {
  expect(bootloaderPlace(disk({}))).toEqual({ place: { kind: 'mbr-gap', startSector: 1, sectors: 2047 } });
  const logical = part(4096, 100, { kind: 'logical', number: 5 });
  expect(bootloaderPlace(disk({ partitions: [logical], extended: { startSector: 64, sectors: 9000 } }))).toEqual({
    place: { kind: 'mbr-gap', startSector: 1, sectors: 63 },
  });
});

it('is the BIOS boot partition of a GPT disk', () => {
  const partitions = [part(4096, 100, { kind: 'gpt' }), part(2048, 2048, { kind: 'gpt', type: BIOS_BOOT })];
  expect(bootloaderPlace(disk({ label: 'gpt', partitions }))).toEqual({
    place: { kind: 'bios-boot-partition', startSector: 2048, sectors: 2048 },
  });
});

it('says why there is none', () => {
  expect(bootloaderPlace(disk({ label: 'gpt' }))).toEqual({ reason: 'the disk has no BIOS boot partition (type EF02)' });
  expect(bootloaderPlace(disk({ label: undefined, partitions: [] }))).toEqual({
    reason: 'the disk has no partition table, and so no room for a boot loader',
  });
  expect(bootloaderPlace(disk({ sectorSize: 4096 }))).toEqual({
    reason: 'the BIOS boots only from disks with sectors of 512 bytes',
  });
  expect(bootloaderPlace(disk({ partitions: [part(1, 100)] }))).toEqual({
    reason: 'the first partition leaves no gap after the master boot record',
  });
});
