import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sha256 } from '../../../src/util/hash.ts';
import { type Bench, type DriverResult, layerBench, runDriver } from '../../support/layer-runs.ts';
import { needRoot } from '../../support/privileges.ts';
import {
  buildPackages,
  forgetKey,
  indexRepository,
  makeKey,
  packageFiles,
  signPackages,
  type TestKey,
  type TestPackage,
} from '../../support/rpm-repository.ts';
import { releasePackage, SYSTEMS, systemPackages, type TestSystem } from '../../support/rpm-system.ts';

const ELEMENTS = fileURLToPath(new URL('../../../elements', import.meta.url));
const UNIT = '[Unit]\nDescription=test\n\n[Service]\nExecStart=/usr/bin/true\n\n[Install]\nWantedBy=multi-user.target\n';
const TIMER = '[Unit]\nDescription=test\n\n[Timer]\nOnCalendar=daily\n\n[Install]\nWantedBy=timers.target\n';
const KEYS = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEXAMPLE builder@example\n';
const SELINUX = '# comment\nSELINUX=enforcing\nSELINUXTYPE=mls\n';
const EPEL = `[epel]
name=EPEL
#baseurl=https://download.example/pub/epel/9/Everything/x86_64/
metalink=https://mirrors.invalid/metalink?repo=epel-9&arch=x86_64
enabled=1
gpgcheck=1
`;
const unit = (name: string) => `/usr/lib/systemd/system/${name}`;

/** Says what it was called with. */
const STUB = `#!/usr/bin/bash
printf '%s\\n' "\${0##*/} $*" >>/usr/share/asked
`;

/** Packages as Fedora's and openSUSE's families cut and lay them out, with no more in them than elements touch. */
const PACKAGES: readonly TestPackage[] = [
  { name: 'NetworkManager', files: { [unit('NetworkManager.service')]: UNIT } },
  {
    name: 'chrony',
    files: { '/etc/chrony.conf': 'pool stock.invalid iburst\n', [unit('chronyd.service')]: UNIT, '/usr/sbin/chronyd': STUB },
  },
  {
    name: 'cloud-init',
    files: Object.fromEntries(['cloud-init-local', 'cloud-config'].map((name) => [unit(`${name}.service`), UNIT])),
  },
  { name: 'cloud-utils-growpart', files: { '/usr/bin/growpart': STUB } },
  { name: 'growpart', files: { '/usr/bin/growpart': STUB } },
  { name: 'epel-release', files: { '/usr/bin/crb': STUB, '/etc/yum.repos.d/epel.repo': EPEL } },
  { name: 'openssh', files: { '/usr/bin/ssh-keygen': STUB } },
  { name: 'openssh-common', files: { '/usr/bin/ssh-keygen': STUB } },
  { name: 'openssh-server', files: { [unit('sshd.service')]: UNIT } },
  { name: 'selinux-policy-mls', files: { '/etc/selinux/config': SELINUX, '/etc/selinux/mls/contexts/files/file_contexts': '' } },
  { name: 'policycoreutils', files: { '/usr/sbin/setfiles': STUB } },
  { name: 'zram-generator', files: { '/usr/lib/systemd/system-generators/zram-generator': STUB } },
];

const AUTOMATIC: readonly TestPackage[] = [
  {
    name: 'dnf-automatic',
    files: { '/etc/dnf/automatic.conf': '[commands]\napply_updates = no\n', [unit('dnf-automatic.timer')]: TIMER },
  },
];

/** Fedora's, since dnf5: the old name of the timer is a link, and there is no configuration before somebody writes one. */
const AUTOMATIC_5: readonly TestPackage[] = [
  {
    name: 'dnf-automatic',
    files: { [unit('dnf5-automatic.timer')]: TIMER },
    links: { [unit('dnf-automatic.timer')]: 'dnf5-automatic.timer' },
  },
];

/** In a repository of its own, which only the elements yum and zypper name. */
const EXTRA: readonly TestPackage[] = [{ name: 'extra-tool', files: { '/usr/share/extra': 'extra\n' } }];

/** A package manager inside the image: repoquery knows an old kernel. */
const INNER: readonly TestPackage[] = [
  { name: 'dnf', files: { '/usr/bin/dnf': `${STUB}case "$*" in *repoquery*) echo kernel-core-6.1.0-1.x86_64 ;; esac\n` } },
];

let bench: Bench;
let scratch: string;
let key: TestKey;

