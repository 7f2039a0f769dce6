import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BuiltImage, buildImage, readExample } from '../support/example.ts';
import { expectPromisesKept } from '../support/expect-promises.ts';
import { bootAndReport } from '../support/qemu.ts';

const PASSPHRASE = 'correct horse battery staple';
const MOUNTS = [
  ['/', '/dev/mapper/root_crypt'],
  ['/boot', '/dev/vda3'],
  ['/boot/efi', '/dev/vda2'],
];

/** The example with an element more. Passphrases are typed in the test of examples/luks-lvm. */
describe('examples/luks with the element luks-unlock', () => {
  let example: BuiltImage;

  beforeAll(() => {
    const image = readExample('luks');
    const elements = [...image.elements, 'luks-unlock'];
    example = buildImage({ ...image, elements }, { environment: { ROOT_PASSPHRASE: PASSPHRASE }, quickToUnlock: true });
  });
  afterAll(() => example?.remove());

  it('luks-unlock: boots with bios without anybody at the console, with the key on a stick', async () => {
    const stick = makeStick(example.directory);
    const { report, console } = await bootAndReport(example.disks, 'bios', {
      arguments: ['-drive', `if=virtio,format=raw,readonly=on,file=${stick}`],
    });
    expect(console.match(/Please unlock disk root_crypt: /g)).toHaveLength(1);
    expect(console.match(/dib-luks-unlock: .*/g)).toEqual([
      expect.stringMatching('^dib-luks-unlock: the key of root_crypt is on DIBKEY'),
    ]);
    expect(report.containers).toMatchObject([{ path: '/dev/mapper/root_crypt', flags: ['discards'] }]);
    expect(report.mounts.map(({ target, source }) => [target, source]).sort()).toEqual(MOUNTS);
    const withoutStick = { ...report, devices: report.devices.filter(({ name }) => name !== 'vdb') };
    expectPromisesKept(withoutStick, example.promises, example.name);
  });

  it('keeps the passphrase out of state and logs', () => {
    const state = readFileSync(`${example.directory}/.dib/state.json`, 'utf8');
    expect(state).toContain('luks.root_crypt');
    expect(state).not.toContain(PASSPHRASE);
  });
});

/** A disk with a FAT file system as the README of luks-unlock describes it; Debian's kernel for virtual machines knows no USB. */
function makeStick(directory: string): string {
  const stick = join(directory, 'stick.img');
  const key = join(directory, 'luks.key');
  writeFileSync(key, PASSPHRASE, { mode: 0o600 });
  execFileSync('mformat', ['-C', '-i', stick, '-T', '2880', '-v', 'DIBKEY', '::']);
  execFileSync('mcopy', ['-i', stick, key, '::luks.key']);
  return stick;
}
