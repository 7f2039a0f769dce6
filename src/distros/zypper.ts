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
import { KEY_TOOLS, keyFile, prepareKeys } from './rpm-keys.ts';
import { metadataResult } from './rpm-metadata.ts';
import { furtherRepositories, redirectDirectory, repositoryText } from './rpm-repositories.ts';

const STORAGE_PACKAGES: Readonly<Record<StorageFeature, readonly string[]>> = {
  lvm: ['lvm2'],
  'lvm-thin': ['thin-provisioning-tools'],
  luks: ['cryptsetup'],
  raid: ['mdadm'],
  btrfs: ['btrfsprogs'],
  xfs: ['xfsprogs'],
};

/** Where zypper keeps what it knows of repositories, in the tree. */
const CACHE = 'var/cache/zypp';
const REPOSITORIES = 'etc/zypp/repos.d';

/** Fingerprint of `openSUSE Project Signing Key`: https://en.opensuse.org/openSUSE:Security_keys */
const OPENSUSE_KEY = 'AD485664E901B867051AB15F35A2F86E29B700A4';
/** Those of `SuSE Package Signing Key`, with which Leap 15's packages from SUSE Linux Enterprise are signed. */
const SUSE_KEYS = ['FEAB502539D846DB2C0961CA70AF9E8139DB7C82', '7F009157B127B994D5CFBE76F74F09BC3FA1D6CE'];

function leap(fingerprints: readonly string[]): RpmRelease {
  return {
    database: '/usr/lib/sysimage/rpm',
    architectures: ['amd64', 'arm64', 'ppc64el', 's390x'],
    keys: { urls: [], fingerprints },
  };
}

const RELEASES: Readonly<Record<string, RpmRelease>> = {
  '15.6': leap([OPENSUSE_KEY, ...SUSE_KEYS]),
  '16.0': leap([OPENSUSE_KEY]),
  // Other architectures than this have places of their own (ports).
  tumbleweed: { ...leap([OPENSUSE_KEY]), architectures: ['amd64'] },
};

/** Components as openSUSE's own files of repositories call them. */
const TABLE: RpmMirror = {
  mirror: 'https://download.opensuse.org',
  repositories: {
    'repo-oss': (mirror, release) =>
      release === 'tumbleweed' ? `${mirror}/tumbleweed/repo/oss/` : `${mirror}/distribution/leap/${release}/repo/oss/`,
    'repo-non-oss': (mirror, release) =>
      release === 'tumbleweed' ? `${mirror}/tumbleweed/repo/non-oss/` : `${mirror}/distribution/leap/${release}/repo/non-oss/`,
    // Since Leap 16 updates come with the packages themselves.
    'repo-update': (mirror, release) => {
      if (release === 'tumbleweed') return `${mirror}/update/tumbleweed/`;
      return release === '15.6' ? `${mirror}/update/leap/${release}/oss/` : undefined;
    },
    'repo-sle-update': (mirror, release) => (release === '15.6' ? `${mirror}/update/leap/${release}/sle/` : undefined),
  },
};

function release(config: DistroConfig): RpmRelease {
  return RELEASES[config.release] as RpmRelease;
}

function zypper(config: DistroConfig, place: OutsidePlace, words: readonly string[]): Command {
  const { target, scratch, packages } = place;
  const shared = packages === undefined ? [] : [`--pkg-cache-dir=${packages.directory}`];
  const argv = [
    ...['zypper', '--non-interactive', `--root=${target}`, `--config=${join(scratch, 'zypper.conf')}`],
    ...[`--reposd-dir=${join(scratch, 'repos.d')}`, ...shared, ...words],
  ];
  return {
    argv: packages === undefined ? argv : packages.lend(argv),
    env: {
      ...rpmEnvironment(release(config)),
      ZYPP_CONF: join(scratch, 'zypp.conf'),
      ZYPP_LOCKFILE_ROOT: scratch,
      ZYPP_LOGFILE: join(scratch, 'zypper.log'),
    },
  };
}

/** What is installed; a base stays with the repositories as they were when it was made, until it is made anew. */
function install(config: DistroConfig, place: OutsidePlace, packages: readonly string[]): Command {
  const words = ['--no-refresh', 'install', '--no-recommends', '--auto-agree-with-licenses', ...packages];
  const command = zypper(config, place, words);
  // 107: a scriptlet failed, as it may where no system runs; rpm itself counts that package as installed.
  return { ...command, okExitCodes: [0, 107] };
}

