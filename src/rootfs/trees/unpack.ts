import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { DistroConfig } from '../../config/image.ts';
import { fail } from '../../diagnostics/errors.ts';
import { quoted, quotedPath } from '../../diagnostics/printable.ts';
import { listOf } from '../../diagnostics/suggest.ts';
import type { BootstrapContext, BuilderTool } from '../../distros/distro.ts';
import { knownDistro } from '../../distros/registry.ts';
import type { Command } from '../../exec/command.ts';
import { directoryInside, resolveInside } from '../inside.ts';
import { type ArchiveMembers, readMembers } from './members.ts';

interface Compression {
  readonly name: 'gzip' | 'xz' | 'zstd' | 'bzip2';
  readonly package: string;
  /** Its first bytes, in hexadecimal digits. */
  readonly magic: string;
  readonly endings: readonly string[];
  /** Replaces `FILE.ending` by `FILE`. */
  readonly options: readonly string[];
}

const COMPRESSIONS: readonly Compression[] = [
  { name: 'gzip', package: 'gzip', magic: '1f8b', endings: ['.gz', '.tgz'], options: ['--decompress', '--force'] },
  {
    name: 'xz',
    package: 'xz-utils',
    magic: 'fd377a585a00',
    endings: ['.xz', '.txz'],
    options: ['--decompress', '--force', '--threads=0'],
  },
  {
    name: 'zstd',
    package: 'zstd',
    magic: '28b52ffd',
    endings: ['.zst', '.zstd', '.tzst'],
    options: ['--decompress', '--force', '--rm', '--quiet'],
  },
  { name: 'bzip2', package: 'bzip2', magic: '425a68', endings: ['.bz2', '.tbz'], options: ['--decompress', '--force'] },
];

/** Ending that the programs take off. */
const SUFFIX = { gzip: '.gz', xz: '.xz', zstd: '.zst', bzip2: '.bz2' } as const;

/** What unpacking an archive of this name needs. */
export function unpackTools(name: string): readonly BuilderTool[] {
  const tar: BuilderTool = { name: 'tar', package: 'tar', why: 'unpacks root file systems' };
  const compression = COMPRESSIONS.find(({ endings }) => endings.some((ending) => name.endsWith(ending)));
  if (compression === undefined) return [tar];
  return [tar, { name: compression.name, package: compression.package, why: `decompresses ${quoted(name)}` }];
}

/** Puts the uncompressed archive in the place of a compressed one; by its first bytes, whatever it is called. */
export async function decompress(file: string, context: BootstrapContext): Promise<void> {
  const head = Buffer.alloc(8);
  const descriptor = openSync(file, 'r');
  const length = readSync(descriptor, head);
  closeSync(descriptor);
  const magic = head.toString('hex', 0, length);
  const compression = COMPRESSIONS.find((candidate) => magic.startsWith(candidate.magic));
  if (compression === undefined) return;
  const compressed = `${file}${SUFFIX[compression.name]}`;
  renameSync(file, compressed);
  await context.run({ argv: [compression.name, ...compression.options, compressed] });
}

/** tar(1) on an archive whose members were looked at. Owners by number, modes, access lists and capabilities are kept. */
export function tarCommand(file: string, tree: string, skipped: string): Command {
  return {
    argv: [
      ...['tar', '--extract', '--file', file, '--directory', tree, '--numeric-owner', '--same-owner', '--same-permissions'],
      ...['--acls', '--xattrs', '--xattrs-include=user.*', '--xattrs-include=security.capability'],
      ...['--warning=no-timestamp', '--anchored', '--no-wildcards', '--exclude-from', skipped],
    ],
  };
}

/**
 * Unpacks an archive, which may be compressed and is gone afterwards, over a tree. `layer`: it is a layer of a container image. `check` is told what is in it
 * before anything is written.
 */
