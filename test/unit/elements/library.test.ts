import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { DISTROS, withDistroDefaults } from '../../../src/distros/registry.ts';
import { PHASES } from '../../../src/elements/element.ts';
import { loadElements } from '../../../src/elements/load.ts';
import { builtinElementsDirectory } from '../../../src/elements/locations.ts';
import { readMetadata } from '../../../src/elements/metadata.ts';

const directory = builtinElementsDirectory();
const elements = readdirSync(directory).sort();

/** A distribution that the element works on: Debian if it does. */
function distroFor(element: string) {
  const file = join(directory, element, 'element.yaml');
  const { distros } = (existsSync(file) ? parse(readFileSync(file, 'utf8')) : {}) as { distros?: string[] };
  const known = DISTROS.find(({ name, family }) => distros === undefined || distros.includes(name) || distros.includes(family));
  return withDistroDefaults({ name: known?.name ?? '', release: known?.defaultRelease ?? '', arch: 'amd64' });
}

/** What elements do not do without. */
const NEEDED: Readonly<Record<string, Record<string, string>>> = {
  'cloud-init-growpart': { DIB_CLOUD_INIT_GROWPART_DEVICES: '/' },
  files: { DIB_FILES: join(directory, 'motd') },
};

async function load(
  names: readonly string[],
  environment: Record<string, string> = {},
  arch = 'amd64',
  distro = distroFor('debian-minimal'),
) {
  const { value, diagnostics } = await loadElements({
    named: names.map((name) => ({ name })),
    searchPath: [],
    imageDirectory: '/',
    distro: { ...distro, arch },
    arch,
    environment,
    packages: [],
  });
  expect(diagnostics).toEqual([]);
  if (value === undefined) throw new Error('no value');
  return value;
}

