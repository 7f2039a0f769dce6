import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BuiltImage, buildImage, readExample } from '../support/example.ts';
import { expectPromisesKept } from '../support/expect-promises.ts';
import { bootAndReport } from '../support/qemu.ts';

const KEY = 'a key that nobody types';
/** How the initramfs asks; it always does, and gets its answer from elsewhere. */
const QUESTION = 'Please unlock disk root_crypt: ';

/** A TPM 2.0 in software, which keeps its state in a directory; it ends with the machine that it is part of. */
async function startTpm(directory: string): Promise<{ readonly arguments: readonly string[]; readonly process: ChildProcess }> {
  mkdirSync(directory, { recursive: true });
  const socket = join(directory, 'socket');
  const options = ['socket', '--tpm2', '--tpmstate', `dir=${directory}`, '--ctrl', `type=unixio,path=${socket}`, '--terminate'];
  const tpm = spawn('setpriv', ['--pdeathsig', 'KILL', 'swtpm', ...options], { stdio: 'inherit' });
  while (!existsSync(socket)) {
    if (tpm.exitCode !== null) throw new Error('swtpm ended: it is in the Debian package swtpm');
    await setTimeout(50);
  }
  const device = [
    '-chardev',
    `socket,id=tpm,path=${socket}`,
    '-tpmdev',
    'emulator,id=tpm0,chardev=tpm',
    '-device',
    'tpm-tis,tpmdev=tpm0',
  ];
  return { arguments: device, process: tpm };
}

describe('the element luks-unlock', () => {
  let image: BuiltImage;
  let stick: string;
  let disk: string;

  beforeAll(() => {
    const example = readExample('luks');
    image = buildImage(
      {
        ...example,
        elements: [...example.elements, 'luks-unlock'],
        environment: { ...(example['environment'] as object), DIB_LUKS_UNLOCK_TPM2: '1' },
      },
      { environment: { ROOT_PASSPHRASE: KEY }, quickToUnlock: true },
    );
    stick = join(image.directory, 'stick.img');
    execFileSync('mkfs.vfat', ['-C', '-n', 'DIBKEY', stick, '2048']);
    writeFileSync(join(image.directory, 'luks.key'), KEY);
    execFileSync('mcopy', ['-i', stick, join(image.directory, 'luks.key'), '::luks.key']);
    // What the first start writes is there for the second.
    disk = join(image.directory, 'machine.qcow2');
    const { file, format } = image.disks[0] ?? { file: '', format: 'qcow2' };
    execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', '-b', file, '-F', format, disk]);
  });
  afterAll(() => image?.remove());

  const drives = (...files: readonly [string, string][]) =>
    files.flatMap(([file, format]) => ['-drive', `file=${file},format=${format},if=virtio`]);

  it('opens the disk with the key on a stick, binds it to the TPM, and then needs the stick no more', async () => {
    const first = await startTpm(join(image.directory, 'tpm'));
    const { console, report } = await bootAndReport([], 'bios', {
      arguments: [...drives([disk, 'qcow2'], [stick, 'raw']), ...first.arguments],
      async inside(text) {
        while (!text().includes('dib-luks-bind: root_crypt is bound to the TPM')) {
          if (/dib-luks-bind.service: (Failed|Main process exited)|no file system with the label/.test(text())) {
            throw new Error('the disk was not bound to the TPM');
          }
          await setTimeout(200);
        }
      },
    });
    expect(console).toContain(QUESTION);
    expect(console).toContain('dib-luks-unlock: the key of root_crypt is on DIBKEY');
    const devices = report.devices.filter(({ label }) => label !== 'DIBKEY');
    expectPromisesKept({ ...report, devices }, image.promises, image.name);
    const second = await startTpm(join(image.directory, 'tpm'));
    const without = await bootAndReport([], 'bios', { arguments: [...drives([disk, 'qcow2']), ...second.arguments] });
    expect(without.console).toContain('with clevis');
    expect(without.console).not.toContain('dib-luks-unlock: the key');
    expectPromisesKept(without.report, image.promises, image.name);
  });
});
