import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { readModuleNames } from '../../../src/vm/kernel-modules.ts';
import { probeBackends, vmMemory } from '../../../src/vm/open.ts';
import { findUml } from '../../../src/vm/uml-kernel.ts';

const top = mkdtempSync(join(tmpdir(), 'dib-vm-open-'));
afterAll(() => rmSync(top, { recursive: true }));
const modules = join(top, 'modules');
const ptraceScope = join(top, 'ptrace_scope');
const cpuinfo = join(top, 'cpuinfo');

beforeEach(() => rmSync(modules, { recursive: true, force: true }));

/** A directory of modules as depmod(8) leaves it. */
function kernel(version: string, loadable: readonly string[], builtin: readonly string[] = []): void {
  const directory = join(modules, version);
  mkdirSync(directory, { recursive: true });
  const line = (name: string) => `kernel/drivers/${name}.ko`;
  writeFileSync(join(directory, 'modules.dep'), loadable.map((name) => `${line(name)}: kernel/lib/x.ko\n`).join(''));
  writeFileSync(join(directory, 'modules.builtin'), builtin.map((name) => `${line(name)}\n`).join(''));
}

describe('vmMemory', () => {
  it.each([
    [undefined, 512],
    ['', 512],
    ['1GiB', 1024],
    ['128MiB', 128],
    ['2 GiB', 2048],
    ['1GB', 953],
  ])('reads %j as %d MiB', (text, mebibytes) => {
    expect(vmMemory(text)).toBe(mebibytes);
  });

  it.each(['127MiB', 'much', '512', '-1GiB'])('refuses %j', (text) => {
    const summary = `The environment variable \`DIB_VM_MEMORY\` is \`${text}\`, which is no size for a virtual machine`;
    expect(() => vmMemory(text)).toThrow(
      expect.objectContaining({ exitCode: 64, diagnostics: [expect.objectContaining({ code: 'DIB_VM_MEMORY', summary })] }),
    );
  });
});

describe('findUml', () => {
  it('finds the newest kernel that has its modules', async () => {
    kernel('6.1.99', ['loop', 'dm-mod', 'md-mod']);
    kernel('6.1.176', ['loop', 'dm-mod', 'md-mod', 'vfat'], ['ext4', 'btrfs']);
    mkdirSync(join(modules, '6.12.1'));
    expect(await findUml({ modules, ptraceScope, cpuinfo })).toEqual({
      ok: true,
      kernel: {
        version: '6.1.176',
        modules: join(modules, '6.1.176'),
        filesystems: ['ext4', 'btrfs', 'vfat'],
        smallState: false,
      },
    });
  });

  it('tells what is missing', async () => {
    const none = `the modules of its kernel are not in \`${modules}\``;
    expect(await findUml({ modules, ptraceScope, cpuinfo })).toMatchObject({ ok: false, reason: none });
    kernel('6.1.176', ['loop', 'md-mod']);
    const lacks = 'its kernel 6.1.176 has no module `dm_mod`';
    expect(await findUml({ modules, ptraceScope, cpuinfo })).toMatchObject({ ok: false, reason: lacks });
  });

  it('sees where ptrace is forbidden', async () => {
    kernel('6.1.176', ['loop', 'dm-mod', 'md-mod']);
    writeFileSync(ptraceScope, '3\n');
    const off = 'ptrace is switched off (kernel.yama.ptrace_scope is 3)';
    expect(await findUml({ modules, ptraceScope, cpuinfo })).toMatchObject({ ok: false, reason: off });
    writeFileSync(ptraceScope, '2\n');
    expect(await findUml({ modules, ptraceScope, cpuinfo })).toMatchObject({ ok: true });
  });

  it.each([
    ['6.1.176', 'fpu avx amx_bf16 avx512_fp16 amx_tile amx_int8', true],
    ['6.1.176', 'fpu avx avx512_fp16', false],
    ['6.12.48', 'fpu amx_tile', true],
    ['6.13.1', 'fpu amx_tile', false],
    ['7.0.1', 'fpu amx_tile', false],
  ])('kernel %s on a processor with %s', async (version, flags, smallState) => {
    kernel(version, ['loop', 'dm-mod', 'md-mod']);
    writeFileSync(ptraceScope, '0\n');
    writeFileSync(cpuinfo, `processor\t: 0\nflags\t\t: ${flags}\nbugs\t\t:\n`);
    expect(await findUml({ modules, ptraceScope, cpuinfo })).toMatchObject({ ok: true, kernel: { smallState } });
  });
});

describe('readModuleNames', () => {
  it('takes compressed modules and both spellings', async () => {
    kernel('6.12', [], ['dm-mod']);
    writeFileSync(join(modules, '6.12/modules.dep'), 'kernel/drivers/md/raid1.ko.xz: kernel/drivers/md/md-mod.ko.xz\n');
    expect([...((await readModuleNames(join(modules, '6.12'))) ?? [])].sort()).toEqual(['', 'dm_mod', 'raid1']);
    expect(await readModuleNames(join(modules, 'missing'))).toBeUndefined();
  });
});

describe('probeBackends', () => {
  it('says of each why, or what to do', async () => {
    for (const { ok, reason, help } of Object.values(await probeBackends())) {
      expect(reason).toMatch(ok ? / is installed, and / : /./);
      if (!ok) expect(help).toMatch(/`.+`/);
    }
  });
});
