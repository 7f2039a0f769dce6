import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ordinaryUserCache } from '../../support/caches.ts';
import { asOrdinaryUser, ordinaryUserIds } from '../../support/privileges.ts';
import { Project, smallImage } from '../cli/project.ts';

/** Where EM_AARCH64 (183) stands in the header of an ELF file of little-endian order: elf(5). */
const MACHINE = 18;
const AARCH64 = 183;

/** Where the header of a PE file says where the rest of it is, and the machine that is for: PE format, "COFF File Header". */
const PE_OFFSET = 0x3c;
const PE_ARM64 = 0xaa64;

let project: Project;
beforeAll(() => {
  const { block_device: _, ...image } = smallImage({
    distro: { name: 'debian', release: 'bookworm', arch: 'arm64' },
    elements: ['vm', './elements/who'],
    outputs: ['raw', 'qcow2', 'tar'],
  });
  project = new Project(image, ordinaryUserCache());
  project.hook('who', 'install.d/50-who', 'uname -m >/etc/machine', 'dpkg --print-architecture >>/etc/machine');
  // A real kernel adds two minutes for its initramfs, and nothing that GRUB's configuration would show.
  project.hook('who', 'post-install.d/50-kernel', 'for name in vmlinuz initrd.img; do echo x >/boot/$name-6.1.0-test; done');
  const { uid, gid } = ordinaryUserIds();
  execFileSync('chown', ['-R', `${uid}:${gid}`, project.directory]);
});
afterAll(() => {
  asUser(['destroy', '--auto-approve', '--outputs']);
  project.expectNothingLeft();
  rmSync(project.directory, { recursive: true });
});

const asUser = (args: readonly string[]) => project.run(args, { prefix: asOrdinaryUser(), env: { HOME: project.directory } });

function member(path: string): Buffer {
  return execFileSync('tar', ['--extract', '--to-stdout', `--file=${project.path('small.tar')}`, path]);
}

// The machine has no handlers of its own (or has them: then these are used), and an ordinary user cannot add any.
test('an ordinary user builds Debian for arm64 on another machine, hooks and all', () => {
  asUser(['apply', '--auto-approve']);
  expect(member('./etc/machine').toString()).toBe('aarch64\narm64\n');
  expect(member('./usr/bin/dpkg').readUInt16LE(MACHINE)).toBe(AARCH64);
  expect(member('./var/lib/dpkg/status').toString()).toMatch(/^Package: systemd-sysv\n(?:.+\n)*Architecture: arm64$/m);
});

describe('the disk', () => {
  test('has the layout for UEFI, and nothing for a BIOS', () => {
    expect(table().map(({ name, type }) => `${name} ${type}`)).toEqual([
      'ESP C12A7328-F81F-11D2-BA4B-00A0C93EC93B',
      'BSP 21686148-6449-6E6F-744E-656564454649',
      'root 0FC63DAF-8483-4772-8E79-3D69D8477DE4',
    ]);
    const plan = asUser(['plan', '--json']).stdout;
    expect(plan).not.toContain('"bootloader.');
    expect(member('./boot/grub/arm64-efi/normal.mod').readUInt16LE(MACHINE)).toBe(AARCH64);
  });

  test('starts GRUB for arm64 from the path that firmware looks for, which finds its directory by UUID', () => {
    const [esp] = table();
    const image = execFileSync('mtype', [
      '-i',
      `${project.path('small.raw')}@@${(esp?.start ?? 0) * 512}`,
      '::EFI/BOOT/BOOTAA64.EFI',
    ]);
    expect(image.readUInt16LE(image.readUInt32LE(PE_OFFSET) + 4)).toBe(PE_ARM64);
    expect(image.includes(`search.fs_uuid ${rootUuid()} root`)).toBe(true);
  });

  test('mounts what is on it, and tells the kernel its root and its console', () => {
    const configuration = onRoot('/boot/grub/grub.cfg');
    expect(configuration).toMatch(
      new RegExp(
        `^\\s+linux\\s+/boot/vmlinuz-6\\.1\\.0-test root=UUID=${rootUuid()} ro console=tty0 console=ttyAMA0,115200 `,
        'm',
      ),
    );
    expect(configuration).toContain('initrd\t/boot/initrd.img-6.1.0-test');
    const lines = onRoot('/etc/fstab').split('\n');
    expect(lines).toContain(`UUID=${rootUuid()} / ext4 defaults 0 1`);
    expect(lines).toContainEqual(expect.stringMatching(/^UUID=[0-9A-F]{4}-[0-9A-F]{4} \/boot\/efi vfat defaults 0 2$/));
  });

  test('is what dib boot starts in a machine of its architecture', () => {
    const { stdout } = asUser(['boot', '--print-command']);
    expect(stdout).toMatch(/^qemu-system-aarch64 -machine virt,.*AAVMF_CODE\.fd.*small\.qcow2,format=qcow2/);
  });
});

interface Entry {
  readonly name: string;
  readonly type: string;
  /** Sectors of 512 bytes. */
  readonly start: number;
}

function table(): readonly Entry[] {
  const json = execFileSync('sfdisk', ['--json', project.path('small.raw')], { encoding: 'utf8' });
  return (JSON.parse(json) as { readonly partitiontable: { readonly partitions: readonly Entry[] } }).partitiontable.partitions;
}

function rootFilesystem(): string {
  return `${project.path('small.raw')}?offset=${(table()[2]?.start ?? 0) * 512}`;
}

function onRoot(path: string): string {
  return execFileSync('debugfs', ['-R', `cat ${path}`, rootFilesystem()], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
}

function rootUuid(): string {
  const text = execFileSync('debugfs', ['-R', 'show_super_stats -h', rootFilesystem()], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return /^Filesystem UUID:\s+(\S+)$/m.exec(text)?.[1] as string;
}
