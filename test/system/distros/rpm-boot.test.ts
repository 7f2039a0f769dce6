import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, linkSync, mkdirSync, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { machineArguments, PLATFORMS } from '../../../src/boot/argv.ts';
import { bootPackages, type TestKernel, testKernel, unpackGrub } from '../../support/rpm-grub.ts';
import {
  buildPackages,
  forgetKey,
  indexRepository,
  makeKey,
  packageFiles,
  signPackages,
  type TestKey,
} from '../../support/rpm-repository.ts';
import { releasePackage, SYSTEMS, systemPackages } from '../../support/rpm-system.ts';
import { Project } from '../cli/project.ts';

const ARGUMENTS = 'console=tty0 console=ttyS0,115200 panic=1 no_timer_check';
const SECTOR = 512;

let scratch: string;
let key: TestKey;
let kernel: TestKernel;

beforeAll(() => {
  scratch = mkdtempSync('/var/tmp/dib-test-rpm-boot-');
  execFileSync('chmod', ['755', scratch]);
  key = makeKey(scratch, 'dib-test');
  kernel = testKernel();
  unpackGrub(join(scratch, 'grub'));
});
afterAll(() => {
  if (key !== undefined) forgetKey(key);
  if (scratch !== undefined) rmSync(scratch, { recursive: true, force: true });
});

interface Entry {
  readonly name: string;
  /** Sectors of 512 bytes. */
  readonly start: number;
  readonly size: number;
}

/** An image for a virtual machine, made from packages that are laid out as a distribution's own are. */
class Built {
  readonly project: Project;
  readonly #uuids: Readonly<Record<string, string>>;

  constructor(distro: 'fedora' | 'centos' | 'opensuse', devices: readonly object[], more: object = {}) {
    const system = SYSTEMS.find(({ name }) => name === distro);
    if (system === undefined) throw new Error(distro);
    const directory = join(scratch, `${distro}-packages`);
    const own = bootPackages(join(scratch, 'grub'), kernel, distro);
    const names = new Set(own.map(({ name }) => name));
    const others = systemPackages().filter(({ name }) => !names.has(name));
    buildPackages(directory, [...others, ...own, releasePackage(system)]);
    signPackages(packageFiles(directory), key);
    const mirror = join(scratch, distro);
    for (const [index, path] of Object.values(system.repositories).entries()) {
      mkdirSync(join(mirror, path), { recursive: true });
      for (const file of index === 0 ? packageFiles(directory) : []) linkSync(file, join(mirror, path, basename(file)));
      indexRepository(join(mirror, path), key);
    }
    this.project = new Project({
      apiVersion: 'dib/v1',
      name: 'small',
      distro: { name: distro, release: system.release, mirror: `file://${mirror}`, keyring: 'key.asc' },
      elements: ['vm'],
      environment: { DIB_GRUB_TIMEOUT: '0', DIB_BOOTLOADER_DEFAULT_CMDLINE: 'panic=1 no_timer_check' },
      block_device: [{ local_loop: { name: 'image0', size: '1GiB' } }, ...devices],
      outputs: ['raw', 'tar'],
      ...more,
    });
    copyFileSync(key.file, this.project.path('key.asc'));
    this.project.apply();
    this.#uuids = Object.fromEntries(
      this.text('etc/fstab')
        .split('\n')
        .map((line) => line.split(' '))
        .map(([source, point]) => [point ?? '', (source ?? '').replace('UUID=', '')]),
    );
  }

  /** UUID of the file system at a mount point, as the plan has it. */
  uuid(point: string): string {
    return this.#uuids[point] ?? `no file system at ${point}`;
  }

  bytes(path: string): Buffer {
    const argv = ['--extract', '--to-stdout', `--file=${this.project.path('small.tar')}`, `./${path}`];
    return execFileSync('tar', argv, { maxBuffer: 1 << 28 });
  }

  text(path: string): string {
    return this.bytes(path).toString();
  }

  lines(path: string): string[] {
    return this.text(path).trimEnd().split('\n');
  }

  files(directory: string): string[] {
    const listed = execFileSync('tar', ['--list', `--file=${this.project.path('small.tar')}`], { encoding: 'utf8' });
    const prefix = `./${directory}/`;
    return listed.split('\n').flatMap((path) => (path.startsWith(prefix) && path !== prefix ? [path.slice(prefix.length)] : []));
  }

  partition(name: string): Entry {
    const json = execFileSync('sfdisk', ['--json', this.project.path('small.raw')], { encoding: 'utf8' });
    const { partitions } = (JSON.parse(json) as { readonly partitiontable: { readonly partitions: readonly Entry[] } })
      .partitiontable;
    return partitions.find((each) => each.name === name) as Entry;
  }

  sectors(start: number, count: number): Buffer {
    const buffer = Buffer.alloc(count * SECTOR);
    readSync(openSync(this.project.path('small.raw'), 'r'), buffer, 0, buffer.length, start * SECTOR);
    return buffer;
  }

  /** A file of the EFI system partition. */
  firmwareFile(path: string): Buffer {
    const esp = `${this.project.path('small.raw')}@@${this.partition('ESP').start * SECTOR}`;
    return execFileSync('mtype', ['-i', esp, `::${path}`]);
  }

  /** Starts a machine, which turns itself off, and gives what it said on its serial port. */
  boot(firmware: 'bios' | 'uefi'): string {
    const disks = [{ file: this.project.path('small.raw'), format: 'raw' as const }];
    const machine = { arch: 'amd64', disks, firmware, memory: 512, cpus: 1, accelerator: 'tcg', network: false } as const;
    const argv = [PLATFORMS.amd64.qemu, ...machineArguments(machine), '-display', 'none', '-serial', 'stdio', '-no-reboot'];
    const { stdout, stderr } = spawnSync('setpriv', ['--pdeathsig', 'KILL', ...argv], { encoding: 'latin1', timeout: 400_000 });
    return stdout + stderr;
  }
}

