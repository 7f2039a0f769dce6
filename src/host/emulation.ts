import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ExitCode, fail } from '../diagnostics/errors.ts';
import { quoted } from '../diagnostics/printable.ts';
import type { Runner } from '../exec/command.ts';

/** Architectures that the processor of another one runs by itself, in Debian's names. */
const NATIVE: Readonly<Record<string, readonly string[]>> = { amd64: ['i386'], arm64: ['armhf', 'armel'] };

/** QEMU's names of processors, by Debian's of architectures: those of the programs `qemu-NAME-static`. */
const QEMU_NAMES: Readonly<Record<string, string>> = {
  amd64: 'x86_64',
  arm64: 'aarch64',
  armel: 'arm',
  armhf: 'arm',
  i386: 'i386',
  mips64el: 'mips64el',
  mipsel: 'mipsel',
  ppc64el: 'ppc64le',
  riscv64: 'riscv64',
  s390x: 's390x',
};

/** Where the kernel shows its handlers of foreign programs: Documentation/admin-guide/binfmt-misc.rst. */
const BINFMT = '/proc/sys/fs/binfmt_misc';

/** Why programs of an architecture cannot be run on this machine; undefined: they can. `directory`: where to look; replaced in tests. */
export function emulationFault(arch: string, hostArch: string, directory = BINFMT): string | undefined {
  if (runsNatively(arch, hostArch)) return undefined;
  const name = handlerName(arch);
  let names: readonly string[];
  try {
    names = readdirSync(directory);
  } catch {
    names = [];
  }
  if (!names.includes('status')) return 'binfmt_misc is not mounted';
  if (!names.includes(name)) return `the kernel has no handler ${name}`;
  const handler = readFileSync(join(directory, name), 'utf8');
  if (!handler.startsWith('enabled')) return `its handler ${name} is disabled`;
  // Without F the interpreter would be looked for in the image.
  return /^flags:.*F/m.test(handler) ? undefined : `its handler ${name} has not the flag F`;
}

function runsNatively(arch: string, hostArch: string): boolean {
  return arch === hostArch || NATIVE[hostArch]?.includes(arch) === true;
}

function handlerName(arch: string): string {
  return `qemu-${QEMU_NAMES[arch] ?? arch}`;
}

/** What the builder needs for programs of an architecture; nothing for those that its processor runs by itself. */
export function emulationTools(arch: string, hostArch: string): readonly { name: string; package: string; why: string }[] {
  if (runsNatively(arch, hostArch)) return [];
  return [
    {
      name: `${handlerName(arch)}-static`,
      package: 'qemu-user-static',
      why: `runs programs of ${arch} when its packages are installed`,
    },
    { name: 'arch-test', package: 'arch-test', why: 'tells mmdebstrap that the emulation works' },
  ];
}

/** Where qemu-user-static says what the kernel is to hand to it: binfmt.d(5), in the form that `register` takes. */
const HANDLERS = '/usr/lib/binfmt.d';

/** The mapping of the initial user namespace (user_namespaces(7)): there, handlers are the whole machine's, and its administrator's business. */
const INITIAL_MAPPING = /^\s*0\s+0\s+4294967295\s*$/;

/**
 * Has programs of an architecture run in this user namespace, if they do not yet: since Linux 6.7 each namespace may have handlers of its own, which
 * nobody outside sees and which go with it. Call it in a mount namespace of one's own. Where it is not possible nothing happens: requireEmulation
 * tells what is missing.
 */
export async function emulateHere(arch: string, hostArch: string, runner: Runner): Promise<void> {
  const handler = join(HANDLERS, `${handlerName(arch)}.conf`);
  if (emulationFault(arch, hostArch) === undefined || !existsSync(handler)) return;
  if (INITIAL_MAPPING.test(readFileSync('/proc/self/uid_map', 'utf8'))) return;
  try {
    await runner.run({ argv: ['mount', '-t', 'binfmt_misc', 'binfmt_misc', BINFMT] });
  } catch {
    return;
  }
  writeFileSync(join(BINFMT, 'register'), readFileSync(handler));
}

/** Throws DIB_ARCH_EMULATION where programs of an architecture, which packages and hooks are made of, cannot be run. */
export function requireEmulation(arch: string, hostArch: string): void {
  const fault = emulationFault(arch, hostArch);
  if (fault === undefined) return;
  fail(
    {
      code: 'DIB_ARCH_EMULATION',
      summary: `Programs of ${quoted(arch)} cannot be run on this machine, which is ${quoted(hostArch)}: ${fault}`,
      detail: 'Building an image of another architecture runs its programs, through QEMU.',
      help: EMULATION_HELP,
    },
    ExitCode.Unavailable,
  );
}

/** How to have programs of other architectures run. */
export const EMULATION_HELP =
  'Install `qemu-user-static` and `binfmt-support`, mount `/proc/sys/fs/binfmt_misc` where a container hides it, and run `update-binfmts --enable`; or build as an ordinary user with Linux 6.7 or newer, where dib arranges it for itself.';
