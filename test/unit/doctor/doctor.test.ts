import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type DoctorReport, missingPackages, versionIn } from '../../../src/doctor/doctor.ts';
import { filesystem, subordinateCount } from '../../../src/doctor/features.ts';
import { installLine } from '../../../src/doctor/install.ts';
import { answeringBootSector } from '../../../src/doctor/kvm.ts';
import { renderDoctor } from '../../../src/doctor/render.ts';
import { findProgram, locateTool, missingTools, neededForBuild } from '../../../src/doctor/tools.ts';
import { type Tool, toolTable } from '../../../src/exec/tools.ts';

const tool = (name: string): Tool => {
  const found = toolTable().find((candidate) => candidate.name === name);
  if (found === undefined) throw new Error(`no ${name} in the table`);
  return found;
};

describe('the table of tools', () => {
  it('names every tool once', () => {
    const names = toolTable().map(({ name }) => name);
    expect(names).toEqual([...new Set(names)]);
  });

  it('is what the set-up scripts read', async () => {
    const scripts: { TOOLS: readonly Tool[] } = await import('../../../scripts/host.mjs' as string);
    expect(scripts.TOOLS).toEqual(toolTable());
  });
});

describe('missingTools', () => {
  it('finds programs on PATH', () => {
    expect(missingTools(['bash', 'sh'])).toEqual([]);
    expect(findProgram('bash')).toMatch(/^\/.*\/bash$/);
  });

  it('tells what to install for those that it knows, and nothing for others', () => {
    expect(missingTools(['dib-no-such-tool'])).toEqual([{ name: 'dib-no-such-tool' }]);
  });

  it('looks for a file where the tool is one', () => {
    expect(locateTool({ ...tool('ovmf'), file: '/etc/passwd' })).toBe('/etc/passwd');
    expect(locateTool({ ...tool('ovmf'), file: '/nowhere/OVMF.fd' })).toBeUndefined();
    expect(locateTool({ ...tool('linux'), file: '/etc/passw*' })).toMatch(/^\/etc\/passwd/);
    expect(locateTool({ ...tool('linux'), file: '/etc/nothing-of-this-name*' })).toBeUndefined();
    expect(locateTool({ ...tool('linux'), file: '/nowhere/vmlinuz-*' })).toBeUndefined();
  });

  it('needs the id mapping tools only without root', () => {
    expect([true, false].map((root) => neededForBuild(tool('newuidmap'), root))).toEqual([false, true]);
    expect([true, false].map((root) => neededForBuild(tool('mmdebstrap'), root))).toEqual([true, true]);
    expect([true, false].map((root) => neededForBuild(tool('shellcheck'), root))).toEqual([false, false]);
  });
});

describe('versionIn', () => {
  it.each([
    ['mmdebstrap 1.3.5', '1.3.5'],
    ['mke2fs 1.47.0 (5-Feb-2023)\n\tUsing EXT2FS Library version 1.47.0', '1.47.0'],
    ['qemu-img version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)', '7.2.22'],
    ['mkfs.btrfs, part of btrfs-progs v6.2', '6.2'],
    ['*** Zstandard CLI (64-bit) v1.5.4, by Yann Collet ***', '1.5.4'],
    ['usage: newuidmap <pid>', undefined],
  ])('%j: %s', (text, version) => {
    expect(versionIn(text)).toBe(version);
  });
});

describe('kernel features', () => {
  it('counts the subordinate ids of a user, by name or number', () => {
    const text = 'ann:100000:65536\nbob:165536:65536\n1000:300000:1000\n';
    expect(subordinateCount(text, 'ann', 1000)).toBe(66_536);
    expect(subordinateCount(text, 'eve', 1002)).toBe(0);
  });

  it('finds file systems in the kernel or as modules', () => {
    const kernel = 'nodev\tproc\n\text4\n';
    const modules = 'kernel/fs/xfs/xfs.ko.xz: kernel/lib/libcrc32c.ko.xz\n';
    expect(filesystem('ext4', kernel, modules)).toEqual({ state: 'found', detail: 'in the kernel' });
    expect(filesystem('xfs', kernel, modules)).toEqual({ state: 'found', detail: 'as a module' });
    expect(filesystem('vfat', kernel, modules)).toEqual({ state: 'missing', detail: 'not in this kernel' });
  });

  it('asks KVM with a boot sector that a BIOS accepts', () => {
    const sector = answeringBootSector();
    expect(sector.subarray(0, 7).toString('hex')).toBe('b010e6f4f4ebfd');
    expect(sector.readUInt16LE(510)).toBe(0xaa55);
  });
});

const report: DoctorReport = {
  root: false,
  ok: false,
  tools: [
    { tool: tool('mmdebstrap'), needed: true, path: '/usr/bin/mmdebstrap', version: '1.3.5' },
    { tool: tool('qemu-img'), needed: true },
    { tool: tool('mkfs.xfs'), needed: false },
  ],
  features: [
    {
      name: 'subordinate ids',
      state: 'missing',
      detail: '0 for ann',
      why: 'builds without root',
      needed: true,
      help: 'usermod ann',
    },
    { name: 'loop devices', state: 'unknown', detail: 'only root can try it', why: 'realisation "attached"', needed: false },
  ],
};

describe('the report', () => {
  it('names the packages of what is missing, and how to get them', () => {
    expect(missingPackages(report, ['build'])).toEqual(['qemu-utils']);
    expect(missingPackages(report, ['build', 'optional'])).toEqual(['qemu-utils', 'xfsprogs']);
    expect(installLine(['qemu-utils'], false)).toBe(
      'sudo apt-get update && sudo apt-get install --yes --no-install-recommends qemu-utils',
    );
  });

  it('says of everything whether it is there, who needs it and what to do', () => {
    expect(renderDoctor(report, 'sudo apt-get install qemu-utils')).toBe(
      readFileSync(new URL('./doctor-report.txt', import.meta.url), 'utf8'),
    );
  });
});
