import { existsSync } from 'node:fs';
import { type TestPackage, withLibraries } from './rpm-repository.ts';

/** What makes a distribution that one and no other. */
export interface TestSystem {
  readonly name: 'fedora' | 'centos' | 'rocky' | 'almalinux' | 'opensuse';
  readonly release: string;
  readonly releasePackage: string;
  /** Ids of its repositories, and where they lie below the mirror. */
  readonly repositories: Readonly<Record<string, string>>;
  /** Where the image's rpm has its database. */
  readonly database: string;
}

/** The distributions that are built, one release of each; between them every layout of a mirror and both places of the database. */
export const SYSTEMS: readonly TestSystem[] = [
  {
    name: 'fedora',
    release: '44',
    releasePackage: 'fedora-release',
    repositories: { fedora: 'releases/44/Everything/x86_64/os', updates: 'updates/44/Everything/x86_64' },
    database: '/usr/lib/sysimage/rpm',
  },
  {
    name: 'centos',
    release: '10-stream',
    releasePackage: 'centos-stream-release',
    repositories: { baseos: '10-stream/BaseOS/x86_64/os', appstream: '10-stream/AppStream/x86_64/os' },
    database: '/usr/lib/sysimage/rpm',
  },
  {
    name: 'rocky',
    release: '9',
    releasePackage: 'rocky-release',
    repositories: { baseos: '9/BaseOS/x86_64/os', appstream: '9/AppStream/x86_64/os', extras: '9/extras/x86_64/os' },
    database: '/var/lib/rpm',
  },
  {
    name: 'almalinux',
    release: '10',
    releasePackage: 'almalinux-release',
    repositories: { baseos: '10/BaseOS/x86_64/os', appstream: '10/AppStream/x86_64/os', extras: '10/extras/x86_64/os' },
    database: '/usr/lib/sysimage/rpm',
  },
  {
    name: 'opensuse',
    release: '16.0',
    releasePackage: 'openSUSE-release',
    repositories: { 'repo-oss': 'distribution/leap/16.0/repo/oss' },
    database: '/usr/lib/sysimage/rpm',
  },
];

/** Text of /etc/os-release. */
export function osRelease({ name, release }: TestSystem): string {
  return `ID=${name}\nVERSION_ID=${release.replace('-stream', '')}\nPRETTY_NAME="Small ${name}"\n`;
}

/** The file of repositories that a distribution's own package brings: of a mirror that is not there, and one more that no mirror has. */
export function stockRepositories({ repositories }: TestSystem): string {
  const known = Object.keys(repositories).map(
    (id) => `[${id}]\nname=stock ${id}\nmetalink=https://stock.invalid/${id}\nenabled=1\ngpgcheck=1\n`,
  );
  return `${known.join('')}[other]\nname=other\nbaseurl=https://other.invalid/\nenabled=1\n`;
}

/** Where that file is. */
export function repositoryFile({ name }: TestSystem): string {
  return name === 'opensuse' ? '/etc/zypp/repos.d/opensuse.repo' : `/etc/yum.repos.d/${name}.repo`;
}

/** Programs that hooks need: those of coreutils come one by one. */
const PROGRAMS = [
  ...['awk', 'basename', 'bash', 'cat', 'chmod', 'chown', 'cp', 'cut', 'date', 'dirname', 'env', 'find', 'grep', 'head', 'id'],
  ...['install', 'ln', 'ls', 'mkdir', 'mktemp', 'mv', 'readlink', 'rm', 'rmdir', 'sed', 'sort', 'tail', 'tar', 'test', 'touch'],
  ...['tr', 'true', 'truncate', 'uname', 'uniq', 'wc', 'systemctl', 'systemd-sysusers', 'rpm', 'getent'],
];

const DIRECTORIES = [
  ...['/boot', '/dev', '/etc', '/home', '/opt', '/proc', '/root', '/run', '/srv', '/sys', '/tmp', '/usr', '/usr/bin', '/usr/lib'],
  ...[
    '/usr/lib64',
    '/usr/local',
    '/usr/local/bin',
    '/usr/local/sbin',
    '/usr/sbin',
    '/usr/share',
    '/var',
    '/var/cache',
    '/var/lib',
  ],
  ...['/var/log', '/var/tmp', '/etc/yum.repos.d', '/etc/pki/rpm-gpg', '/etc/zypp/repos.d', '/usr/lib/sysusers.d'],
];

