import { constants } from 'node:fs';
import { access, open, readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { quoted, quotedPath } from '../diagnostics/printable.ts';
import { moduleName, newestFirst, readModuleNames } from './kernel-modules.ts';

/** A Linux kernel that QEMU can be given, with the modules that belong to it. */
export interface GuestKernel {
  /** Absolute path of the boot image, such as /boot/vmlinuz-6.1.0-50-cloud-amd64. */
  readonly image: string;
  /** What `uname -r` says when it runs. */
  readonly version: string;
  /** Absolute path of the directory with its modules.dep. */
  readonly modules: string;
}

/** The kernel, or why there is none, as part of a sentence, and what to do about it. */
export type KernelSearch =
  | { readonly ok: true; readonly kernel: GuestKernel }
  | { readonly ok: false; readonly reason: string; readonly help: string };

/** Where to look; replaced in tests. */
export interface KernelPlaces {
  readonly boot: string;
  readonly modules: string;
  /** The boot image that the user chose by the environment variable DIB_VM_KERNEL. */
  readonly chosen?: string | undefined;
}

/** Without one of these no disk can be shown to the machine, and nothing be asked of it. Debian's kernels have them as modules. */
const REQUIRED = ['virtio_pci', 'virtio_scsi', 'virtio_console', 'sd_mod', 'loop', 'dm-mod'];

const HELP =
  'Install a kernel to boot: `apt-get install linux-image-cloud-amd64`, or name the path of another one in the environment variable `DIB_VM_KERNEL`.';

/** The newest kernel of this host, or the one that DIB_VM_KERNEL names, whose image and modules this user can read. Nothing is run. */
export async function findKernel(places: KernelPlaces = hostPlaces()): Promise<KernelSearch> {
  if (places.chosen !== undefined) return await examine(places.chosen, await moduleRoots(places.chosen, places));
  const names = (await readdir(places.boot).catch((): string[] => [])).filter((name) => name.startsWith('vmlinuz-'));
  let first: KernelSearch | undefined;
  for (const name of names.sort(newestFirst)) {
    const found = await examine(join(places.boot, name), [places.modules]);
    if (found.ok) return found;
    first ??= found;
  }
  return first ?? { ok: false, reason: `there is no kernel in ${quotedPath(places.boot)}`, help: HELP };
}

function hostPlaces(): KernelPlaces {
  const chosen = process.env['DIB_VM_KERNEL'];
  return { boot: '/boot', modules: '/lib/modules', chosen: chosen === '' ? undefined : chosen };
}

/** An unpacked package has its modules beside its /boot. */
async function moduleRoots(image: string, places: KernelPlaces): Promise<readonly string[]> {
  return [join(dirname(dirname(image)), 'lib/modules'), places.modules];
}

async function examine(image: string, roots: readonly string[]): Promise<KernelSearch> {
  const no = (reason: string): KernelSearch => ({ ok: false, reason, help: HELP });
  try {
    await access(image, constants.R_OK);
  } catch (error) {
    const denied = (error as NodeJS.ErrnoException).code === 'EACCES';
    return no(`the kernel ${quotedPath(image)} ${denied ? 'may not be read by this user' : 'is not there'}`);
  }
  const version = await versionOf(image);
  if (version === undefined) return no(`${quotedPath(image)} is no Linux kernel that tells its version`);
  for (const root of roots) {
    const modules = join(root, version);
    const names = await readModuleNames(modules);
    if (names === undefined) continue;
    const missing = REQUIRED.find((name) => !names.has(moduleName(name)));
    if (missing !== undefined) return no(`the kernel ${quotedPath(image)} has no module ${quoted(missing)}`);
    return { ok: true, kernel: { image, version, modules } };
  }
  return no(`the modules of the kernel ${quotedPath(image)} are not in ${quotedPath(join(roots[0] ?? '', version))}`);
}

async function versionOf(image: string): Promise<string | undefined> {
  return /^vmlinuz-(.+)$/.exec(basename(image))?.[1] ?? (await versionInHeader(image));
}

/**
 * The version that an x86 boot image carries: the header at 0x1f1 has the mark `HdrS` at 0x202, and at 0x20e where the text is, counted
 * from 0x200 (The Linux/x86 Boot Protocol, kernel_version).
 */
async function versionInHeader(image: string): Promise<string | undefined> {
  const file = await open(image, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(0x8000), 0, 0x8000, 0);
    if (bytesRead < 0x210 || buffer.toString('latin1', 0x202, 0x206) !== 'HdrS') return undefined;
    const start = buffer.readUInt16LE(0x20e) + 0x200;
    return /^[^\s\0]+/.exec(buffer.toString('latin1', start, Math.min(start + 128, bytesRead)))?.[0];
  } finally {
    await file.close();
  }
}
