import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type TestPackage, withLibraries } from './rpm-repository.ts';
import { program } from './rpm-system.ts';

/** How a distribution lays out GRUB. */
interface GrubLayout {
  /** Directory with a directory of modules for each platform. */
  readonly modules: string;
  /** Directory of grub-mkconfig_lib. */
  readonly data: string;
  /** Packages: programs, those for the BIOS, and those for UEFI. */
  readonly packages: { readonly tools: string; readonly bios: string; readonly efi: string };
}

const LAYOUTS = {
  redhat: {
    modules: '/usr/lib/grub',
    data: '/usr/share/grub',
    packages: { tools: 'grub2-tools', bios: 'grub2-pc-modules', efi: 'grub2-efi-x64-modules' },
  },
  suse: {
    modules: '/usr/share/grub2',
    data: '/usr/share/grub2',
    packages: { tools: 'grub2', bios: 'grub2-i386-pc', efi: 'grub2-x86_64-efi' },
  },
} as const satisfies Record<string, GrubLayout>;

const PROGRAMS = ['editenv', 'file', 'mkimage', 'mkrelpath', 'script-check'];
const DEBIAN = ['grub-common', 'grub2-common', 'grub-pc-bin', 'grub-efi-amd64-bin'];

/** Downloads Debian's GRUB and unpacks it into a new directory; nothing of it is installed. */
export function unpackGrub(directory: string): void {
  const downloads = join(directory, 'downloads');
  mkdirSync(downloads, { recursive: true });
  const options = ['-qq', '-o', 'APT::Sandbox::User=root'];
  execFileSync('apt-get', [...options, 'download', ...DEBIAN], { cwd: downloads, stdio: ['ignore', 'ignore', 'inherit'] });
  for (const file of readdirSync(downloads)) execFileSync('dpkg-deb', ['--extract', join(downloads, file), directory]);
}

/** Debian's GRUB, unpacked in `unpacked`, by the names and in the places of another family. */
function grubPackages(unpacked: string, distro: 'fedora' | 'centos' | 'opensuse'): TestPackage[] {
  const { modules, data, packages } = LAYOUTS[distro === 'opensuse' ? 'suse' : 'redhat'];
  const programs = PROGRAMS.map((name) => join(unpacked, 'usr/bin', `grub-${name}`));
  const probe = join(unpacked, 'usr/sbin/grub-probe');
  const renamed = (path: string) => renameGrub(readFileSync(join(unpacked, path), 'utf8'), data);
  const parts = readdirSync(join(unpacked, 'etc/grub.d')).filter((name) => /^(00|10|41)_/.test(name));
  const scripts: Record<string, string> = Object.fromEntries(
    parts.map((name) => [`/etc/grub.d/${name}`, renamed(`etc/grub.d/${name}`)]),
  );
  // Debian's does not know entries; that of Fedora leaves the menu to a command of its GRUB.
  if (distro === 'centos') scripts['/etc/grub.d/10_linux'] = '#!/bin/sh\necho insmod blscfg\necho blscfg\n';
  const platform = (name: string) => ({ [`${modules}/${name}`]: join(unpacked, 'usr/lib/grub', name) });
  return [
    {
      name: packages.tools,
      files: {
        ...scripts,
        '/usr/sbin/grub2-mkconfig': renamed('usr/sbin/grub-mkconfig'),
        [`${data}/grub-mkconfig_lib`]: renamed('usr/share/grub/grub-mkconfig_lib'),
      },
      attributes: Object.fromEntries(Object.keys(scripts).map((path) => [path, '%attr(0755, root, root)'])),
      sources: Object.fromEntries([
        ...programs.map((path) => [`/usr/bin/${basename(path).replace('grub', 'grub2')}`, path]),
        ['/usr/sbin/grub2-probe', probe],
      ]),
      copies: withLibraries([...programs, probe]).filter((path) => path.includes('/lib')),
    },
    { name: packages.bios, sources: platform('i386-pc') },
    { name: packages.efi, sources: platform('x86_64-efi') },
  ];
}

/** Debian's scripts read a directory of settings, the others do not. */
function renameGrub(text: string, data: string): string {
  return text
    .replaceAll('${datadir}/grub"', `${data}"`)
    .replaceAll('/boot/grub', '/boot/grub2')
    .replace(/(?<![\w/-])grub-(?=(?:probe|file|editenv|script-check|mkrelpath)\b)|(?<=bindir\}\/)grub-/g, 'grub2-')
    .replaceAll('default/grub.d', 'default/no-such-directory');
}

export interface TestKernel {
  readonly version: string;
  readonly image: string;
  /** An initial file system of any machine. */
  readonly initramfs: string;
}

