import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { findKernel } from '../../../src/vm/qemu-kernel.ts';

/** Those that a machine cannot do without, as they are in modules.dep. */
const MODULES = [
  'kernel/drivers/virtio/virtio_pci.ko: kernel/drivers/virtio/virtio.ko',
  'kernel/drivers/scsi/virtio_scsi.ko.xz:',
  'kernel/drivers/char/virtio_console.ko:',
  'kernel/drivers/scsi/sd_mod.ko:',
  'kernel/drivers/block/loop.ko:',
];

let root: string;
const boot = () => join(root, 'boot');
const places = (chosen?: string) => ({ boot: boot(), modules: join(root, 'modules'), chosen });

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'dib-kernel-'));
  mkdirSync(boot());
});
afterEach(() => rmSync(root, { recursive: true }));

function write(path: string, content: string | Uint8Array = ''): string {
  const file = join(root, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
  return file;
}

function addModules(version: string, modules: readonly string[] = MODULES, below = 'modules'): void {
  write(`${below}/${version}/modules.dep`, modules.join('\n'));
  write(`${below}/${version}/modules.builtin`, 'kernel/drivers/md/dm-mod.ko\n');
}

it('takes the newest kernel whose modules are there', async () => {
  for (const version of ['6.1.0-9-cloud-amd64', '6.1.0-50-cloud-amd64', '6.12.1-amd64']) write(`boot/vmlinuz-${version}`);
  for (const version of ['6.1.0-9-cloud-amd64', '6.1.0-50-cloud-amd64']) addModules(version);
  const version = '6.1.0-50-cloud-amd64';
  const kernel = { image: join(boot(), `vmlinuz-${version}`), version, modules: join(root, 'modules', version) };
  expect(await findKernel(places())).toEqual({ ok: true, kernel });
});

it('takes the kernel that the user chose, with modules beside it or of this host', async () => {
  write('boot/vmlinuz-6.1.0');
  addModules('6.1.0');
  const unpacked = write('package/boot/vmlinuz-5.10.0');
  addModules('5.10.0', MODULES, 'package/lib/modules');
  expect(await findKernel(places(unpacked))).toMatchObject({ kernel: { modules: join(root, 'package/lib/modules/5.10.0') } });
  expect(await findKernel(places(join(boot(), 'vmlinuz-6.1.0')))).toMatchObject({ kernel: { version: '6.1.0' } });
});

it('reads the version in a boot image that is not named after it', async () => {
  const image = Buffer.alloc(0x1000);
  image.write('HdrS', 0x202);
  image.writeUInt16LE(0x400, 0x20e);
  image.write('6.2.0-test (someone@somewhere) #1\0', 0x600);
  addModules('6.2.0-test');
  expect(await findKernel(places(write('other/bzImage', image)))).toMatchObject({ kernel: { version: '6.2.0-test' } });
});

const refusals: readonly (readonly [string, () => string | undefined, RegExp])[] = [
  ['there is none', () => undefined, /^there is no kernel in `.*\/boot`$/],
  ['the one that was chosen is not there', () => '/nowhere/vmlinuz-1', /^the kernel `\/nowhere\/vmlinuz-1` is not there$/],
  ['it is something else', () => write('other/file', 'text'), /^`.*\/other\/file` is no Linux kernel that tells its version$/],
  [
    'its modules are missing',
    () => write('boot/vmlinuz-2'),
    /^the modules of the kernel `.*vmlinuz-2` are not in `.*lib\/modules\/2`$/,
  ],
  [
    'a module is missing',
    () => {
      addModules('3', MODULES.slice(1));
      return write('boot/vmlinuz-3');
    },
    /^the kernel `.*vmlinuz-3` has no module `virtio_pci`$/,
  ],
];

it.each(refusals)('tells why there is no kernel when %s', async (_, prepare, reason) => {
  const found = await findKernel(places(prepare()));
  expect(found).toMatchObject({ ok: false, help: expect.stringContaining('DIB_VM_KERNEL') as string });
  expect(found.ok ? '' : found.reason).toMatch(reason);
});
