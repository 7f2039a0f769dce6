import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { archive } from '../../support/apt-archive.ts';
import { CACHE } from '../../support/caches.ts';
import { type Bench, type DriverResult, layerBench, runDriver } from '../../support/layer-runs.ts';
import { needRoot } from '../../support/privileges.ts';

const ELEMENTS = fileURLToPath(new URL('../../../elements', import.meta.url));
const KEYS = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEXAMPLE builder@example\n';
/** Where the element pip-cache keeps what pip downloads. */
const PIP_CACHE = join(CACHE, 'elements/pip');
const JAIL = '[sshd]\nenabled = true\nmaxretry = 3\n';

const distro = { name: 'debian', release: 'bookworm', arch: 'amd64', components: ['main'], variant: 'minbase' };

/** Elements whose results do not depend on a kernel, so that none is installed. */
const settings = {
  apiVersion: 'dib/v1',
  name: 'library-settings',
  distro,
  elements: [
    ...[
      'apt-conf',
      'apt-preferences',
      'apt-sources',
      'autoupdates',
      'cleanup-kernel-initrd',
      'cloud-init-disable-resizefs',
      'cloud-init-growpart',
    ],
    ...[
      'cloud-init-nocloud',
      'debian',
      'debootstrap',
      'dhcp-all-interfaces',
      'dib-python',
      'dib-run-parts',
      'disable-nouveau',
      'disable-selinux',
      'dkms',
    ],
    ...[
      'docker',
      'dynamic-login',
      'enable-serial-console',
      'fail2ban',
      'growvols',
      'grub2',
      'journal-to-console',
      'local-config',
    ],
    ...['modprobe-blacklist', 'pip-and-virtualenv', 'pip-cache', 'posix', 'probe', 'pypi', 'select-boot-kernel-initrd'],
    ...['selinux-permissive', 'stable-interface-names', 'sysctl'],
  ],
  // A small module of Debian's, and what it is built with.
  packages: ['acpi-call-dkms', 'linux-headers-cloud-amd64'],
  outputs: [],
};

/** What the hook of the element `probe` tells of its surroundings. */
const PROBE = `#!/bin/bash
set -eu -o pipefail
sysctl-write-value net.ipv4.ip_forward 1 'For the test.'
sysctl-write-value net.ipv4.ip_forward 1
sysctl-set-value kernel.panic 10
mkdir -p /root/seen
if sysctl-write-value net.ipv4.ip_forward 0 2>/root/seen/conflict; then exit 1; fi
if sysctl-set-value kernel.no_such_parameter 1 2>/root/seen/unknown; then exit 1; fi
cp /etc/pip.conf /root/seen/
$DIB_PYTHON_PIP --version >/root/seen/pip
apt-config dump APT::Install-Recommends >/root/seen/recommends
dib-python -c 'print("from python")' >/root/seen/dib-python

# A package without code, for pip, which keeps what it builds.
$DIB_PYTHON_PIP cache dir >/root/seen/pip-cache
date >"$PIP_CACHE_DIR/from-the-image"

# Three kernels: two of packages, one that somebody has copied there.
for version in 6.1.0-9-probe 6.1.0-10-probe; do
    mkdir -p /tmp/kernel/DEBIAN /tmp/kernel/boot "/tmp/kernel/lib/modules/$version"
    printf 'Package: linux-image-%s\nVersion: 1\nArchitecture: all\nMaintainer: test\nDescription: test\n' "$version" >/tmp/kernel/DEBIAN/control
    echo "$version" | tee "/tmp/kernel/boot/vmlinuz-$version" "/tmp/kernel/boot/config-$version" >"/tmp/kernel/lib/modules/$version/kernel.ko"
    dpkg-deb --build --root-owner-group /tmp/kernel /tmp/kernel.deb
    dpkg --install /tmp/kernel.deb
    echo initrd >"/boot/initrd.img-$version"
    rm -r /tmp/kernel /tmp/kernel.deb
done
touch /boot/vmlinuz-6.1.0-2-copied /boot/initrd.img-6.1.0-2-copied
select-boot-kernel-initrd >/root/seen/kernel

# Its package has built it; the element shall do so for those whose packages could not.
module=$(dkms status | sed -n 's/[,:].*//p' | sort -u)
dkms unbuild "$module" --all
dkms status >/root/seen/dkms

ln -s /dev/null /etc/systemd/network/99-default.link
`;

