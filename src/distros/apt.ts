import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { StorageFeature } from '../blockdev/storage-needs.ts';
import type { DistroConfig } from '../config/image.ts';
import { DibError, fail } from '../diagnostics/errors.ts';
import { quoted } from '../diagnostics/printable.ts';
import type { Command } from '../exec/command.ts';
import { sha256 } from '../util/hash.ts';
import type { BootstrapPlace, BootstrapResult, BuilderTool, Distro } from './distro.ts';

/** Date of accounts and the like. Not 0: shadow(5) takes day 0 as `must change the password`. */
export const SOURCE_DATE_EPOCH = '1700000000';

/** The archives of a distribution when image.yaml names none. */
interface Archives {
  readonly main: string;
  readonly security: string;
}

/** What one distribution of Debian's family has of its own. */
export interface AptDistro
  extends Pick<
    Distro,
    'name' | 'element' | 'releases' | 'defaultRelease' | 'releaseAliases' | 'architectures' | 'components' | 'defaultComponents'
  > {
  /** Its keys, at the same path on the builder and in the image. */
  readonly keyring: BuilderTool & { readonly file: string };
  /** Further suites of an archive, after the release's name and `-`: when image.yaml names none. `security` comes from the security archive. */
  readonly suites: readonly string[];
  /** Undefined: mmdebstrap(1) knows them by itself. */
  archives?(arch: string): Archives;
  /** Where a mirror has the security suite. */
  securityMirror(mirror: string): string;
  storagePackages(feature: StorageFeature, release: string): readonly string[];
}

/**
 * A distribution of Debian's family, by mmdebstrap(1). Its mode `unshare`, started by root or by the root of a user namespace, unshares only mounts,
 * pids, uts and ipc, binds devices instead of making them, and so does the same in both places, straight into the directory.
 */
export function aptDistro(own: AptDistro): Distro {
  return {
    ...own,
    family: 'debian',
    tools: [
      { name: 'mmdebstrap', package: 'mmdebstrap', why: 'installs the base system' },
      { name: 'apt-get', package: 'apt', why: 'downloads and checks packages' },
      { name: 'gpgv', package: 'gpgv', why: 'checks the signatures of the archive' },
    ],
    bootstrapCommands: (config, place): readonly Command[] => [
      {
        argv: [
          ...[
            'mmdebstrap',
            '--mode=unshare',
            `--variant=${config.variant}`,
            '--format=directory',
            `--architectures=${config.arch}`,
          ],
          ...[`--components=${config.components.join(',')}`, '--skip=cleanup/apt/lists'],
          // Debian's archive calls apt required; Ubuntu's only important, and minbase would lack it.
          ...(own.archives === undefined || config.variant === 'essential' ? [] : ['--include=apt']),
          ...['--aptopt=Acquire::Languages "none"', '--dpkgopt=force-unsafe-io'],
          ...poolOptions(place),
          ...[config.release, place.target, ...entries(own, config, place.keyring)],
        ],
        env: { SOURCE_DATE_EPOCH, ...(place.packagePool === undefined ? {} : { DIB_PACKAGE_POOL: place.packagePool }) },
      },
    ],
    explainFailure: (error, config, place) => explainSignature(error, own, config, place),
    finishBootstrap: (_config, place) => finish(own, place),
    refreshCommand: () => ['/usr/bin/apt-get', '--quiet', '-o', 'Acquire::Languages=none', 'update'],
    sources: [
      'etc/apt/sources.list',
      'etc/apt/sources.list.d',
      'etc/apt/trusted.gpg.d',
      'etc/apt/keyrings',
      'etc/apt/auth.conf.d',
    ],
    leftovers: ['var/lib/apt/lists', 'var/cache/apt', 'var/cache/ldconfig', 'var/lib/dpkg/*-old', 'var/cache/debconf/*-old'],
  };
}