const BSP = { name: 'BSP', type: 'EF02', size: '1MiB' };
const filesystem = (name: string, point: string, size: string, type = 'ext4', kind = '8300') => ({
  name,
  type: kind,
  size,
  mkfs: { type, mount: { mount_point: point, fstab: { options: 'defaults' } } },
});
const ESP = filesystem('ESP', '/boot/efi', '64MiB', 'vfat', 'EF00');
const table = (...partitions: object[]) => ({ partitioning: { base: 'image0', label: 'gpt', partitions } });

describe('Fedora’s GRUB', () => {
  let built: Built;
  beforeAll(() => {
    built = new Built('fedora', [table(BSP, ESP, filesystem('root', '/', '100%'))], { packages: ['test-init'] });
  });
  afterAll(() => built?.project.remove());

  test.each(['bios', 'uefi'] as const)('starts the kernel by %s, which mounts the root file system of the plan', (firmware) => {
    const console = built.boot(firmware);
    const started = `BOOT_IMAGE=/boot/vmlinuz-${kernel.version} root=UUID=${built.uuid('/')} ro ${ARGUMENTS}`;
    expect(console).toContain(`test: ${started}`);
    expect(console).toMatch(/test: root is \/dev\/vda3 ext4/);
  });

  test('has the settings where its grub2-mkconfig reads them, and they are the last word', () => {
    const defaults = built.lines('etc/default/grub');
    expect(defaults).toContain(`GRUB_CMDLINE_LINUX="${ARGUMENTS}"`);
    expect(defaults).toContain('GRUB_TIMEOUT=0');
    expect(defaults).toContain('GRUB_DISTRIBUTOR="Small"');
    expect(defaults).not.toContain('GRUB_TIMEOUT=77');
  });

  test('gives later kernels the arguments of this image, and dracut no builder to look at', () => {
    expect(built.text('etc/kernel/cmdline')).toBe(`root=UUID=${built.uuid('/')} ro ${ARGUMENTS}\n`);
    expect(built.text('usr/share/cmdline-at-install')).toBe('ro\n');
    expect(built.lines('etc/dracut.conf.d/50-dib-bootloader.conf')).toContain('hostonly="no"');
  });
});