/** The archives that this machine uses, as apt writes its sources since Debian 12; the base has packages of all of them. */
function sources(): string {
  const stanza = (suite: string, more = '') =>
    `Types: deb\nURIs: ${archive(suite)}\nSuites: ${suite}${more}\nComponents: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n`;
  return `${stanza('bookworm', ' bookworm-updates')}\n${stanza('bookworm-security')}`;
}

let bench: Bench;
let built: DriverResult;
const entry = (path: string) => built.manifest?.[path];
const names = () => Object.keys(built.manifest ?? {}).sort();
const text = (path: string) => built.texts?.[path];

const READ = [
  ...[
    'etc/apt/apt.conf',
    'etc/apt/apt.conf.d/02-dib-local-config-proxy',
    'etc/apt/apt.conf.d/20auto-upgrades',
    'etc/apt/sources.list.d/dib.sources',
    'etc/apt/preferences',
  ],
  ...[
    'etc/cloud/cloud.cfg.d/55-dib-growpart.cfg',
    'etc/cloud/cloud.cfg.d/91-dib-cloud-init-datasources.cfg',
    'etc/default/growvols',
  ],
  ...['etc/default/locale', 'etc/dhcpcd.conf', 'etc/environment', 'etc/fail2ban/jail.local', 'etc/modprobe.d/blacklist.conf'],
  ...[
    'etc/modprobe.d/probe.conf',
    'etc/sysctl.d/net.ipv4.ip_forward.conf',
    'etc/sysctl.d/kernel.panic.conf',
    'root/.ssh/authorized_keys',
  ],
  ...['conflict', 'dib-python', 'dkms', 'kernel', 'pip', 'pip-cache', 'pip.conf', 'recommends', 'type', 'unknown'].map(
    (name) => `root/seen/${name}`,
  ),
];

beforeAll(async () => {
  needRoot();
  bench = layerBench();
  const inputs = join(bench.directory, 'inputs');
  mkdirSync(join(inputs, 'keys'), { recursive: true });
  writeFileSync(join(inputs, 'keys/example.asc'), '-----BEGIN PGP PUBLIC KEY BLOCK-----\n');
  writeFileSync(join(inputs, 'keys/README'), 'no key\n');
  writeFileSync(join(inputs, 'authorized_keys'), KEYS);
  writeFileSync(join(inputs, 'jail.local'), JAIL);
  writeFileSync(join(inputs, 'debian.sources'), sources());
  writeFileSync(join(inputs, 'apt.conf'), 'Acquire::http::Timeout "17";\n');
  const pinned = [
    { package: 'tzdata', arch: 'all', version: '2000a-1', status: 'ii ' },
    { package: 'bash:amd64', arch: 'amd64', version: '5.0-1', status: 'ii ' },
  ];
  writeFileSync(join(inputs, 'manifest'), JSON.stringify({ packages: pinned }, undefined, 1));
  bench.element('probe', {
    'install.d/70-probe': PROBE,
    'modprobe.d/probe.conf': 'options dummy numdummies=2\n',
    'element-deps': 'install-types\nmodprobe\npackage-installs\npkg-map\n',
    'install.d/probe-package-install/71-probe': '#!/bin/bash\necho package >/root/seen/type\n',
    'install.d/probe-source-install/71-probe': '#!/bin/bash\necho source >/root/seen/type\n',
    'package-installs.yaml': 'nothing-such:\nwhat-prints-files:\n',
    'pkg-map': '{"family": {"debian": {"nothing-such": "", "what-prints-files": "tree"}}}',
  });
  const environment = {
    DIB_ADD_APT_KEYS: join(inputs, 'keys'),
    DIB_APT_CONF: join(inputs, 'apt.conf'),
    DIB_CLOUD_INIT_GROWPART_DEVICES: '/ /dev/vda3',
    DIB_DEBIAN_KERNEL: 'none',
    DIB_DEBOOTSTRAP_DEFAULT_LOCALE: 'de_DE.UTF-8',
    DIB_DHCP_TIMEOUT: '45',
    DIB_DPKG_MANIFEST: join(inputs, 'manifest'),
    DIB_APT_SOURCES: join(inputs, 'debian.sources'),
    DIB_INSTALLTYPE_probe: 'package',
    DIB_FAIL2BAN_CONF: join(inputs, 'jail.local'),
    DIB_GROWVOLS_ARGS: '/var=80% fs_home=1GiB',
    DIB_GROWVOLS_TRIGGER: 'systemd',
    DIB_LOCAL_CONFIG_AUTHORIZED_KEYS: join(inputs, 'authorized_keys'),
    DIB_LOCAL_CONFIG_HTTP_PROXY: 'http://proxy.example:3128',
    DIB_LOCAL_CONFIG_NO_PROXY: 'localhost,db.example',
    DIB_MODPROBE_BLACKLIST: 'igb floppy',
    DIB_NETWORK_INTERFACE_NAMES: 'ens3 ens4',
    DIB_PYPI_MIRROR_URL: 'http://pypi.example:8080/simple',
    DIB_NO_PYPI_PIP: '1',
  };
  const image = { ...settings, environment };
  rmSync(PIP_CACHE, { recursive: true, force: true });
  const request = { image, cache: CACHE, manifest: true, read: READ, builtinDirectory: ELEMENTS, skipBase: false };
  built = await runDriver(bench, bench.request({ ...request, searchPath: [join(bench.directory, 'elements')] }));
  if (built.error !== undefined) throw new Error(`${JSON.stringify(built.error, null, 2)}\n${built.log.slice(-5000)}`);
}, 600_000);

