import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { StorageFeature } from '../blockdev/storage-needs.ts';
import type { DistroConfig } from '../config/image.ts';
import type { Command } from '../exec/command.ts';
import type { Distro, OutsideInstaller, OutsidePlace } from './distro.ts';
import {
  finishCommand,
  installedCommand,
  mirrorOf,
  type RpmMirror,
  type RpmRelease,
  repositoriesOf,
  rpmArchitecture,
  rpmEnvironment,
} from './rpm.ts';
import { explainRpm } from './rpm-failures.ts';
import { KEY_TOOLS, keyFile, type PublishedKeys, prepareKeys } from './rpm-keys.ts';
import { metadataResult } from './rpm-metadata.ts';
import { furtherRepositories, redirectDirectory, repositoryText } from './rpm-repositories.ts';

const STORAGE_PACKAGES: Readonly<Record<StorageFeature, readonly string[]>> = {
  lvm: ['lvm2'],
  'lvm-thin': ['device-mapper-persistent-data'],
  luks: ['cryptsetup'],
  raid: ['mdadm'],
  btrfs: ['btrfs-progs'],
  xfs: ['xfsprogs'],
};

/** Where dnf keeps what it knows of repositories, in the tree. */
const CACHE = 'var/cache/dnf';
const REPOSITORIES = 'etc/yum.repos.d';

/** A distribution whose packages dnf installs. */
interface DnfDistro extends RpmMirror {
  readonly name: string;
  /** The package with /etc/os-release, which brings files of repositories and keys. */
  readonly releasePackage: string;
  readonly releases: Readonly<Record<string, RpmRelease>>;
  readonly releaseAliases: Readonly<Record<string, string>>;
  readonly defaultRelease: string;
  readonly defaultComponents: readonly string[];
  /** The keys of a mirror, by their names there. */
  readonly keysOnMirror?: (release: string) => string;
}

/**
 * Distributions of the family of Fedora, by dnf(8) of the builder with --installroot: first what the file system consists of, then, with
 * /proc, /dev and /sys as scriptlets expect them, the rest. (Package filesystem owns those directories and could not set them up once
 * something is mounted there.)
 */
function dnfDistro(table: DnfDistro): Distro {
  const release = (config: DistroConfig) => table.releases[config.release] as RpmRelease;
  const dnf = (config: DistroConfig, place: OutsidePlace, words: readonly string[]) => {
    const { target, scratch, packages } = place;
    const shared = packages === undefined ? [] : [`--setopt=destdir=${packages.directory}`, '--setopt=keepcache=1'];
    const argv = [
      ...['dnf', `--installroot=${target}`, `--config=${join(scratch, 'dnf.conf')}`, ...shared],
      ...[`--releasever=${config.release.replace('-stream', '')}`, `--forcearch=${rpmArchitecture(config.arch)}`, ...words],
    ];
    return packages === undefined ? argv : packages.lend(argv);
  };
  const outside: OutsideInstaller = {
    inside: ['usr/bin/dnf', 'usr/bin/dnf5', 'usr/bin/microdnf', 'usr/bin/yum'],
    prepare(config, { target, scratch }) {
      const repositories = repositoriesOf(config, table);
      mkdirSync(join(scratch, 'repos.d'));
      writeFileSync(join(scratch, 'repos.d/further.repo'), furtherRepositories(target, REPOSITORIES, repositories));
      // Their keys are known to the tree's rpm since the bootstrap.
      writeFileSync(join(scratch, 'dnf.conf'), configuration(release(config), scratch) + repositoryText(repositories, []));
    },
    commands(config, place, action, packages, refresh) {
      const verb = action === 'install' ? ['install'] : ['--setopt=clean_requirements_on_remove=0', 'remove'];
      const words = [...(refresh ? ['--refresh'] : []), ...verb, ...packages];
      return [{ argv: dnf(config, place, words), env: rpmEnvironment(release(config)) }];
    },
    installed: (config, { target }) => installedCommand(target, release(config)),
  };
  return {
    name: table.name,
    family: 'redhat',
    element: `${table.name}-minimal`,
    releases: Object.keys(table.releases),
    defaultRelease: table.defaultRelease,
    releaseAliases: table.releaseAliases,
    architectures: Object.fromEntries(Object.entries(table.releases).map(([name, { architectures }]) => [name, architectures])),
    components: Object.keys(table.repositories),
    defaultComponents: table.defaultComponents,
    tools: [{ name: 'dnf', package: 'dnf', why: 'installs the base system' }, ...KEY_TOOLS],
    async prepareBootstrap(config, place, context) {
      await prepareKeys(keysOf(table, config), place, context);
      mkdirSync(join(place.scratch, 'repos.d'));
      const sections = repositoryText(repositoriesOf(config, table), [`gpgkey=file://${keyFile(place)}`]);
      writeFileSync(join(place.scratch, 'dnf.conf'), configuration(release(config), place.scratch) + sections);
    },
    bootstrapCommands(config, place): readonly Command[] {
      const env = rpmEnvironment(release(config));
      const first = ['--refresh', 'install', 'basesystem', 'filesystem', 'setup', table.releasePackage];
      return [
        { argv: dnf(config, place, first), env },
        { argv: place.mounted(dnf(config, place, ['install', ...BASE])), env },
        finishCommand(place, release(config)),
      ];
    },
    finishBootstrap(config, { target }) {
      const result = metadataResult(join(target, CACHE));
      if (config.mirror !== undefined) {
        redirectDirectory(join(target, REPOSITORIES), repositoriesOf(config, table), 'file:///etc/pki/rpm-gpg/');
      }
      return result;
    },
    explainFailure: explainRpm,
    outside,
    refreshCommand: () => ['/usr/bin/dnf', '--quiet', '--assumeyes', '--refresh', 'makecache'],
    storagePackages: (feature) => STORAGE_PACKAGES[feature],
    sources: [REPOSITORIES, 'etc/dnf/vars', 'etc/yum/vars', 'etc/pki/rpm-gpg'],
    leftovers: [CACHE, 'var/cache/libdnf5', 'var/cache/yum', 'var/cache/ldconfig', 'var/lib/dnf/repos'],
  };
}