/** Packages without any file, for those that only have to be there. */
const EMPTY = [
  ...[
    'NetworkManager',
    'basesystem',
    'ca-certificates',
    'coreutils',
    'dnf',
    'dracut',
    'dracut-config-generic',
    'e2fsprogs',
    'findutils',
  ],
  ...[
    'glibc-locale-base',
    'glibc-minimal-langpack',
    'hostname',
    'iproute',
    'iproute2',
    'kernel-core',
    'kernel-default',
    'passwd',
    'procps',
  ],
  ...[
    'procps-ng',
    'rootfiles',
    'sed',
    'shadow',
    'systemd',
    'systemd-udev',
    'udev',
    'util-linux',
    'zypper',
    'dbus-broker',
    'dbus-1',
    'kmod',
  ],
  ...['langpacks-en', 'sudo'],
];

/** Path of a program of this machine. */
export function program(name: string): string {
  const found = ['/usr/bin', '/usr/sbin'].map((directory) => `${directory}/${name}`).find((path) => existsSync(path));
  if (found === undefined)
    throw new Error(`the test copies the program ${name} of this machine into its packages, and it is not here`);
  return found;
}

/** What dnf in the image is told, in place of doing it; it downloads one package. */
const STUB = `#!/usr/bin/bash
printf '%s\\n' "\${0##*/} $*" >>/usr/share/asked
echo downloaded >/run/dib-packages/inner-1-1.noarch.rpm
`;

/** Likewise; version 5 downloads to a directory of the repository, which it has since it read its index. */
const STUB_5 = `#!/usr/bin/bash
printf '%s\\n' "\${0##*/} $*" >>/usr/share/asked
case " $* " in
    *' makecache '*) mkdir -p /var/cache/libdnf5/fedora-0123/repodata ;;
    *' install '*) echo downloaded >/var/cache/libdnf5/fedora-0123/packages/five-1-1.noarch.rpm ;;
esac
`;

/** The packages of small systems that can run hooks, without the one that names the distribution. */
export function systemPackages(): TestPackage[] {
  return [
    ...EMPTY.map((name) => ({ name })),
    {
      name: 'filesystem',
      directories: DIRECTORIES,
      links: { '/bin': 'usr/bin', '/sbin': 'usr/sbin', '/lib': 'usr/lib', '/lib64': 'usr/lib64' },
    },
    {
      name: 'setup',
      requires: ['filesystem'],
      files: {
        '/etc/passwd': 'root:x:0:0:root:/root:/bin/bash\n',
        '/etc/group': 'root:x:0:\n',
        '/etc/nsswitch.conf': 'passwd: files\ngroup: files\n',
        '/usr/lib/sysusers.d/greeter.conf': 'u greeter 450\n',
        '/usr/share/owned': 'mine\n',
      },
      // Since rpm 4.19 rpm makes the account; Debian 12's does not know how to.
      attributes: { '/usr/share/owned': '%attr(0640, greeter, greeter)' },
    },
    {
      name: 'bash',
      requires: ['setup'],
      copies: [...withLibraries(PROGRAMS.map(program)), '/usr/lib/rpm/rpmrc', '/usr/lib/rpm/macros'],
      links: { '/usr/bin/sh': 'bash' },
    },
    {
      name: 'hello-rpm',
      requires: ['hello-library'],
      files: { '/usr/share/hello': 'hello\n' },
      // What scriptlets may count on.
      post: 'test -c /dev/null && test -e /proc/self/exe && test -d /sys/kernel && echo posted >/usr/share/posted',
    },
    { name: 'hello-library' },
    { name: 'farewell', files: { '/usr/share/farewell': 'bye\n' } },
    { name: 'unsigned', files: { '/usr/share/unsigned': 'no\n' } },
    {
      name: 'inner-manager',
      files: { '/usr/bin/microdnf': STUB, '/usr/bin/dnf-3': STUB, '/usr/bin/dnf5': STUB_5, '/usr/bin/zypper': STUB },
      links: { '/usr/bin/dnf': 'dnf-3' },
    },
  ];
}

/** The package that makes a small system a certain distribution. */
export function releasePackage(system: TestSystem): TestPackage {
  return {
    name: system.releasePackage,
    requires: ['filesystem'],
    files: {
      '/etc/os-release': osRelease(system),
      [repositoryFile(system)]: stockRepositories(system),
      '/usr/lib/rpm/macros.d/macros.database': `%_dbpath ${system.database}\n`,
    },
  };
}