/** Has mmdebstrap take packages from the pool, and leave what it downloads until they are put there. */
function poolOptions({ packagePool }: BootstrapPlace): string[] {
  if (packagePool === undefined) return [];
  const hook = fileURLToPath(new URL('../../libexec/dib-bootstrap-packages', import.meta.url));
  return ['--skip=download/empty,essential/unlink', `--setup-hook=${hook}`, `--customize-hook=${hook}`];
}

/** Archives as mmdebstrap takes them; none: it knows the main, updates and security ones of the release by itself. */
function entries(own: AptDistro, config: DistroConfig, keyring: string | undefined): string[] {
  const archives = archivesOf(own, config);
  if (archives === undefined) return [];
  // mmdebstrap knows the keys of Debian's releases by itself, also those in the builder's /etc/apt/trusted.gpg.d.
  const key = keyring ?? (own.archives === undefined ? undefined : own.keyring.file);
  const option = key === undefined ? '' : `[signed-by="${key}"] `;
  const components = config.components.join(' ');
  const suites = config.suites ?? own.suites;
  return [
    `deb ${option}${archives.main} ${config.release} ${components}`,
    ...suites.map((suite) => {
      const archive = suite === 'security' ? archives.security : archives.main;
      return `deb ${option}${archive} ${config.release}-${suite} ${components}`;
    }),
  ];
}

function archivesOf(own: AptDistro, config: DistroConfig): Archives | undefined {
  if (config.mirror !== undefined) {
    const main = withoutSlash(config.mirror);
    return { main, security: withoutSlash(config.security_mirror ?? own.securityMirror(main)) };
  }
  const known = own.archives?.(config.arch);
  if (known !== undefined) return { ...known, security: withoutSlash(config.security_mirror ?? known.security) };
  for (const key of ['security_mirror', 'suites', 'keyring'] as const) {
    if (config[key] === undefined) continue;
    fail({
      code: key === 'security_mirror' ? 'DIB_DISTRO_SECURITY_MIRROR' : 'DIB_DISTRO_MIRROR_MISSING',
      summary: `${quoted(key)} is set and ${quoted('mirror')} is not`,
      detail:
        key === 'security_mirror'
          ? 'The main archive and its security archive belong together.'
          : 'It says something about a mirror.',
      help: `Set \`mirror\` as well, or remove ${quoted(key)}.`,
    });
  }
  return undefined;
}

function withoutSlash(url: string): string {
  return url.replace(/\/+$/, '');
}

function finish(own: AptDistro, { target, keyring }: BootstrapPlace): BootstrapResult {
  // Settings of the build, and what mmdebstrap copied from the builder.
  for (const path of ['etc/apt/apt.conf.d/99mmdebstrap', 'etc/dpkg/dpkg.cfg.d/99mmdebstrap', 'etc/resolv.conf', 'etc/hostname']) {
    rmSync(join(target, path), { force: true });
  }
  const list = join(target, 'etc/apt/sources.list');
  if (existsSync(list)) {
    const text = deb822Sources(readFileSync(list, 'utf8'), keyInImage(own, target, keyring));
    writeFileSync(join(target, `etc/apt/sources.list.d/${own.name}.sources`), text);
    rmSync(list);
  }
  return { mirrorDigest: mirrorDigest(target), epoch: mirrorEpoch(target) };
}

/** Path in the image of the keys that its archives are signed with: image.yaml's are put there, as are the builder's where no package of the image has them. */
function keyInImage(own: AptDistro, target: string, keyring: string | undefined): string {
  const source = keyring ?? own.keyring.file;
  if (keyring === undefined && (existsSync(join(target, own.keyring.file)) || !existsSync(source))) return own.keyring.file;
  const path = `/etc/apt/keyrings/${own.name}-${basename(source)}`;
  mkdirSync(join(target, 'etc/apt/keyrings'), { recursive: true });
  writeFileSync(join(target, path), readFileSync(source), { mode: 0o644 });
  return path;
}