/** What every image has beyond its release: a shell, and the means to install more. */
const BASE = ['bash', 'coreutils', 'dnf', 'findutils', 'glibc-minimal-langpack', 'sed', 'util-linux'];

/** `[main]` of dnf.conf(5): nothing of the builder's own configuration is read. */
function configuration({ platform }: RpmRelease, scratch: string): string {
  const settings = {
    assumeyes: '1',
    best: '1',
    strict: '1',
    gpgcheck: '1',
    localpkg_gpgcheck: '1',
    plugins: '0',
    reposdir: join(scratch, 'repos.d'),
    pluginconfpath: join(scratch, 'repos.d'),
    // As apt does here: what a package merely recommends is left out.
    install_weak_deps: '0',
    keepcache: '0',
    // A base stays with the repositories as they were when it was made, until it is made anew.
    metadata_expire: '-1',
    check_config_file_age: '0',
    retries: '3',
    ...(platform === undefined ? {} : { module_platform_id: platform }),
  };
  return `[main]\n${Object.entries(settings)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')}`;
}

function keysOf(table: DnfDistro, config: DistroConfig): PublishedKeys {
  const { keys } = table.releases[config.release] as RpmRelease;
  const own = table.keysOnMirror?.(config.release);
  return own === undefined ? keys : { ...keys, urls: [`${mirrorOf(config, table)}/${own}`] };
}

const EL_ARCHITECTURES = ['amd64', 'arm64', 'ppc64el', 's390x'] as const;

/** Enterprise Linux 9 or 10 with one key. */
function enterprise(version: 9 | 10, fingerprint: string, urls: readonly string[] = []): RpmRelease {
  return {
    database: version === 9 ? '/var/lib/rpm' : '/usr/lib/sysimage/rpm',
    platform: `platform:el${version}`,
    architectures: EL_ARCHITECTURES,
    keys: { urls, fingerprints: [fingerprint] },
  };
}