/** Configuration of zypper and of its library: nothing of the builder's is read. */
function writeConfiguration(config: DistroConfig, scratch: string, repositories: string): void {
  mkdirSync(join(scratch, 'repos.d'));
  writeFileSync(join(scratch, 'zypper.conf'), '[main]\n');
  writeFileSync(join(scratch, 'zypp.conf'), `[main]\narch = ${rpmArchitecture(config.arch)}\n`);
  writeFileSync(join(scratch, 'repos.d/dib.repo'), repositories);
}

/** The index of a repository is signed here, and with it the digests of its packages. What was downloaded stays for other builds. */
const SIGNED = ['repo_gpgcheck=1', 'autorefresh=0', 'keeppackages=1'];

const outside: OutsideInstaller = {
  inside: ['usr/bin/zypper'],
  prepare(config, { target, scratch }) {
    const repositories = repositoriesOf(config, TABLE);
    const further = furtherRepositories(target, REPOSITORIES, repositories);
    // Their keys are known to the tree's rpm since the bootstrap.
    writeConfiguration(config, scratch, repositoryText(repositories, SIGNED) + further);
  },
  commands(config, place, action, packages, refresh) {
    if (action === 'uninstall') return [zypper(config, place, ['--no-refresh', 'remove', ...packages])];
    return [...(refresh ? [zypper(config, place, ['refresh'])] : []), install(config, place, packages)];
  },
  installed: (config, { target }) => installedCommand(target, release(config)),
};

/**
 * openSUSE, by zypper(8) of the builder with --root: first what the file system consists of, then, with /proc, /dev and /sys as scriptlets expect
 * them, the rest. Keys are given to the tree's rpm beforehand: zypper believes no other, as it may not ask.
 */
export const opensuse: Distro = {
  name: 'opensuse',
  family: 'suse',
  element: 'opensuse-minimal',
  releases: Object.keys(RELEASES),
  defaultRelease: '16.0',
  releaseAliases: { 'leap-15.6': '15.6', 'leap-16.0': '16.0', '16': '16.0' },
  architectures: Object.fromEntries(Object.entries(RELEASES).map(([name, { architectures }]) => [name, architectures])),
  components: Object.keys(TABLE.repositories),
  defaultComponents: ['repo-oss', 'repo-update', 'repo-sle-update'],
  tools: [
    { name: 'zypper', package: 'zypper', why: 'installs the base system' },
    { name: 'rpmkeys', package: 'rpm', why: 'tells the base system which keys to believe' },
    ...KEY_TOOLS,
  ],
  async prepareBootstrap(config, place, context) {
    const repositories = repositoriesOf(config, TABLE);
    const urls = repositories.map(({ url }) => `${url}repodata/repomd.xml.key`);
    await prepareKeys({ ...release(config).keys, urls }, place, context);
    writeConfiguration(config, place.scratch, repositoryText(repositories, SIGNED));
  },
  bootstrapCommands(config, place): readonly Command[] {
    const second = install(config, place, ['openSUSE-release', ...BASE]);
    return [
      { argv: ['rpmkeys', '--root', place.target, '--import', keyFile(place)], env: rpmEnvironment(release(config)) },
      zypper(config, place, ['refresh']),
      install(config, place, ['filesystem']),
      { ...second, argv: place.mounted(second.argv) },
      finishCommand(place, release(config)),
    ];
  },
  finishBootstrap(config, { target }) {
    const result = metadataResult(join(target, CACHE, 'raw'));
    if (config.mirror !== undefined)
      redirectDirectory(join(target, REPOSITORIES), repositoriesOf(config, TABLE), `${mirrorOf(config, TABLE)}/`);
    return result;
  },
  explainFailure: explainRpm,
  outside,
  refreshCommand: () => ['/usr/bin/zypper', '--non-interactive', 'refresh'],
  storagePackages: (feature) => STORAGE_PACKAGES[feature],
  sources: [REPOSITORIES, 'etc/zypp/vars.d'],
  leftovers: [CACHE, 'var/cache/ldconfig', 'var/lib/zypp/AnonymousUniqueId'],
};

/** What every image has beyond its release: a shell, and the means to install more. */
const BASE = ['bash', 'coreutils', 'findutils', 'sed', 'util-linux', 'zypper'];