describe('Enterprise Linux’s GRUB, with boot loader entries, on LVM', () => {
  let built: Built;
  beforeAll(() => {
    const pv = { name: 'pv', type: '8E00', size: '100%', lvm_pv: { vg: 'my-group' } };
    const lvm = {
      vgs: [{ name: 'my-group' }],
      lvs: [{ name: 'root-lv', base: 'my-group', extents: '100%FREE' }],
    };
    const mkfs = { base: 'root-lv', type: 'ext4', mount: { mount_point: '/', fstab: { options: 'defaults' } } };
    const devices = [table(BSP, ESP, filesystem('boot', '/boot', '256MiB'), pv), { lvm }, { mkfs }];
    built = new Built('centos', devices, { packages: ['grub2-efi-x64', 'shim-x64'] });
  });
  afterAll(() => built?.project.remove());

  const commandLine = `root=/dev/mapper/my--group-root--lv ro rd.lvm.lv=my-group/root-lv ${ARGUMENTS}`;

  test('has its entries with the image’s arguments, and paths as GRUB sees them', () => {
    const id = built.uuid('/').replaceAll('-', '');
    expect(built.files('boot/loader/entries').sort()).toEqual([`${id}-0-rescue.conf`, `${id}-${kernel.version}.conf`]);
    expect(built.lines(`boot/loader/entries/${id}-${kernel.version}.conf`)).toEqual([
      'title Small',
      `version ${kernel.version}`,
      `linux /vmlinuz-${kernel.version}`,
      `initrd /initramfs-${kernel.version}.img $tuned_initrd`,
      `options ${commandLine}`,
      'grub_users $grub_users',
    ]);
    expect(built.lines('etc/machine-info')).toEqual(['PRETTY_HOSTNAME=small', `KERNEL_INSTALL_MACHINE_ID=${id}`]);
    expect(built.text('etc/kernel/cmdline')).toBe(`${commandLine}\n`);
    expect(built.lines('etc/default/grub')).toEqual(expect.arrayContaining(['GRUB_ENABLE_BLSCFG=true', 'GRUB_DEFAULT=saved']));
    expect(built.text('boot/grub2/grub.cfg')).toMatch(/^blscfg$/m);
  });

  test('leaves a signed GRUB as it is, and leads it to the menu', () => {
    expect(built.firmwareFile('EFI/BOOT/BOOTX64.EFI').toString()).toBe('shim\n');
    expect(built.firmwareFile('EFI/centos/grub.cfg').toString()).toContain(
      `search --no-floppy --fs-uuid --set=dev ${built.uuid('/boot')}\nset prefix=($dev)/grub2\nexport prefix\nconfigfile $prefix/grub.cfg\n`,
    );
  });
});

describe('openSUSE’s GRUB', () => {
  let built: Built;
  beforeAll(() => {
    const partitions = [BSP, ESP, filesystem('boot', '/boot', '256MiB'), filesystem('root', '/', '100%')];
    built = new Built('opensuse', [table(...partitions)]);
  });
  afterAll(() => built?.project.remove());

  test('is on the disk for the BIOS', () => {
    const { start } = built.partition('BSP');
    const core = built.bytes('boot/grub2/i386-pc/core.img');
    const count = Math.ceil(core.length / SECTOR);
    expect(built.sectors(start + 1, count - 1).subarray(0, core.length - SECTOR)).toEqual(core.subarray(SECTOR));
    expect(built.sectors(0, 1).readBigUInt64LE(0x5c)).toBe(BigInt(start));
    expect(built.files('boot/grub2/i386-pc')).toContain('normal.mod');
  });

  test('is on the EFI system partition, and finds its directory by UUID', () => {
    expect(built.firmwareFile('EFI/BOOT/BOOTX64.EFI').includes(`search.fs_uuid ${built.uuid('/boot')} root`)).toBe(true);
  });

  test('starts a kernel that it can read, with the root file system of the plan', () => {
    const menu = built.text('boot/grub2/grub.cfg');
    const linux = `linux	/vmlinuz-${kernel.version} root=UUID=${built.uuid('/')} ro ${ARGUMENTS}`;
    expect(menu).toContain(linux);
    expect(menu).toContain(`initrd	/initrd-${kernel.version}`);
    // The package has it in /usr, on another file system.
    expect(built.bytes(`boot/vmlinuz-${kernel.version}`).length).toBeGreaterThan(1 << 20);
  });

  test('is known to what makes the menu anew after an update', () => {
    expect(built.lines('etc/sysconfig/bootloader')).toContain('LOADER_TYPE="grub2"');
    expect(built.lines('etc/default/grub')).toContain('SUSE_BTRFS_SNAPSHOT_BOOTING=false');
  });
});