beforeAll(() => {
  needRoot();
  bench = layerBench();
  scratch = mkdtempSync('/var/tmp/dib-test-library-rpm-');
  execFileSync('chmod', ['755', scratch]);
  key = makeKey(scratch, 'dib-test');
  const own = new Set(PACKAGES.map(({ name }) => name));
  const base = systemPackages().filter(({ name }) => !own.has(name));
  make('base', [...base.filter(({ name }) => name !== 'dnf'), ...PACKAGES]);
  const outer = { name: 'dnf', files: { '/usr/share/dnf': '' } };
  make('outer', [outer, ...AUTOMATIC]);
  make('outer-5', [outer, ...AUTOMATIC_5]);
  make('inner', INNER);
  make('extra', EXTRA);
  indexRepository(join(scratch, 'extra'), key);
  writeFileSync(join(scratch, 'extra.repo'), `[extra]\nname=extra\nbaseurl=file://${scratch}/extra\nenabled=1\ngpgcheck=1\n`);
  writeFileSync(join(scratch, 'authorized_keys'), KEYS);
  for (const name of ['rocky', 'centos', 'opensuse'] as const) publish(system(name), 'outer');
  publish(system('fedora'), 'outer-5');
  publish(system('almalinux'), 'inner');
}, 240_000);

afterAll(() => {
  if (key !== undefined) forgetKey(key);
  bench?.remove();
  if (scratch !== undefined) rmSync(scratch, { recursive: true, force: true });
});

function make(directory: string, packages: readonly TestPackage[]): void {
  buildPackages(join(scratch, directory), packages);
  signPackages(packageFiles(join(scratch, directory)), key);
}

function system(name: TestSystem['name']): TestSystem {
  return SYSTEMS.find((each) => each.name === name) as TestSystem;
}

/** A mirror as the distribution's own is laid out: everything in the first of its repositories. */
function publish(each: TestSystem, manager: string): void {
  make(each.releasePackage, [releasePackage(each)]);
  for (const [index, path] of Object.values(each.repositories).entries()) {
    const directory = join(scratch, each.name, path);
    mkdirSync(directory, { recursive: true });
    const files = ['base', manager, each.releasePackage].flatMap((part) => packageFiles(join(scratch, part)));
    for (const file of index === 0 ? files : []) linkSync(file, join(directory, basename(file)));
    indexRepository(directory, key);
  }
}

async function build(name: TestSystem['name'], image: object): Promise<DriverResult> {
  const each = system(name);
  const distro = {
    ...{ name, release: each.release, arch: 'amd64', mirror: `file://${scratch}/${name}`, variant: 'minbase' },
    components: Object.keys(each.repositories),
    keyring: key.file,
    files: { keyring: { path: key.file, sha256: sha256(readFileSync(key.file)) } },
  };
  const common = {
    apiVersion: 'dib/v1',
    name: 'library-rpm',
    distro,
    elements_path: [],
    packages: [],
    environment: {},
    outputs: [],
  };
  const request = { image: { ...common, ...image }, manifest: true, read: READ, builtinDirectory: ELEMENTS, skipBase: false };
  const searchPath = [join(bench.directory, 'elements')];
  const built = await runDriver(bench, bench.request({ ...request, searchPath }));
  if (built.error !== undefined) throw new Error(`${JSON.stringify(built.error, null, 2)}\n${built.log.slice(-6000)}`);
  return built;
}

const READ = [
  ...[
    'etc/chrony.conf',
    'etc/yum.repos.d/epel.repo',
    'etc/cloud/cloud.cfg.d/91-dib-cloud-init-datasources.cfg',
    'etc/dnf/automatic.conf',
    'etc/selinux/config',
  ],
  ...[
    'etc/locale.conf',
    'etc/NetworkManager/conf.d/50-dib-dhcp.conf',
    'etc/sudoers.d/10-dib-rpm-distro',
    'etc/zypp/repos.d/extra.repo',
  ],
  ...['etc/zypp/zypp.conf.d/50-dib.conf', 'root/.ssh/authorized_keys', 'usr/share/asked', 'etc/systemd/zram-generator.conf'],
];

/** What the elements named after distributions bring. */
const MACHINE = ['NetworkManager', 'cloud-config', 'cloud-init-local', 'dib-ssh-host-keys', 'sshd'].map(
  (name) => `${name}.service`,
);

/** Units that are enabled, by what wants them. */
function enabled({ manifest = {} }: DriverResult, target = 'multi-user'): string[] {
  const directory = `etc/systemd/system/${target}.target.wants/`;
  return Object.keys(manifest)
    .filter((name) => name.startsWith(directory))
    .map((name) => name.slice(directory.length))
    .sort();
}

