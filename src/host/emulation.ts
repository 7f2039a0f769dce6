import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

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
  if (arch === hostArch || NATIVE[hostArch]?.includes(arch) === true) return undefined;
  const name = `qemu-${QEMU_NAMES[arch] ?? arch}`;
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

/** How to have programs of other architectures run. */
export const EMULATION_HELP =
  'Install `qemu-user-static` and `binfmt-support`, mount `/proc/sys/fs/binfmt_misc` where a container hides it, and run `update-binfmts --enable`.';
