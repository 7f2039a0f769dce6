import { constants } from 'node:fs';
import {
  copyFile,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  readlink,
  realpath,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { findProgram } from '../doctor/tools.ts';
import type { Runner } from '../exec/command.ts';
import { jsonDigest } from '../util/hash.ts';
import { BOOT_MODULES, GUEST_FILES, GUEST_MODULES, GUEST_PROGRAMS, MODULE_INDEXES } from './qemu-contents.ts';
import type { GuestKernel } from './qemu-kernel.ts';

export interface InitramfsOptions {
  readonly kernel: GuestKernel;
  /** Directory in which they are kept; made if needed. */
  readonly cache: string;
  /** Runs ldd, modprobe and cpio. */
  readonly runner: Runner;
  /** Scripts of dib by their path in the machine; `/init` among them. */
  readonly scripts: Readonly<Record<string, string>>;
}

/** What goes into the machine, before it is looked at what each program loads. */
interface Contents {
  /** Found programs, by absolute path. */
  readonly programs: readonly string[];
  readonly files: readonly string[];
}

/** Sizes and times of all files that an archive was made from: the archive is good while they stay. */
type Manifest = Readonly<Record<string, string>>;

/**
 * The initial RAM file system to boot a kernel with: this host's programs, their libraries, the modules, dib's scripts. A cpio archive
 * (the kernel's driver-api/early-userspace/buffer-format), not compressed, for without KVM unpacking would take longer than reading.
 * Kept in the cache, and made afresh when anything that it holds has changed. Gives its path.
 */
export async function ensureInitramfs(options: InitramfsOptions): Promise<string> {
  const { kernel, cache } = options;
  const contents = await findContents();
  const key = jsonDigest({ ...contents, ...options.scripts, modules: GUEST_MODULES, boot: BOOT_MODULES, kernel: { ...kernel } });
  const prefix = `initramfs-${kernel.version}-`;
  const archive = join(cache, `${prefix}${key.slice(0, 16)}`);
  if (await isCurrent(archive)) return archive;
  await mkdir(cache, { recursive: true });
  const scratch = await mkdtemp(join(cache, 'making-'));
  try {
    await makeArchive(options, contents, scratch);
    for (const [name, place] of [
      ['manifest', `${archive}.json`],
      ['archive', archive],
    ] as const) {
      await flush(join(scratch, name));
      await rename(join(scratch, name), place);
    }
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
  await removeOthers(cache, prefix, basename(archive));
  return archive;
}

/** After a power cut a name must not lead to half a file, which would be taken for good. */
async function flush(file: string): Promise<void> {
  const handle = await open(file, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function findContents(): Promise<Contents> {
  const programs = GUEST_PROGRAMS.flatMap((name) => findProgram(name) ?? []);
  const files = await Promise.all(GUEST_FILES.map(async (file) => ((await stat(file).catch(() => undefined)) ? [file] : [])));
  return { programs, files: files.flat() };
}

async function isCurrent(archive: string): Promise<boolean> {
  try {
    await stat(archive);
    const manifest = JSON.parse(await readFile(`${archive}.json`, 'utf8')) as Manifest;
    const same = await Promise.all(Object.entries(manifest).map(async ([file, mark]) => (await markOf(file)) === mark));
    return same.every(Boolean);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || error instanceof SyntaxError) return false;
    throw error;
  }
}

async function markOf(file: string): Promise<string> {
  const { size, mtimeMs, ino } = await stat(file);
  return `${size} ${mtimeMs} ${ino}`;
}

/** Those of the same kernel from other programs. A machine that starts from one has it open. */
async function removeOthers(cache: string, prefix: string, kept: string): Promise<void> {
  const names = (await readdir(cache)).filter((name) => name.startsWith(prefix) && !name.startsWith(kept));
  for (const name of names) await rm(join(cache, name), { force: true });
}

/** Writes `archive` and `manifest` into the scratch directory. */
async function makeArchive(options: InitramfsOptions, contents: Contents, scratch: string): Promise<void> {
  const { kernel, runner } = options;
  const { links, targets } = await resolveLinks(contents.programs);
  const files = [...new Set([...targets, ...(await librariesOf(targets, runner)), ...contents.files])];
  const modules = await moduleFiles(kernel, runner);
  const stage = join(scratch, 'stage');
  await stageTop(stage, options.scripts);
  for (const file of files) await copyInto(stage, file, file);
  for (const [link, target] of links) await linkInto(stage, link, target);
  for (const file of modules) await copyInto(stage, join(kernel.modules, file), join('/usr/lib/modules', kernel.version, file));
  const list = await listBelow(stage, '');
  const cpio = ['cpio', '--create', '--quiet', '--null', '--format=newc', '--owner=0:0', `--file=${join(scratch, 'archive')}`];
  await runner.run({ argv: cpio, cwd: stage, input: list.join('\0') });
  const sources = [...files, ...modules.map((file) => join(kernel.modules, file))];
  const manifest: Manifest = Object.fromEntries(await Promise.all(sources.map(async (file) => [file, await markOf(file)])));
  await writeFile(join(scratch, 'manifest'), JSON.stringify(manifest));
}

/** Programs of which several names lead to one file are kept once: names that are symbolic links, with the file that they lead to. */
async function resolveLinks(programs: readonly string[]) {
  const links = new Map<string, string>();
  const targets = new Set<string>();
  for (const program of programs) {
    const place = await canonicalPlace(program);
    const target = await realpath(program);
    if (place !== target) links.set(place, target);
    targets.add(target);
  }
  return { links, targets: [...targets] };
}

/** A path with the links in its directory resolved, not that of the file itself: `/bin` is a link to `/usr/bin`. */
async function canonicalPlace(path: string): Promise<string> {
  return join(await realpath(dirname(path)), basename(path));
}

/** Libraries and program loaders that ldd(1) names for programs. Scripts among them load nothing. */
async function librariesOf(programs: readonly string[], runner: Runner): Promise<readonly string[]> {
  const { stdout } = await runner.run({ argv: ['ldd', ...programs], okExitCodes: [0, 1] });
  const named = [...new Set(namedByLdd(stdout))];
  // glibc opens it by itself when a thread is cancelled (pthread_cancel(3)).
  const libc = named.find((path) => basename(path).startsWith('libc.so'));
  const unwinder = libc === undefined ? [] : [join(dirname(libc), 'libgcc_s.so.1')];
  const present = await Promise.all(unwinder.map(async (path) => ((await stat(path).catch(() => undefined)) ? [path] : [])));
  return await Promise.all([...named, ...present.flat()].map(canonicalPlace));
}

/** Absolute paths in lines such as `libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f...)`. */
export function namedByLdd(output: string): string[] {
  return [...output.matchAll(/^\s+(?:\S+ => )?(\/\S+) \(0x[0-9a-f]+\)$/gm)].map((match) => match[1] ?? '');
}

/** Modules with what they depend on, and modprobe's indexes, as paths below the kernel's directory. */
async function moduleFiles(kernel: GuestKernel, runner: Runner): Promise<readonly string[]> {
  const root = dirname(kernel.modules);
  // modprobe looks for lib/modules/VERSION below what it is told.
  const where = ['--dirname', dirname(dirname(root)), '--set-version', kernel.version];
  const argv = ['modprobe', '--show-depends', ...where, '--all', ...GUEST_MODULES];
  // It fails when one is not there, after it has told of the others.
  const { stdout } = await runner.run({ argv, okExitCodes: [0, 1] });
  const modules = insertedByModprobe(stdout).map((path) => relative(kernel.modules, path));
  const present = new Set(await readdir(kernel.modules));
  return [...new Set(modules), ...MODULE_INDEXES.filter((name) => present.has(name))];
}

/** Paths in lines such as `insmod /lib/modules/6.1.0/kernel/drivers/md/md-mod.ko start_ro=1`. */
export function insertedByModprobe(output: string): string[] {
  return [...output.matchAll(/^insmod (\S+)/gm)].map((match) => match[1] ?? '');
}

/** Directories and files that are not copied from this host. */
async function stageTop(stage: string, scripts: InitramfsOptions['scripts']): Promise<void> {
  for (const name of ['dev', 'etc', 'mnt', 'proc', 'root', 'run', 'sys', 'tmp'])
    await mkdir(join(stage, name), { recursive: true });
  for (const name of ['bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32']) {
    const target = await readlink(join('/', name)).catch(() => undefined);
    if (target === undefined) continue;
    await symlink(target, join(stage, name));
    await mkdir(join(stage, 'usr', name), { recursive: true });
  }
  await writeFile(join(stage, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/bash\n');
  await writeFile(join(stage, 'etc/group'), 'root:x:0:\n');
  await writeFile(join(stage, 'boot-modules'), `${BOOT_MODULES.join('\n')}\n`);
  for (const [path, text] of Object.entries(scripts)) await writeFile(join(stage, path), text, { mode: 0o755 });
}

async function copyInto(stage: string, source: string, path: string): Promise<void> {
  await mkdir(dirname(join(stage, path)), { recursive: true });
  await copyFile(source, join(stage, path), constants.COPYFILE_FICLONE);
}

async function linkInto(stage: string, path: string, target: string): Promise<void> {
  await mkdir(dirname(join(stage, path)), { recursive: true });
  await symlink(target, join(stage, path));
}

/** Everything in a directory, each directory before what is in it. */
async function listBelow(top: string, below: string): Promise<string[]> {
  const paths: string[] = [];
  for (const entry of await readdir(join(top, below), { withFileTypes: true })) {
    const path = join(below, entry.name);
    paths.push(path, ...(entry.isDirectory() ? await listBelow(top, path) : []));
  }
  return paths;
}