describe('rocky, with package names, paths and units of Enterprise Linux', () => {
  let built: DriverResult;

  beforeAll(async () => {
    const files = ['6.1.0-9', '6.1.0-10'].flatMap((version) => [`vmlinuz-${version}`, `initramfs-${version}.img`]);
    bench.element('kernels', { 'install.d/70-kernels': `#!/bin/bash\nset -eu\ncd /boot\ntouch ${files.join(' ')}\n` });
    built = await build('rocky', {
      elements: [
        ...[
          'autoupdates',
          'chrony',
          'cleanup-kernel-initrd',
          'dhcp-all-interfaces',
          'epel',
          'growroot',
          'kernels',
          'local-config',
        ],
        ...['rocky', 'rocky-container', 'selinux-permissive', 'yum'],
      ],
      packages: ['extra-tool', 'selinux-policy-mls'],
      environment: {
        DIB_CHRONY_SERVERS: 'ntp.example.org',
        DIB_EPEL_DISABLED: '1',
        DIB_EPEL_MIRROR: 'https://mirror.invalid/epel/',
        DIB_LOCAL_CONFIG_AUTHORIZED_KEYS: join(scratch, 'authorized_keys'),
        DIB_YUM_REPO_CONF: join(scratch, 'extra.repo'),
      },
    });
  }, 240_000);

  test('yum: a repository of the builder, while the image is built only', () => {
    expect(built.manifest?.['usr/share/extra']).toBe(`100644 0:0 ${sha256('extra\n')}`);
    expect(Object.keys(built.manifest ?? {}).filter((name) => /^etc\/yum\.repos\.d\/./.test(name))).toEqual([
      'etc/yum.repos.d/epel.repo',
      'etc/yum.repos.d/rocky.repo',
    ]);
  });

  test('rocky, rocky-container, rocky-minimal, redhat-common, cloud-init, openssh-server, runtime-ssh-host-keys, growroot: their units', () => {
    expect(enabled(built)).toEqual([...MACHINE, 'chronyd.service', 'dib-growroot.service'].sort());
    expect(built.texts?.['etc/cloud/cloud.cfg.d/91-dib-cloud-init-datasources.cfg']).toMatch(/^datasource_list: \[ NoCloud, /);
  });

  test('rpm-distro: sudo for scripts', () => {
    expect(built.texts?.['etc/sudoers.d/10-dib-rpm-distro']).toMatch(/^Defaults !requiretty$/m);
    expect(built.manifest?.['etc/sudoers.d/10-dib-rpm-distro']).toMatch(/^100440 0:0 /);
  });

  test('autoupdates: dnf-automatic installs them', () => {
    expect(built.texts?.['etc/dnf/automatic.conf']).toBe('[commands]\napply_updates = yes\n');
    expect(enabled(built, 'timers')).toEqual(['dnf-automatic.timer']);
  });

  test('chrony: its servers in place of the stock ones', () => {
    expect(built.texts?.['etc/chrony.conf']).toMatch(
      /^# pool stock\.invalid iburst\n[\s\S]*\nserver ntp\.example\.org iburst\n$/,
    );
  });

  test('dhcp-all-interfaces: by NetworkManager', () => {
    expect(built.texts?.['etc/NetworkManager/conf.d/50-dib-dhcp.conf']).toMatch(/^ipv4\.dhcp-timeout=30$/m);
  });

  test('epel: CRB is enabled with its own program; its repositories are not, and on another mirror', () => {
    expect(built.texts?.['usr/share/asked']).toMatch(/^crb enable$/m);
    expect(built.texts?.['etc/yum.repos.d/epel.repo']).toBe(
      '[epel]\nname=EPEL\nbaseurl=https://mirror.invalid/epel/9/Everything/x86_64/\nenabled=0\ngpgcheck=1\n',
    );
  });

  test('selinux-permissive: the policy stays', () => {
    expect(built.texts?.['etc/selinux/config']).toBe('SELINUX=permissive\nSELINUXTYPE=mls\n');
  });

  test('cleanup-kernel-initrd: names of dracut', () => {
    const boot = Object.keys(built.manifest ?? {}).filter((name) => /^boot\/(vmlinuz|initramfs)/.test(name));
    expect(boot.sort()).toEqual(['boot/initramfs-6.1.0-10.img', 'boot/vmlinuz-6.1.0-10']);
  });

  test('local-config: keys', () => expect(built.texts?.['root/.ssh/authorized_keys']).toBe(KEYS));
});

describe('fedora, with dnf5', () => {
  let built: DriverResult;

  beforeAll(async () => {
    built = await build('fedora', { elements: ['autoupdates', 'fedora', 'fedora-container'] });
  }, 240_000);

  test('fedora, fedora-container, fedora-minimal: their units', () => expect(enabled(built)).toEqual(MACHINE));

  test('autoupdates: the timer of dnf5, and a configuration of its own', () => {
    expect(enabled(built, 'timers')).toEqual(['dnf5-automatic.timer']);
    expect(built.texts?.['etc/dnf/automatic.conf']).toBe('[commands]\napply_updates = yes\n');
  });
});

describe('centos', () => {
  test('centos, centos-minimal: their units', async () => {
    expect(enabled(await build('centos', { elements: ['centos'] }))).toEqual(MACHINE);
  });
});

describe('almalinux, with a package manager in the image', () => {
  let built: DriverResult;

  beforeAll(async () => {
    // The package manager only says what it was asked for, so units and policy are put there.
    const units = MACHINE.map((name) => `printf '${UNIT.replaceAll('\n', '\\n')}' >/usr/lib/systemd/system/${name}\n`).join('');
    bench.element('policy', {
      'install.d/70-policy': `#!/bin/bash\nset -eu\nmkdir -p /usr/lib/systemd/system\n${units}mkdir -p /etc/selinux/mls/contexts/files\ntouch /etc/selinux/mls/contexts/files/file_contexts
printf '%s' '${SELINUX}' >/etc/selinux/config\nprintf '%s' '${STUB.replaceAll("'", "'\\''")}' >/usr/sbin/setfiles\nchmod +x /usr/sbin/setfiles\n`,
    });
    built = await build('almalinux', {
      elements: ['almalinux', 'almalinux-container', 'disable-selinux', 'policy', 'selinux-fixfiles-restore', 'yum-minimal'],
      environment: { DIB_DNF_MODULE_STREAMS: 'nodejs:20', DIB_REDHAT_KERNEL: 'none', DIB_YUM_REPO_PACKAGE: 'extra-release' },
    });
  }, 240_000);

  test('yum-minimal, redhat-common, selinux-fixfiles-restore: what they ask of the programs of the image', () => {
    const asked = (built.texts?.['usr/share/asked'] ?? '').trimEnd().split('\n');
    const common = 'dnf --assumeyes --quiet --setopt=install_weak_deps=0';
    expect(asked.slice(0, 3)).toEqual([
      `${common} install extra-release`,
      'dnf --assumeyes module reset nodejs',
      'dnf --assumeyes module enable nodejs:20',
    ]);
    expect(asked[3]).toMatch(/^dnf .* install NetworkManager ca-certificates cloud-init dracut /);
    expect(asked.slice(4)).toEqual([
      'dnf --quiet repoquery --installed --installonly --latest-limit=-1',
      'dnf --assumeyes remove kernel-core-6.1.0-1.x86_64',
      'setfiles -F -e /proc -e /sys -e /dev -e /run -e /tmp /etc/selinux/mls/contexts/files/file_contexts /',
    ]);
  });

  test('almalinux, almalinux-container, almalinux-minimal: their units', () => expect(enabled(built)).toEqual(MACHINE));

  test('disable-selinux: nothing else of its configuration changes', () => {
    expect(built.texts?.['etc/selinux/config']).toBe(SELINUX.replace('enforcing', 'disabled'));
  });
});

describe('opensuse, with package names, paths and units of its own', () => {
  let built: DriverResult;

  beforeAll(async () => {
    built = await build('opensuse', {
      elements: ['chrony', 'growroot', 'opensuse', 'zram', 'zypper'],
      packages: ['extra-tool'],
      environment: { DIB_ZYPPER_REPOS: `extra=>file://${scratch}/extra` },
    });
  }, 240_000);

  test('zypper: a further repository, and no recommended packages', () => {
    expect(built.manifest?.['usr/share/extra']).toBe(`100644 0:0 ${sha256('extra\n')}`);
    expect(built.texts?.['etc/zypp/repos.d/extra.repo']).toContain(`baseurl=file://${scratch}/extra\nenabled=1\n`);
    expect(built.texts?.['etc/zypp/zypp.conf.d/50-dib.conf']).toBe('[main]\nsolver.onlyRequires = true\n');
  });

  test('opensuse, opensuse-minimal, zypper-minimal, cloud-init, openssh-server, chrony, growroot: their units', () => {
    expect(enabled(built)).toEqual([...MACHINE, 'chronyd.service', 'dib-growroot.service'].sort());
  });

  test('base: locale, where systemd reads it', () => expect(built.texts?.['etc/locale.conf']).toBe('LANG=C.UTF-8\n'));

  test('zram: its configuration', () => {
    expect(built.texts?.['etc/systemd/zram-generator.conf']).toMatch(/^zram-size = min\(ram \/ 2, 4096\)$/m);
  });
});