/** The newest kernel of this machine, with the initial file system that its distribution makes for any machine. */
export function testKernel(): TestKernel {
  const versions = readdirSync('/boot').flatMap((name) =>
    name.startsWith('initrd.img-') ? [name.slice('initrd.img-'.length)] : [],
  );
  const version = versions.sort().at(-1);
  if (version === undefined)
    throw new Error(
      'the test starts the kernel of this machine, and there is none in /boot: `apt-get install linux-image-cloud-amd64`',
    );
  return { version, image: `/boot/vmlinuz-${version}`, initramfs: `/boot/initrd.img-${version}` };
}

/** Says on the console what it was started with and what is mounted at /, and turns the machine off. */
const INIT = `#!/usr/bin/bash
echo "test: $(cat /proc/cmdline)" >/dev/console
while read -r device point type rest; do
    [ "$point" != / ] || echo "test: root is $device $type" >/dev/console
done </proc/mounts
echo o >/proc/sysrq-trigger
sleep 60
`;

/** Programs that grub-mkconfig and hooks call, and packages that only have to be there. */
const COMMON: readonly string[] = ['grub2-pc', 'grub2-tools-minimal', 'grubby', 'lvm2'];
const NEEDS = ['expr', 'mount', 'sleep', 'tac', 'umount', 'unshare'];

/** GRUB and a kernel as a distribution has them, and what they need. `centos` has boot loader entries, and a signed GRUB. */
export function bootPackages(unpacked: string, kernel: TestKernel, distro: 'fedora' | 'centos' | 'opensuse'): TestPackage[] {
  const packages = [
    ...COMMON.map((name) => ({ name })),
    { name: 'util-linux', copies: withLibraries(NEEDS.map(program)) },
    { name: 'test-init', files: { '/usr/sbin/init': INIT } },
    ...grubPackages(unpacked, distro),
    ...{ fedora, centos, opensuse }[distro](kernel),
  ];
  return [...new Map(packages.map((each) => [each.name, each])).values()];
}

/** In /usr, as all of these distributions have it. */
function kernelPackage(name: string, { version, image, initramfs }: TestKernel, post: readonly string[]): TestPackage {
  const directory = `/usr/lib/modules/${version}`;
  const sources = { [`${directory}/vmlinuz`]: image, [`${directory}/initramfs`]: initramfs };
  return { name, requires: ['bash'], sources, post: [`cd ${directory}`, ...post].join('\n') };
}

function copied({ version }: TestKernel): string[] {
  return [`cp vmlinuz /boot/vmlinuz-${version}`, `cp initramfs /boot/initramfs-${version}.img`];
}

function fedora(kernel: TestKernel): TestPackage[] {
  const settings = 'GRUB_DISTRIBUTOR="Small"\nGRUB_TIMEOUT=77\n';
  return [
    kernelPackage('kernel-core', kernel, [...copied(kernel), 'cat /etc/kernel/cmdline >/usr/share/cmdline-at-install']),
    { name: 'grubby', files: { '/etc/default/grub': settings } },
  ];
}

const MACHINE_ID = '0123456789abcdef0123456789abcdef';

function centos(kernel: TestKernel): TestPackage[] {
  const entries = '/boot/loader/entries';
  const entry = [
    'title Small',
    `version ${kernel.version}`,
    `linux /boot/vmlinuz-${kernel.version}`,
    `initrd /boot/initramfs-${kernel.version}.img $tuned_initrd`,
    'options root=UUID=of-the-builder ro quiet',
    'grub_users $grub_users',
  ];
  const write = `printf '%s\\n' ${entry.map((line) => `'${line}'`).join(' ')} >${entries}/${MACHINE_ID}-${kernel.version}.conf`;
  const efi = '/boot/efi/EFI';
  return [
    kernelPackage('kernel-core', kernel, [
      ...copied(kernel),
      `mkdir -p ${entries}`,
      write,
      `echo 'options x' >${entries}/${MACHINE_ID}-0-rescue.conf`,
    ]),
    { name: 'dracut', files: { '/usr/bin/dracut': '#!/usr/bin/bash\n' } },
    {
      name: 'grubby',
      files: { '/usr/lib/kernel/install.d/20-grub.install': '', '/etc/machine-info': 'PRETTY_HOSTNAME=small\n' },
    },
    { name: 'shim-x64', files: { [`${efi}/BOOT/BOOTX64.EFI`]: 'shim\n', [`${efi}/centos/shimx64.efi`]: 'shim\n' } },
    { name: 'grub2-efi-x64', files: { [`${efi}/centos/grubx64.efi`]: 'grub\n' } },
  ];
}

function opensuse(kernel: TestKernel): TestPackage[] {
  const post = [
    `ln -s ../usr/lib/modules/${kernel.version}/vmlinuz /boot/vmlinuz-${kernel.version}`,
    `cp initramfs /boot/initrd-${kernel.version}`,
  ];
  const settings = 'SUSE_BTRFS_SNAPSHOT_BOOTING="true"\n';
  return [
    { ...kernelPackage('kernel-default', kernel, post), requires: ['bash', 'update-bootloader'] },
    { name: 'update-bootloader', files: { '/usr/sbin/update-bootloader': '', '/etc/default/grub': settings } },
  ];
}