afterAll(() => bench?.remove());

describe('shipped elements with settings, in an image', () => {
  test.each([...['dib-dhcp', 'dib-growroot', 'docker', 'dynamic-login', 'fail2ban', 'growvols', 'ssh', 'unattended-upgrades']])(
    '%s.service is enabled',
    (unit) => {
      expect(entry(`etc/systemd/system/multi-user.target.wants/${unit}.service`)).toContain(`systemd/system/${unit}.service`);
    },
  );

  test('sysctl and install-bin: a file for each parameter, the second value and the unknown parameter refused', () => {
    expect(text('etc/sysctl.d/net.ipv4.ip_forward.conf')).toBe('# For the test.\nnet.ipv4.ip_forward = 1\n');
    expect(entry('usr/local/bin/sysctl-write-value')).toMatch(/^100755 0:0 /);
    expect(text('etc/sysctl.d/kernel.panic.conf')).toBe('# Written while the image was built.\nkernel.panic = 10\n');
    expect(text('root/seen/conflict')).toBe(
      'sysctl-write-value: net.ipv4.ip_forward is to be 0, but /etc/sysctl.d/net.ipv4.ip_forward.conf has:\nnet.ipv4.ip_forward = 1\n',
    );
    expect(text('root/seen/unknown')).toBe('sysctl-set-value: this kernel has no parameter kernel.no_such_parameter\n');
  });

  test('modprobe, modprobe-blacklist, disable-nouveau: the list, and files of other elements', () => {
    expect(text('etc/modprobe.d/blacklist.conf')).toBe('blacklist igb\nblacklist floppy\n');
    expect(text('etc/modprobe.d/probe.conf')).toBe('options dummy numdummies=2\n');
    expect(entry('etc/modprobe.d/disable-nouveau.conf')).toMatch(/^100644 0:0 /);
  });

  test('debootstrap: the locale is generated, DHCP on the named interfaces', () => {
    expect(text('etc/default/locale')).toBe('LANG=de_DE.UTF-8\n');
    expect(entry('usr/lib/locale/locale-archive')).toBeDefined();
    expect(text('etc/dhcpcd.conf')).toContain('\nallowinterfaces ens3 ens4\n');
  });

  test('dhcp-all-interfaces: the timeout', () => {
    expect(text('etc/dhcpcd.conf')?.match(/^timeout .*$/gm)).toEqual(['timeout 45']);
  });

  test('apt-conf, apt-preferences, dpkg: conf, keys, pins and no recommended packages', () => {
    expect(text('etc/apt/apt.conf')).toBe('Acquire::http::Timeout "17";\n');
    expect(entry('etc/apt/trusted.gpg.d/example.asc')).toMatch(/^100644 0:0 /);
    expect(entry('etc/apt/trusted.gpg.d/README')).toBeUndefined();
    expect(text('root/seen/recommends')).toBe('APT::Install-Recommends "0";\n');
    const pin = (name: string, version: string) => `Package: ${name}\nPin: version ${version}\nPin-Priority: 1001\n\n`;
    expect(text('etc/apt/preferences')).toBe(pin('tzdata', '2000a-1') + pin('bash:amd64', '5.0-1'));
  });

  test('apt-sources: in place of all others', () => {
    expect(text('etc/apt/sources.list.d/dib.sources')).toBe(sources());
    expect(names().filter((name) => /^etc\/apt\/sources\.list(\.d\/.*)?$/.test(name))).toEqual([
      'etc/apt/sources.list.d/dib.sources',
    ]);
  });

  test('install-types, package-installs, pkg-map: scripts and packages as the image wants them', () => {
    expect(text('root/seen/type')).toBe('package\n');
    expect(entry('usr/bin/tree')).toBeDefined();
  });

  test('local-config: keys and proxies', () => {
    expect(entry('root/.ssh')).toMatch(/^40700 0:0/);
    expect(entry('root/.ssh/authorized_keys')).toMatch(/^100600 0:0 /);
    expect(text('root/.ssh/authorized_keys')).toBe(KEYS);
    expect(text('etc/environment')).toContain('http_proxy=http://proxy.example:3128\nno_proxy=localhost,db.example\n');
    const direct = ['localhost', 'db.example'].map((host) => `Acquire::http::Proxy::${host} "DIRECT";\n`).join('');
    const proxies = `Acquire::http::Proxy "http://proxy.example:3128";\n${direct}`;
    expect(text('etc/apt/apt.conf.d/02-dib-local-config-proxy')).toBe(proxies);
  });

  test('pip, pip-and-virtualenv, ensure-venv, pypi: the mirror is used while the image is built only', () => {
    expect(text('root/seen/pip')).toMatch(/^pip \d+\.\S+ from \/usr\/lib\/python3\//);
    expect(text('root/seen/pip.conf')).toMatch(
      /^\[global\]\nindex-url = http:\/\/pypi\.example:8080\/simple\ntrusted-host = pypi\.example\n/,
    );
    expect(entry('etc/pip.conf')).toBeUndefined();
    expect(entry('usr/bin/virtualenv')).toBeDefined();
    expect(entry('usr/lib/python3.11/ensurepip/__main__.py')).toBeDefined();
  });

  test('cloud-init-nocloud, cloud-init-growpart, cloud-init-disable-resizefs: an empty seed, partitions to grow, no other growth', () => {
    expect(text('etc/cloud/cloud.cfg.d/91-dib-cloud-init-datasources.cfg')).toBe('datasource_list: [ NoCloud, None ]\n');
    const growpart = 'growpart:\n  mode: auto\n  devices: ["/", "/dev/vda3"]\n  ignore_growroot_disabled: false\n';
    expect(text('etc/cloud/cloud.cfg.d/55-dib-growpart.cfg')).toBe(growpart);
    expect(entry('etc/cloud/cloud.cfg.d/50-dib-no-resize.cfg')).toBeDefined();
    expect(entry('var/lib/cloud/seed/nocloud/user-data')).toBeDefined();
    expect(entry('var/lib/cloud/seed/nocloud/meta-data')).toBeDefined();
  });

  test('enable-serial-console, journal-to-console, install-static, dynamic-login: getty on serial ports, the journal, login from the kernel command line', () => {
    expect(entry('etc/udev/rules.d/99-dib-serial-console.rules')).toMatch(/^100644 0:0 /);
    expect(entry('etc/systemd/journald.conf.d/50-dib-console.conf')).toMatch(/^100644 0:0 /);
    expect(entry('usr/local/sbin/dynamic-login')).toMatch(/^100755 0:0 /);
  });

  test('autoupdates and fail2ban: their configuration', () => {
    expect(text('etc/apt/apt.conf.d/20auto-upgrades')).toContain('APT::Periodic::Unattended-Upgrade "1";\n');
    expect(text('etc/fail2ban/jail.local')).toBe(JAIL);
  });

  test('growvols: its program and arguments', () => {
    expect(entry('usr/local/sbin/growvols')).toMatch(/^100755 0:0 /);
    expect(text('etc/default/growvols')).toBe('GROWVOLS_ARGS="/var=80% fs_home=1GiB"\nGROWVOLS_GROUP=""\nGROWVOLS_DEVICE=""\n');
  });

  test('debian: programs that people expect on a machine', () => {
    for (const name of ['curl', 'file', 'less', 'rsync', 'sudo']) expect(entry(`usr/bin/${name}`), name).toBeDefined();
  });

  test('dib-run-parts: for scripts of the running system, too', () => {
    expect(entry('usr/local/bin/dib-run-parts')).toMatch(/^100755 0:0 /);
  });

  test('docker: its engine', () => {
    expect(entry('usr/sbin/dockerd')).toBeDefined();
  });

  // IEEE Std 1003.1, Shell & Utilities, by way of the packages that have them; the rest is in every shell or in SCCS and UUCP of old.
  test.each([
    ...['at', 'awk', 'bc', 'c99', 'cal', 'cc', 'cflow', 'cmp', 'comm', 'compress', 'crontab', 'csplit', 'ctags', 'cxref', 'diff'],
    ...[
      'ed',
      'ex',
      'file',
      'find',
      'fort77',
      'fuser',
      'gencat',
      'getconf',
      'iconv',
      'ipcs',
      'join',
      'lex',
      'locale',
      'localedef',
      'lp',
    ],
    ...[
      'm4',
      'mailx',
      'make',
      'man',
      'mesg',
      'more',
      'nm',
      'patch',
      'pax',
      'pr',
      'ps',
      'renice',
      'strip',
      'talk',
      'time',
      'tput',
    ],
    ...['tsort', 'uucp', 'uudecode', 'uuencode', 'vi', 'write', 'yacc'],
  ])('posix: %s', (name) => {
    expect(entry(`usr/bin/${name}`) ?? entry(`usr/sbin/${name}`)).toBeDefined();
  });

  test('stable-interface-names: nothing turns them off', () => {
    expect(entry('etc/systemd/network')).toBeDefined();
    expect(entry('etc/systemd/network/99-default.link')).toBeUndefined();
  });

  test('dkms: the module is built for the kernel whose headers are there', () => {
    const modules = names().filter((name) => /^(usr\/)?lib\/modules\/[^/]+-cloud-amd64\/updates\/dkms\/acpi_call\.ko/.test(name));
    expect(modules).toHaveLength(1);
    expect(text('root/seen/dkms')).toMatch(/^acpi-call\/[\d.]+: added\n$/);
  });

  test('cleanup-kernel-initrd and select-boot-kernel-initrd: the newest kernel stays alone, packages and modules go', () => {
    expect(text('root/seen/kernel')).toBe('vmlinuz-6.1.0-10-probe:initrd.img-6.1.0-10-probe\n');
    expect(names().filter((name) => /^boot\/(vmlinuz|initrd|config)/.test(name))).toEqual([
      'boot/config-6.1.0-10-probe',
      'boot/initrd.img-6.1.0-10-probe',
      'boot/vmlinuz-6.1.0-10-probe',
    ]);
    expect(names().filter((name) => /lib\/modules\/[^/]*-(probe|copied)$|linux-image-.*\.list$/.test(name))).toEqual([
      'usr/lib/modules/6.1.0-10-probe',
      'var/lib/dpkg/info/linux-image-6.1.0-10-probe.list',
    ]);
  });

  test('grub2: files for BIOS and UEFI, signed ones too, and nothing configured', () => {
    for (const path of [
      'usr/lib/grub/i386-pc/boot.img',
      'usr/lib/grub/x86_64-efi/normal.mod',
      'usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed',
      'usr/lib/shim/shimx64.efi.signed',
    ]) {
      expect(entry(path), path).toMatch(/^100644 0:0 /);
    }
    expect(names().filter((name) => name.startsWith('boot/grub'))).toEqual([]);
  });

  test('pip-cache: in the cache of dib, not in the image', () => {
    expect(text('root/seen/pip-cache')).toBe('/run/dib-cache/pip\n');
    expect(existsSync(join(PIP_CACHE, 'from-the-image'))).toBe(true);
    expect(names().filter((name) => /^run\/|cache\/pip/.test(name))).toEqual([]);
  });

  test('dib-python: a program of the build only', () => {
    expect(text('root/seen/dib-python')).toBe('from python\n');
    expect(entry('usr/bin/dib-python')).toBeUndefined();
  });

  test('SELinux is not installed, so nothing is said of it', () => {
    expect(entry('etc/selinux/config')).toBeUndefined();
  });
});