export async function unpackOver(
  file: string,
  tree: string,
  context: BootstrapContext,
  options: { readonly layer: boolean; readonly check?: (members: ArchiveMembers) => void },
): Promise<ArchiveMembers> {
  await decompress(file, context);
  const members = await readMembers(file, tree, options.layer);
  options.check?.(members);
  for (const path of members.emptied) {
    const directory = directoryInside(tree, path);
    for (const name of directory === undefined ? [] : readdirSync(directory))
      rmSync(join(directory ?? '', name), { recursive: true, force: true });
  }
  for (const path of members.removed) rmSync(join(tree, path), { recursive: true, force: true });
  if (members.devices > 0) context.log(`${members.devices} device nodes are left out: the kernel makes /dev by itself\n`);
  const skipped = `${file}.skipped`;
  writeFileSync(skipped, members.skipped.map((name) => `${name}\n`).join(''));
  await context.run(tarCommand(file, tree, skipped));
  rmSync(file);
  return members;
}

/** Directories that a running system and hooks need, and archives of containers may lack. */
const MOUNT_POINTS = ['dev', 'proc', 'sys', 'run', 'tmp'];

/** Whether a tree is a root file system, and of the distribution that the image says. */
export function checkTree(tree: string, config: DistroConfig): void {
  if (!['usr', 'bin', 'sbin'].some((name) => existsSync(join(tree, name)))) {
    const names = readdirSync(tree).slice(0, 5);
    fail({
      code: 'DIB_TREE_NO_ROOT',
      summary: 'What was unpacked is not a root file system: it has neither `/usr` nor `/bin`',
      detail: names.length === 0 ? 'It is empty.' : `It has ${listOf(names)}.`,
      help: 'Pack the root file system so that its directories are at the top of the archive, such as with `tar -C rootfs -c .`.',
    });
  }
  for (const name of MOUNT_POINTS) {
    if (resolveInside(tree, name) === undefined) mkdirSync(join(tree, name), { mode: name === 'tmp' ? 0o1777 : 0o755 });
  }
  checkRelease(readOsRelease(tree), config);
}

/** os-release(5) of a tree; empty where it has none. */
export function readOsRelease(tree: string): Readonly<Record<string, string>> {
  const path = resolveInside(tree, 'etc/os-release') ?? resolveInside(tree, 'usr/lib/os-release');
  if (path === undefined) return {};
  const values: Record<string, string> = {};
  for (const line of readFileSync(path, 'utf8').split('\n')) {
    const match = /^([A-Z][A-Z0-9_]*)=(.*)$/.exec(line.trim());
    if (match?.[1] !== undefined) values[match[1]] = (match[2] ?? '').replace(/^(["'])(.*)\1$/, '$2');
  }
  return values;
}

function checkRelease(found: Readonly<Record<string, string>>, config: DistroConfig): void {
  const { ID: id, ID_LIKE: like, VERSION_CODENAME: codename, VERSION_ID: version } = found;
  if (id === undefined || config.name === config.source?.type) return;
  if (id !== config.name && like?.split(' ').includes(config.name) !== true) {
    fail({
      code: 'DIB_TREE_OTHER_DISTRO',
      summary: `The image says that its root file system is like ${quoted(config.name)}, and it is ${quoted(id)}`,
      detail: `So says its ${quotedPath('/etc/os-release')}.`,
      help: `Write \`like: ${id}\`, or give the archive that you meant.`,
    });
  }
  const wanted = knownDistro(config.name)?.releaseAliases[config.release] ?? config.release;
  const known = [codename, version].filter((name) => name !== undefined && name !== '');
  const matches = known.some(
    (name) => name === wanted || name === config.release || name?.split('.')[0] === wanted.split('-')[0],
  );
  if (wanted === '' || known.length === 0 || matches || id !== config.name) return;
  fail({
    code: 'DIB_TREE_OTHER_DISTRO',
    summary: `The image says that its root file system is release ${quoted(config.release)} of ${quoted(config.name)}, and it is ${listOf(known as string[])}`,
    detail: `So says its ${quotedPath('/etc/os-release')}.`,
    help: `Write \`release: ${known[0]}\`, or give the archive that you meant.`,
  });
}
