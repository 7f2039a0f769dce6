import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { StorageFeature } from '../blockdev/storage-needs.ts';
import type { DistroConfig } from '../config/image.ts';
import { fail } from '../diagnostics/errors.ts';
import type { Command } from '../exec/command.ts';
import { sha256 } from '../util/hash.ts';
import type { BootstrapPlace, BootstrapResult, Distro } from './distro.ts';

/** Keys of the Debian archive, on the builder and in the image (package debian-archive-keyring). */
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** Date of accounts and the like. Not 0: shadow(5) takes day 0 as `must change the password`. */
export const SOURCE_DATE_EPOCH = '1700000000';

/** Architectures of every release: https://www.debian.org/releases/ , chapter "Supported architectures" of each one's release notes. */
const RELEASE_ARCHITECTURES = ['amd64', 'arm64', 'armel', 'armhf', 'i386', 'ppc64el', 's390x'] as const;

const STORAGE_PACKAGES: Readonly<Record<StorageFeature, readonly string[]>> = {
  lvm: ['lvm2'],
  'lvm-thin': ['thin-provisioning-tools'],
  luks: ['cryptsetup', 'cryptsetup-initramfs'],
  raid: ['mdadm'],
  btrfs: ['btrfs-progs'],
  xfs: ['xfsprogs'],
};

/**
 * Debian, by mmdebstrap(1). Its mode `unshare`, started by root or by the root of a user namespace, unshares only mounts, pids, uts and ipc,
 * binds devices instead of making them, and so does the same in both places, straight into the directory.
 */
export const debian: Distro = {
  name: 'debian',
  family: 'debian',
  element: 'debian-minimal',
  releases: ['bookworm', 'trixie'],
  defaultRelease: 'bookworm',
  releaseAliases: { '12': 'bookworm', '13': 'trixie' },
  architectures: {
    bookworm: [...RELEASE_ARCHITECTURES, 'mips64el', 'mipsel'].sort(),
    trixie: [...RELEASE_ARCHITECTURES, 'riscv64'].sort(),
  },
  components: ['main', 'contrib', 'non-free', 'non-free-firmware'],
  defaultComponents: ['main'],
  tools: [
    { name: 'mmdebstrap', package: 'mmdebstrap', why: 'installs the base system' },
    { name: 'apt-get', package: 'apt', why: 'downloads and checks packages' },
    { name: 'gpgv', package: 'gpgv', why: 'checks the signatures of the archive' },
  ],
  bootstrapCommands(config, { target }: BootstrapPlace): readonly Command[] {
    const options = [
      ...['--mode=unshare', `--variant=${config.variant}`, '--format=directory', `--architectures=${config.arch}`],
      ...[`--components=${config.components.join(',')}`, '--skip=cleanup/apt/lists'],
      ...["--aptopt=Acquire::Languages 'none'".replaceAll("'", '"'), '--dpkgopt=force-unsafe-io'],
    ];
    return [{ argv: ['mmdebstrap', ...options, config.release, target, ...archives(config)], env: { SOURCE_DATE_EPOCH } }];
  },
  finishBootstrap(_config, { target }: BootstrapPlace): BootstrapResult {
    // Settings of the build, and what mmdebstrap copied from the builder.
    for (const path of [
      'etc/apt/apt.conf.d/99mmdebstrap',
      'etc/dpkg/dpkg.cfg.d/99mmdebstrap',
      'etc/resolv.conf',
      'etc/hostname',
    ]) {
      rmSync(join(target, path), { force: true });
    }
    const list = join(target, 'etc/apt/sources.list');
    if (existsSync(list)) {
      writeFileSync(join(target, 'etc/apt/sources.list.d/debian.sources'), deb822Sources(readFileSync(list, 'utf8')));
      rmSync(list);
    }
    return { mirrorDigest: mirrorDigest(target), epoch: mirrorEpoch(target) };
  },
  refreshCommand: () => ['/usr/bin/apt-get', '--quiet', '-o', 'Acquire::Languages=none', 'update'],
  storagePackages(feature, release) {
    // Since trixie the part of systemd that reads /etc/crypttab is a package of its own.
    const further = feature === 'luks' && release !== 'bookworm' ? ['systemd-cryptsetup'] : [];
    return [...STORAGE_PACKAGES[feature], ...further];
  },
  sources: ['etc/apt/sources.list', 'etc/apt/sources.list.d', 'etc/apt/trusted.gpg.d', 'etc/apt/keyrings', 'etc/apt/auth.conf.d'],
  leftovers: ['var/lib/apt/lists', 'var/cache/apt', 'var/cache/ldconfig', 'var/lib/dpkg/*-old', 'var/cache/debconf/*-old'],
};

/** Archives as mmdebstrap takes them; none: it knows the main, updates and security ones of the release by itself. */
function archives(config: DistroConfig): string[] {
  if (config.mirror === undefined) {
    if (config.security_mirror === undefined) return [];
    fail({
      code: 'DIB_DISTRO_SECURITY_MIRROR',
      summary: '`security_mirror` is set and `mirror` is not',
      detail: 'The main archive and its security archive belong together.',
      help: 'Set `mirror` as well, or remove `security_mirror`.',
    });
  }
  const main = config.mirror.replace(/\/+$/, '');
  // By convention a mirror has the security archive beside the main one.
  const security = (config.security_mirror ?? `${main}-security`).replace(/\/+$/, '');
  const components = config.components.join(' ');
  return [
    `deb ${main} ${config.release} ${components}`,
    `deb ${main} ${config.release}-updates ${components}`,
    `deb ${security} ${config.release}-security ${components}`,
  ];
}

/** One-line entries (`deb [options] URI suite components`) as a deb822 file (sources.list(5)); entries that differ only in the suite become one. */
export function deb822Sources(oneLine: string): string {
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
        `Types: deb\nURIs: ${uri}\nSuites: ${suites.join(' ')}\nComponents: ${components}\nSigned-By: ${KEYRING}\n`,
    )
    .join('\n');
}

/** The newest `Date:` of the InRelease files in a tree's package lists (RFC 2822, always UTC), in seconds since 1970. */
export function mirrorEpoch(root: string): number {
  const dates = inReleaseFiles(root).map((file) => /^Date: (.+)$/m.exec(readFileSync(file, 'utf8'))?.[1] ?? '');
  const seconds = dates.map((date) => Date.parse(date) / 1000).filter((value) => Number.isFinite(value));
  return seconds.length === 0 ? Number(SOURCE_DATE_EPOCH) : Math.max(...seconds);
}

function inReleaseFiles(root: string): string[] {
  const lists = join(root, 'var/lib/apt/lists');
  const files = readdirSync(lists).filter((name) => name.endsWith('_InRelease'));
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
