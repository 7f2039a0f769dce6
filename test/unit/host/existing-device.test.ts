import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type DeviceHost, identifyDevice, type Located, seeDevice } from '../../../src/host/existing-device.ts';
import { hostFiles } from '../../../src/host/files.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'dib-unit-device-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** A disk in sysfs with these files, at the end of a chain of directories as on a real machine. */
function device(number: string, path: string, files: Readonly<Record<string, string>>): void {
  for (const [file, text] of Object.entries(files)) {
    const target = join(root, 'sys/devices', path, file);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, `${text}\n`);
  }
  mkdirSync(join(root, 'sys/dev/block'), { recursive: true });
  symlinkSync(`../../devices/${path}`, join(root, 'sys/dev/block', number));
}

function hostWith(located: Located): DeviceHost {
  return { files: hostFiles(root), locate: async () => located };
}

const identify = (path: string, number: string) => identifyDevice(path, hostWith({ state: 'device', node: '/dev/x', number }));

test('a SCSI disk: names with blanks around them, the serial from its page 80', async () => {
  device('8:16', 'pci0/host1/block/sdb', {
    dev: '8:16',
    size: '41943040',
    ro: '0',
    'queue/logical_block_size': '4096',
    'device/vendor': 'ATA     ',
    'device/model': 'QEMU HARDDISK   ',
    'device/vpd_pg80': '\x00\x80\x00\x14  QM00001',
    'device/wwid': 't10.ATA     QEMU HARDDISK   QM00001',
  });
  expect(await identify('/dev/disk/by-id/ata-1', '8:16')).toEqual({
    path: '/dev/disk/by-id/ata-1',
    size: 20 * 1024 ** 3,
    sectorSize: 4096,
    model: 'ATA QEMU HARDDISK',
    serial: 'QM00001',
    wwid: 't10.ATA     QEMU HARDDISK   QM00001',
  });
});

test('a virtio disk: a number for a vendor, the serial beside it; a partition of it', async () => {
  device('254:0', 'pci0/virtio1/block/vda', { dev: '254:0', size: '2048', 'device/vendor': '0x1af4', serial: 'a-disk' });
  device('254:1', 'pci0/virtio1/block/vda/vda1', { dev: '254:1', size: '1024', partition: '1' });
  expect(await identify('/dev/vda', '254:0')).toEqual({ path: '/dev/vda', size: 1024 ** 2, sectorSize: 512, serial: 'a-disk' });
  expect(await identify('/dev/vda1', '254:1')).toEqual({
    path: '/dev/vda1',
    size: 1024 ** 2 / 2,
    sectorSize: 512,
    serial: 'a-disk partition 1',
  });
});

test('a disk behind USB, whose serial only udev knows', async () => {
  device('8:0', 'usb1/block/sda', { dev: '8:0', size: '8', 'device/model': 'Stick' });
  mkdirSync(join(root, 'run/udev/data'), { recursive: true });
  writeFileSync(join(root, 'run/udev/data/b8:0'), 'S:disk/by-id/usb-x\nE:ID_SERIAL=Stick_42\nE:ID_SERIAL_SHORT=42\n');
  expect(await identify('/dev/sda', '8:0')).toMatchObject({ model: 'Stick', serial: '42' });
});

test('virtual devices are told apart by what they are made of', async () => {
  device('7:3', 'virtual/block/loop3', { dev: '7:3', size: '8', 'loop/backing_file': '/images/a.raw' });
  device('253:0', 'virtual/block/dm-0', { dev: '253:0', size: '8', 'dm/uuid': 'LVM-abc' });
  expect(await identify('/dev/loop3', '7:3')).toMatchObject({ wwid: '/images/a.raw' });
  expect(await identify('/dev/mapper/vg-lv', '253:0')).toMatchObject({ wwid: 'LVM-abc' });
});

test('what cannot be read is told: partitions that the kernel knows, protection, no medium', async () => {
  device('8:32', 'pci0/block/sdc', { dev: '8:32', size: '0', ro: '1', 'sdc1/partition': '1', 'sdc2/partition': '2' });
  const host = hostWith({ state: 'device', node: '/dev/does-not-exist', number: '8:32' });
  const sighting = await seeDevice('/dev/sdc', { host });
  expect(sighting).toEqual({
    state: 'found',
    facts: {
      identity: { path: '/dev/sdc', size: 0, sectorSize: 512 },
      node: '/dev/does-not-exist',
      number: '8:32',
      whole: '8:32',
      type: 'disk',
      readOnly: true,
      uses: [],
      contents: { known: false, why: 'it cannot be read (ENOENT)', partitions: 2 },
    },
  });
});

test('nothing there, or something else', async () => {
  expect(await seeDevice('/dev/x', { host: hostWith({ state: 'absent' }) })).toEqual({ state: 'absent' });
  expect(await seeDevice(join(root, 'no/such'))).toEqual({ state: 'absent' });
  expect(await seeDevice(root)).toEqual({ state: 'other', what: 'a directory' });
  writeFileSync(join(root, 'file'), '');
  expect(await seeDevice(join(root, 'file'))).toEqual({ state: 'other', what: 'a file' });
  expect(await seeDevice('/dev/null')).toEqual({ state: 'other', what: 'no block device' });
});