/** Layout of mirrors of Enterprise Linux: `crb` holds what only building others needs. */
const EL_REPOSITORIES: RpmMirror['repositories'] = {
  baseos: (mirror, release, arch) => `${mirror}/${release}/BaseOS/${arch}/os/`,
  appstream: (mirror, release, arch) => `${mirror}/${release}/AppStream/${arch}/os/`,
  crb: (mirror, release, arch) => `${mirror}/${release}/CRB/${arch}/os/`,
};

const EL_EXTRAS: RpmMirror['repositories'] = {
  ...EL_REPOSITORIES,
  extras: (mirror, release, arch) => `${mirror}/${release}/extras/${arch}/os/`,
};

/** Fedora keeps its keys in one file: https://fedoraproject.org/security/ */
function fedoraRelease(version: string, fingerprint: string): RpmRelease {
  return {
    database: '/usr/lib/sysimage/rpm',
    platform: `platform:f${version}`,
    architectures: ['amd64', 'arm64', 'ppc64el', 's390x'],
    keys: { urls: ['https://fedoraproject.org/fedora.gpg'], fingerprints: [fingerprint] },
  };
}

const fedora = dnfDistro({
  name: 'fedora',
  releasePackage: 'fedora-release',
  mirror: 'https://dl.fedoraproject.org/pub/fedora/linux',
  repositories: {
    fedora: (mirror, release, arch) => `${mirror}/releases/${release}/Everything/${arch}/os/`,
    updates: (mirror, release, arch) => `${mirror}/updates/${release}/Everything/${arch}/`,
  },
  defaultComponents: ['fedora', 'updates'],
  defaultRelease: '44',
  releaseAliases: {},
  releases: {
    '43': fedoraRelease('43', 'C6E7F081CF80E13146676E88829B606631645531'),
    '44': fedoraRelease('44', '36F612DCF27F7D1A48A835E4DBFCF71C6D9F90A6'),
  },
});

/** https://www.centos.org/keys/ */
const CENTOS_KEY = '99DB70FAE1D7CE227FB6488205B555B38483C65D';

const centos = dnfDistro({
  name: 'centos',
  releasePackage: 'centos-stream-release',
  mirror: 'https://mirror.stream.centos.org',
  repositories: EL_REPOSITORIES,
  defaultComponents: ['baseos', 'appstream'],
  defaultRelease: '10-stream',
  releaseAliases: { '9': '9-stream', '10': '10-stream', 'stream-9': '9-stream', 'stream-10': '10-stream' },
  releases: {
    '9-stream': enterprise(9, CENTOS_KEY, ['https://www.centos.org/keys/RPM-GPG-KEY-CentOS-Official']),
    '10-stream': enterprise(10, CENTOS_KEY, ['https://www.centos.org/keys/RPM-GPG-KEY-CentOS-Official-SHA256']),
  },
});

const rocky = dnfDistro({
  name: 'rocky',
  releasePackage: 'rocky-release',
  mirror: 'https://dl.rockylinux.org/pub/rocky',
  repositories: EL_EXTRAS,
  defaultComponents: ['baseos', 'appstream', 'extras'],
  defaultRelease: '10',
  releaseAliases: {},
  // https://rockylinux.org/resources/gpg-key-info
  releases: {
    '9': enterprise(9, '21CB256AE16FC54C6E652949702D426D350D275D'),
    '10': enterprise(10, 'FC226859C0860BF0DDB95B085B106C736FEDFC85'),
  },
  keysOnMirror: (release) => `RPM-GPG-KEY-Rocky-${release}`,
});

const almalinux = dnfDistro({
  name: 'almalinux',
  releasePackage: 'almalinux-release',
  mirror: 'https://repo.almalinux.org/almalinux',
  repositories: EL_EXTRAS,
  defaultComponents: ['baseos', 'appstream', 'extras'],
  defaultRelease: '10',
  releaseAliases: {},
  // https://almalinux.org/security/
  releases: {
    '9': enterprise(9, 'BF18AC2876178908D6E71267D36CB86CB86B3716'),
    '10': enterprise(10, 'EE6DB7B98F5BF5EDD9DA0DE5DEE5C11CC2A1E572'),
  },
  keysOnMirror: (release) => `RPM-GPG-KEY-AlmaLinux-${release}`,
});

/** What dnf installs. */
export const DNF_DISTROS: readonly Distro[] = [fedora, centos, rocky, almalinux];
