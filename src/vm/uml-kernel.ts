import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { quoted, quotedPath } from '../diagnostics/printable.ts';
import { missingProgram } from '../doctor/tools.ts';
import { newestFirst, readModuleNames } from './kernel-modules.ts';

/** Where Debian's package user-mode-linux puts the modules of its kernel, in a directory named after its version. */
export const UML_MODULES = '/usr/lib/uml/modules';

/** What starts the machine, and what the kernel in it loads its modules with. */
const PROGRAMS = ['linux.uml', 'unshare', 'setpriv', 'modprobe', 'base64', 'stty'];

/** Without one of these nothing can be attached. Debian's kernel has them as modules. */
const REQUIRED = ['loop', 'dm_mod', 'md_mod'];

/** File systems that dib has a use for, if the kernel can mount them. */
const FILESYSTEMS = ['ext4', 'xfs', 'btrfs', 'vfat'];

/** Its switch with which the security module Yama forbids ptrace(2), by which user-mode Linux runs programs: Documentation/admin-guide/LSM/Yama. */
const PTRACE_SCOPE = '/proc/sys/kernel/yama/ptrace_scope';

/** Compiles what `smallState` asks for. */
export const COMPILER = 'cc';

/** The kernel of linux.uml. */
export interface UmlKernel {
  /** What `uname -r` says in it. */
  readonly version: string;
  /** Absolute path of the directory with its modules.dep. */
  readonly modules: string;
  /** Those of the file systems that dib has a use for that it can mount. */
  readonly filesystems: readonly string[];
  /**
   * The extended state of this processor, which has AMX, is larger than what it has room for: it starts only with libexec/uml-extended-state.c. Linux 6.13
   * asks for the size (commit 3f17fed21491).
   */
  readonly smallState: boolean;
}

/** The kernel, or why it cannot run here, as part of a sentence, and what to do about it. */
export type UmlSearch =
  | { readonly ok: true; readonly kernel: UmlKernel }
  | { readonly ok: false; readonly reason: string; readonly help: string };

/** Where to look; replaced in tests. */
export interface UmlPlaces {
  readonly modules: string;
  readonly ptraceScope: string;
  readonly cpuinfo: string;
}

const HOST: UmlPlaces = { modules: UML_MODULES, ptraceScope: PTRACE_SCOPE, cpuinfo: '/proc/cpuinfo' };

/** Looks for user-mode Linux. Nothing is run. */
export async function findUml(places: UmlPlaces = HOST): Promise<UmlSearch> {
  const missing = missingProgram(PROGRAMS);
  if (missing !== undefined) return missing;
  const scope = await readFile(places.ptraceScope, 'utf8').catch(() => '');
  if (scope.trim() === '3') {
    return {
      ok: false,
      reason: 'ptrace is switched off (kernel.yama.ptrace_scope is 3)',
      help: 'Only a boot without that setting brings it back: see the files in /etc/sysctl.d.',
    };
  }
  const help = 'Install them: `apt-get install --reinstall user-mode-linux`.';
  for (const version of (await readdir(places.modules).catch((): string[] => [])).sort(newestFirst)) {
    const modules = join(places.modules, version);
    const names = await readModuleNames(modules);
    if (names === undefined) continue;
    const lacking = REQUIRED.find((name) => !names.has(name));
    if (lacking !== undefined) return { ok: false, reason: `its kernel ${version} has no module ${quoted(lacking)}`, help };
    const smallState = hasSmallState(version) && (await hasAmx(places.cpuinfo));
    const compiler = smallState ? missingProgram([COMPILER]) : undefined;
    if (compiler !== undefined) return compiler;
    return { ok: true, kernel: { version, modules, filesystems: FILESYSTEMS.filter((name) => names.has(name)), smallState } };
  }
  return { ok: false, reason: `the modules of its kernel are not in ${quotedPath(places.modules)}`, help };
}

function hasSmallState(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.', 2).map(Number);
  return major < 6 || (major === 6 && minor < 13);
}

/** Its flag in proc_cpuinfo(5). */
async function hasAmx(cpuinfo: string): Promise<boolean> {
  return /^flags\s*:.*\bamx_tile\b/m.test(await readFile(cpuinfo, 'utf8').catch(() => ''));
}