describe('shipped elements', () => {
  it.each(elements)('%s has a README, sorted dependencies that exist, and loads alone', async (name) => {
    expect(readFileSync(join(directory, name, 'README.md'), 'utf8')).toMatch(new RegExp(`^# ${name}\n`));
    const deps = existsSync(join(directory, name, 'element-deps'))
      ? readFileSync(join(directory, name, 'element-deps'), 'utf8')
          .trim()
          .split('\n')
      : [];
    expect(deps).toEqual([...deps].sort());
    await load([name], NEEDED[name], 'amd64', distroFor(name));
  });

  it('go together', async () => {
    const all = elements.filter((name) => !name.startsWith('block-device-') && distroFor(name).name === 'debian');
    const set = await load(all, Object.assign({}, ...Object.values(NEEDED)));
    expect(set.native).toEqual({ name: 'debian', release: 'bookworm' });
    expect(set.blockDevice?.element).toBe('block-device-mbr');
    expect(set.hooks['root.d']).toEqual([]);
  });

  it('have documented variables only', async () => {
    for (const name of elements) {
      const readme = readFileSync(join(directory, name, 'README.md'), 'utf8');
      const environment = join(directory, name, 'environment.d');
      if (!existsSync(environment)) continue;
      const text = readdirSync(environment)
        .map((file) => readFileSync(join(environment, file), 'utf8'))
        .join('');
      for (const [, variable] of text.matchAll(/^export (DIB_\w+)=/gm)) {
        if (variable !== 'DIB_BLOCK_DEVICE') expect(readme, name).toContain(`\`${variable}\``);
      }
    }
  });

  it('bring the layouts that their names say', () => {
    const layout = (name: string) => parse(readFileSync(join(directory, name, 'block-device-default.yaml'), 'utf8'));
    const partitions = (name: string) => layout(name)[1].partitioning;
    expect(partitions('block-device-mbr')).toMatchObject({
      label: 'mbr',
      partitions: [{ name: 'root', flags: ['boot', 'primary'] }],
    });
    expect(partitions('block-device-gpt')).toMatchObject({
      label: 'gpt',
      partitions: [{ name: 'BSP', type: 'EF02' }, { name: 'root' }],
    });
    expect(partitions('block-device-efi')).toMatchObject({
      label: 'gpt',
      partitions: [{ name: 'ESP', type: 'EF00' }, { name: 'BSP', type: 'EF02' }, { name: 'root' }],
    });
    expect(layout('block-device-efi-4k')[0]).toEqual({ local_loop: { name: 'image0', block_size: 4096 } });
    expect(partitions('block-device-efi-lvm').partitions.at(-1)).toEqual({ name: 'root', type: '8E00', size: '40G' });
    expect(layout('block-device-efi-lvm')[2].lvm.lvs).toEqual([
      { name: 'lv_root', base: 'vg', extents: '23%VG' },
      { name: 'lv_var', base: 'vg', extents: '57%VG' },
      { name: 'lv_home', base: 'vg', extents: '20%VG' },
    ]);
  });

  it('declare the files that they make for the user', async () => {
    expect((await load(['vm', 'baremetal'])).extraOutputs).toEqual(['.vmlinuz', '.initrd']);
    expect((await load(['vm', 'iso'])).extraOutputs).toEqual(['.vmlinuz', '.initrd', '-boot.iso']);
  });

  it('say of their hooks which need the network', () => {
    const metadata = (name: string) => readMetadata(join(directory, name))?.value;
    const withHooks = elements.filter((name) => PHASES.some((phase) => existsSync(join(directory, name, phase))));
    expect(withHooks.filter((name) => metadata(name)?.network === undefined)).toEqual([]);
    const needing = elements.flatMap((name) => (metadata(name)?.network ?? []).map((phase) => `${name}/${phase}`)).sort();
    expect(needing).toEqual([
      ...['base/install.d', 'dracut-regenerate/install.d', 'epel/pre-install.d', 'redhat-common/finalise.d'],
      ...['run/finalise.d', 'run/install.d', 'run/post-install.d', 'run/pre-install.d', 'yum/pre-install.d'],
    ]);
  });

  it('choose the kernel and boot loader packages', async () => {
    const names = async (environment: Record<string, string>, arch = 'amd64') =>
      (await load(['vm'], environment, arch)).packages['install.d'].install
        .map((item) => item.name)
        .filter((name) => /^(linux|grub)/.test(name));
    expect(await names({})).toEqual(['grub-common', 'grub-efi-amd64-bin', 'grub-pc-bin', 'grub2-common', 'linux-image-amd64']);
    expect(await names({ DIB_DEBIAN_KERNEL: 'linux-image-cloud-amd64' })).toContain('linux-image-cloud-amd64');
    expect(await names({ DIB_DEBIAN_KERNEL: 'none' })).not.toContain('linux-image-amd64');
    expect(await names({}, 'arm64')).toEqual(['grub-common', 'grub-efi-arm64-bin', 'grub2-common', 'linux-image-arm64']);
  });

  it('say which environment the hooks will see', async () => {
    expect((await load(['vm', 'openssh-server'])).environment).toMatchObject({
      ARCH: 'amd64',
      DISTRO_NAME: 'debian',
      DIB_RELEASE: 'bookworm',
      DIB_INIT_SYSTEM: 'systemd',
      DIB_BLOCK_DEVICE: 'mbr',
      DIB_GRUB_TIMEOUT: '5',
      DIB_OPENSSH_SERVER_HARDENING: '1',
    });
  });

  it('tell misspelt variables of image.yaml', async () => {
    const range = { file: 'image.yaml', start: { line: 1, column: 1, offset: 0 }, end: { line: 1, column: 2, offset: 1 } };
    const { value, diagnostics } = await loadElements({
      named: [{ name: 'vm' }, { name: 'openssh-server' }],
      searchPath: [],
      imageDirectory: '/',
      distro: distroFor('debian-minimal'),
      arch: 'amd64',
      environment: {
        DIB_GRUB_TIMOUT: '0',
        DIB_DEBIAN_KERNEL: 'none',
        DIB_IMAGE_SIZE: '4',
        DIB_WEBSITE: 'x',
        DIB_FROM_CALLER: '1',
        LANGUAGE: 'de',
      },
      packages: [],
      locateVariable: (name) => (name === 'DIB_FROM_CALLER' ? undefined : range),
    });
    expect(value).toBeDefined();
    expect(diagnostics).toMatchObject([
      {
        code: 'DIB_ELEMENT_UNKNOWN_VARIABLE',
        severity: 'warning',
        summary: 'No element of the image reads `DIB_GRUB_TIMOUT`',
        help: 'Did you mean `DIB_GRUB_TIMEOUT`?',
        range,
      },
      { summary: 'No element of the image reads `DIB_WEBSITE`', help: 'Remove it, or add the element that it is meant for.' },
    ]);
  });
});
