import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { builtinElementsDirectory } from '../../../src/elements/locations.ts';
import { makeTree } from './fixture.ts';

const functions = join(builtinElementsDirectory(), 'bootloader/bootloader');

/** Calls a function of the element bootloader. */
function call(file: string, words: readonly string[], env: Record<string, string> = {}): string {
  const script = 'source "$1"; shift; "$@"';
  const options = { env: { PATH: process.env['PATH'] ?? '', ...env }, encoding: 'utf8' } as const;
  const argv = ['--norc', '-euc', script, 'bash', join(functions, file), ...words];
  const { status, stdout, stderr } = spawnSync('bash', argv, options);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return stdout;
}

describe('what dracut is told by the kernel’s arguments', () => {
  it.each([
    ['/dev/mapper/vg-root', 'rd.lvm.lv=vg/root\n'],
    ['/dev/mapper/my--group-root--lv', 'rd.lvm.lv=my-group/root-lv\n'],
    ['/dev/disk/by-uuid/0', ''],
  ])('a logical volume: %s', (device, expected) => {
    expect(call('dracut', ['logical_volume', device])).toBe(expected);
  });

  it('the containers that are opened before the root file system is mounted', () => {
    const crypttab = join(
      makeTree({
        crypttab: [
          'root UUID=11111111-2222-3333-4444-555555555555 none luks,discard,initramfs',
          'usr UUID=6 none luks,initramfs',
          'swap UUID=7 none luks,tpm2-device=auto,discard,initramfs',
          'data UUID=8 none luks,nofail\n',
        ].join('\n'),
      }),
      'crypttab',
    );
    expect(call('dracut', ['containers', crypttab]).split('\n')).toEqual([
      'rd.luks.uuid=11111111-2222-3333-4444-555555555555',
      'rd.luks.name=11111111-2222-3333-4444-555555555555=root',
      'rd.luks.options=11111111-2222-3333-4444-555555555555=discard',
      'rd.luks.uuid=6',
      'rd.luks.name=6=usr',
      'rd.luks.uuid=7',
      'rd.luks.name=7=swap',
      'rd.luks.options=7=tpm2-device=auto,discard',
      '',
    ]);
    expect(call('dracut', ['containers', '/nowhere'])).toBe('');
  });

  it('the arrays', () => {
    const text = 'HOMEHOST <ignore>\nARRAY /dev/md/m metadata=1.2 UUID=01234567:89abcdef:01234567:89abcdef\n';
    const conf = join(makeTree({ conf: text }), 'conf');
    expect(call('dracut', ['arrays', conf])).toBe('rd.md.uuid=01234567:89abcdef:01234567:89abcdef\n');
  });
});

describe('settings', () => {
  const set = {
    ARCH: 'amd64',
    DIB_GRUB_TIMEOUT: '5',
    DIB_GRUB_TIMEOUT_STYLE: 'menu',
    DIB_BOOTLOADER_DEFAULT_CMDLINE: 'nofb nomodeset',
    DIB_BOOTLOADER_USE_SERIAL_CONSOLE: 'True',
    DIB_BOOTLOADER_VIRTUAL_TERMINAL: 'tty0',
  };

  it.each([
    ['as they are', {}, 'console=tty0 console=ttyS0,115200 nofb nomodeset\n'],
    ['arm64', { ARCH: 'arm64' }, 'console=tty0 console=ttyAMA0,115200 nofb nomodeset\n'],
    ['another port', { DIB_BOOTLOADER_SERIAL_CONSOLE: 'ttyS1' }, 'console=tty0 console=ttyS1 nofb nomodeset\n'],
    ['no serial console', { DIB_BOOTLOADER_USE_SERIAL_CONSOLE: 'False' }, 'console=tty0 nofb nomodeset\n'],
    ['no virtual terminal', { DIB_BOOTLOADER_VIRTUAL_TERMINAL: '' }, 'console=ttyS0,115200 nofb nomodeset\n'],
    ['nothing else', { DIB_BOOTLOADER_DEFAULT_CMDLINE: '' }, 'console=tty0 console=ttyS0,115200\n'],
  ])('arguments of the kernel: %s', (_what, changes, expected) => {
    expect(call('settings', ['kernel_arguments'], { ...set, ...changes })).toBe(expected);
  });

  it.each([
    [{ DIB_BOOTLOADER_SERIAL_CONSOLE: 'ttyS1,57600n8' }, 'serial --unit=1 --speed=57600 ', 'GRUB_TERMINAL="console serial"'],
    [{ DIB_BOOTLOADER_SERIAL_CONSOLE: 'ttyS2' }, 'serial --unit=2 --speed=115200 ', 'GRUB_TERMINAL="console serial"'],
    [{ DIB_BOOTLOADER_USE_SERIAL_CONSOLE: 'false' }, 'GRUB_TIMEOUT=5', 'GRUB_TERMINAL="console"'],
  ])('GRUB’s consoles: %j', (changes, ...expected) => {
    const text = call('settings', ['grub_settings', 'quiet'], { ...set, ...changes });
    for (const part of [...expected, 'GRUB_CMDLINE_LINUX="quiet"\n']) expect(text).toContain(part);
  });
});

describe('boot loader entries', () => {
  it('get the image’s arguments and paths as GRUB sees them; what else they say stays', () => {
    const entry =
      'title Fedora Linux (6.1.0) 44\nlinux /boot/vmlinuz-6.1.0\ninitrd /boot/initramfs-6.1.0.img $tuned_initrd\noptions ro\n';
    const file = join(makeTree({ entry: `${entry}grub_users $grub_users\n` }), 'entry');
    const changed = spawnSync('bash', [
      '-c',
      'source "$1"; changed_entry /@/boot "root=UUID=1 ro" <"$2"',
      'bash',
      join(functions, 'loader-entries'),
      file,
    ]);
    expect(changed.stdout.toString()).toBe(
      'title Fedora Linux (6.1.0) 44\nlinux /@/boot/vmlinuz-6.1.0\ninitrd /@/boot/initramfs-6.1.0.img $tuned_initrd\noptions root=UUID=1 ro\ngrub_users $grub_users\n',
    );
  });
});