/** One-line entries (`deb [options] URI suite components`) as a deb822 file (sources.list(5)); entries that differ only in the suite become one. */
export function deb822Sources(oneLine: string, keyring: string): string {
  const stanzas = new Map<string, { uri: string; components: string; suites: string[] }>();
  for (const line of oneLine.split('\n')) {
    const match = /^deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)\s+(.+)$/.exec(line.trim());
    if (match === null) continue;
    const [, uri, suite, components] = match as unknown as [string, string, string, string];
    const stanza = stanzas.get(`${uri} ${components}`) ?? { uri, components, suites: [] };
    stanza.suites.push(suite);
    stanzas.set(`${uri} ${components}`, stanza);
  }
  return [...stanzas.values()]
    .map(
      ({ uri, components, suites }) =>
        `Types: deb\nURIs: ${uri}\nSuites: ${suites.join(' ')}\nComponents: ${components}\nSigned-By: ${keyring}\n`,
    )
    .join('\n');
}

/** What apt says when a signature cannot be trusted, and gpgv's reason. */
const UNTRUSTED = /NO_PUBKEY|BADSIG|EXPKEYSIG|REVKEYSIG|EXPSIG|is not signed|NODATA/;

/** A bootstrap that failed because of a signature, said so; anything else stays as it is. */
function explainSignature(error: unknown, own: AptDistro, config: DistroConfig, place: BootstrapPlace): unknown {
  const [first] = error instanceof DibError ? error.diagnostics : [];
  const detail = first?.detail ?? '';
  if (first === undefined || !UNTRUSTED.test(detail)) return error;
  const missing = /NO_PUBKEY\s+([0-9A-F]+)/.exec(detail)?.[1];
  const where = place.keyring === undefined ? quoted(own.keyring.file) : '`distro.keyring`';
  return new DibError({
    ...first,
    code: 'DIB_DISTRO_SIGNATURE',
    summary: `The archive of ${quoted(`${config.name} ${config.release}`)} is not signed with a key that is trusted`,
    detail: `${missing === undefined ? '' : `It is signed with the key ${missing}, which ${where} does not hold.\n`}${detail}`,
    help: 'Set `distro.keyring` to the file with the public keys of the mirror, as its operator publishes them. dib never installs from an archive that it cannot check.',
  });
}

/** The newest `Date:` of the InRelease files in a tree's package lists (RFC 2822, always UTC), in seconds since 1970. */
export function mirrorEpoch(root: string): number {
  const dates = inReleaseFiles(root).map((file) => /^Date: (.+)$/m.exec(readFileSync(file, 'utf8'))?.[1] ?? '');
  const seconds = dates.map((date) => Date.parse(date) / 1000).filter((value) => Number.isFinite(value));
  return seconds.length === 0 ? Number(SOURCE_DATE_EPOCH) : Math.max(...seconds);
}

/** Signed lists: InRelease, or of archives without it Release and its signature. */
function inReleaseFiles(root: string): string[] {
  const lists = join(root, 'var/lib/apt/lists');
  const files = readdirSync(lists).filter((name) => /_(In)?Release$/.test(name));
  if (files.length === 0) throw new Error(`no InRelease file in ${lists}`);
  return files.map((name) => join(lists, name));
}

/** SHA-256 over the sorted digests of the InRelease files in a tree's package lists: names of hosts play no part. */
export function mirrorDigest(root: string): string {
  const digests = inReleaseFiles(root)
    .map((file) => sha256(readFileSync(file)))
    .sort();
  return sha256(digests.join('\n'));
}

/** Packages of all of Debian's family that a running image uses its own disks with. */
export const STORAGE_PACKAGES: Readonly<Record<StorageFeature, readonly string[]>> = {
  lvm: ['lvm2'],
  'lvm-thin': ['thin-provisioning-tools'],
  luks: ['cryptsetup', 'cryptsetup-initramfs'],
  raid: ['mdadm'],
  btrfs: ['btrfs-progs'],
  xfs: ['xfsprogs'],
};
