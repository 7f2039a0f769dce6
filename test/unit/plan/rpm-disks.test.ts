import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { loadImage } from '../../../src/config/load.ts';
import { DISTROS } from '../../../src/distros/registry.ts';
import { prepareImage } from '../../../src/plan/prepare.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'dib-rpm-disks-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** What the element bootloader has installed, of an image for a virtual machine; any error fails the test. */
async function packagesOfBootloader(distro: string): Promise<string[]> {
  const file = join(directory, 'image.yaml');
  writeFileSync(file, `apiVersion: dib/v1\nname: x\ndistro: ${distro}\nelements: [vm]\n`);
  const loaded = await loadImage(file, 'amd64');
  if (loaded.value === undefined) throw new Error(JSON.stringify(loaded.diagnostics));
  const { value, diagnostics } = await prepareImage(loaded.value, {});
  expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
  const requests = value?.image.elements.packages['install.d'].install ?? [];
  return requests.filter(({ requestedBy }) => requestedBy.includes('bootloader')).map(({ name }) => name);
}

const REDHAT = ['grub2-pc', 'grub2-pc-modules', 'grub2-tools', 'grub2-tools-minimal', 'grubby'];
const EXPECTED: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  redhat: {
    amd64: ['grub2-efi-x64-modules', ...REDHAT],
    arm64: ['grub2-efi-aa64-modules', 'grub2-tools', 'grub2-tools-minimal', 'grubby'],
  },
  suse: { amd64: ['grub2', 'grub2-i386-pc', 'grub2-x86_64-efi'], arm64: ['grub2', 'grub2-arm64-efi'] },
};

const rpm = DISTROS.filter(({ family }) => family !== 'debian');

// None of these writes to a disk when it is installed.
test.each(rpm.map(({ name, family, defaultRelease }) => [name, family, defaultRelease]))(
  'a virtual machine of %s gets its own GRUB',
  async (name, family, release) => {
    for (const arch of ['amd64', 'arm64']) {
      const distro = `{name: ${name}, release: '${release}', arch: ${arch}}`;
      expect((await packagesOfBootloader(distro)).sort(), arch).toEqual(EXPECTED[family]?.[arch]);
    }
    const image = `{name: oci, ref: 'docker://registry.example.org/x:1', like: ${name}, release: '${release}'}`;
    expect((await packagesOfBootloader(image)).sort()).toEqual(EXPECTED[family]?.['amd64']);
  },
);
