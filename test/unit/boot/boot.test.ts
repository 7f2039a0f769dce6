import { describe, expect, it } from 'vitest';
import { bootCommand, choosePlatform } from '../../../src/boot/boot.ts';
import { DibError } from '../../../src/diagnostics/errors.ts';

function failure(body: () => unknown): string {
  try {
    body();
  } catch (error) {
    if (error instanceof DibError) return error.diagnostics.map(({ code, summary }) => `${code}: ${summary}`).join('\n');
    throw error;
  }
  return 'no failure';
}

describe('choosePlatform', () => {
  it.each([
    ['amd64', undefined, { arch: 'amd64', firmware: 'bios' }],
    ['amd64', 'uefi', { arch: 'amd64', firmware: 'uefi' }],
    ['i386', undefined, { arch: 'amd64', firmware: 'bios' }],
    ['arm64', undefined, { arch: 'arm64', firmware: 'uefi' }],
  ] as const)('%s with %s', (arch, firmware, chosen) => {
    expect(choosePlatform(arch, firmware)).toEqual(chosen);
  });

  it('says what there is no machine for', () => {
    expect(failure(() => choosePlatform('s390x', undefined))).toBe('DIB_BOOT_ARCH: dib boot has no machine for `s390x`');
    expect(failure(() => choosePlatform('arm64', 'bios'))).toBe('DIB_BOOT_FIRMWARE: Machines of `arm64` have no BIOS');
  });
});

describe('bootCommand', () => {
  it('is that of the architecture', () => {
    const common = { disks: [], memory: 512, cpus: 1, accelerator: 'tcg', network: false } as const;
    expect(bootCommand({ ...common, arch: 'amd64', firmware: 'bios' })[0]).toBe('qemu-system-x86_64');
    expect(bootCommand({ ...common, arch: 'arm64', firmware: 'uefi' })[0]).toBe('qemu-system-aarch64');
  });
});
