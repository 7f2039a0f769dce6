import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { archive } from '../../support/apt-archive.ts';
import { CACHE } from '../../support/caches.ts';
import { dib } from '../../support/dib.ts';
import { needRoot } from '../../support/privileges.ts';

/** Of Debian's package python3-diskimage-builder: what npm test installs. */
const TREE = '/usr/lib/python3/dist-packages/diskimage_builder/elements';
const ELEMENTS = [
  ...['apt-sources', 'block-device-mbr', 'cloud-init-datasources', 'debian-minimal', 'devuser', 'dhcp-all-interfaces'],
  ...['element-manifest', 'enable-serial-console', 'growroot', 'journal-to-console', 'modprobe', 'openssh-server'],
  ...['source-repositories', 'sysctl', 'vm', 'calls-upstream'],
];
const PASSWORD = 'open-sesame-49';

/** An element as people have them, which counts on programs and variables of diskimage-builder. */
const CALLS_UPSTREAM = {
  'element-deps': 'install-bin\nsource-repositories\nsysctl\n',
  'source-repository-calls-upstream': 'calls-upstream git /opt/calls $CALLS_REPOSITORY main\n',
  'package-installs.yaml': 'cloud-init:\njq:\nvim-tiny:\n  uninstall: true\n',
  // Most of a kernel's size and time is in its drivers and in an initramfs that holds them; nothing here starts it.
  'pre-install.d/01-small-kernel': `#!/bin/bash
set -eu -o pipefail
mkdir -p /etc/initramfs-tools/conf.d
echo MODULES=list >/etc/initramfs-tools/conf.d/small
echo 'path-exclude=/lib/modules/*/kernel/*' >/etc/dpkg/dpkg.cfg.d/small
`,
  'extra-data.d/20-calls': `#!/bin/bash
set -eu -o pipefail
source $_LIB/common-functions
[ "$(type -t check_element)" = function ]
eval declare -A elements=($(get_image_element_array))
printf '%s\\n' "\${elements[sysctl]}" | sudo -E tee "$TMP_MOUNT_PATH/etc/calls-upstream" >/dev/null
sudo -u root sh -c 'id -u' >>"$TMP_MOUNT_PATH/etc/calls-upstream"
$DIB_PYTHON_EXEC -c 'print("python")' >>"$TMP_MOUNT_PATH/etc/calls-upstream"
`,
  'install.d/70-calls': `#!/bin/bash
set -eu -o pipefail
sysctl-write-value net.ipv4.ip_forward 1
[ -e /tmp/in_target.d/install.d/70-calls ]
install-packages -e busybox
python3 -c 'print("from the image")' >>/etc/calls-upstream
`,
} as const;

let directory: string;

beforeAll(() => {
  needRoot();
  if (!existsSync(TREE))
    throw new Error('The package python3-diskimage-builder is missing: `apt-get install python3-diskimage-builder`.');
  directory = mkdtempSync('/var/tmp/dib-test-upstream-');
  for (const [path, text] of Object.entries(CALLS_UPSTREAM)) {
    const file = join(directory, 'elements/calls-upstream', path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text, { mode: path.includes('.d/') ? 0o755 : 0o644 });
  }
  const repository = join(directory, 'repository');
  const git = (...args: string[]) =>
    execFileSync('git', ['-C', repository, '-c', 'user.name=t', '-c', 'user.email=t@example', ...args]);
  execFileSync('git', ['init', '--quiet', '--initial-branch=main', repository]);
  writeFileSync(join(repository, 'told'), 'from a repository\n');
  git('add', 'told');
  git('commit', '--quiet', '--message', 'Begin');
  writeFileSync(join(directory, 'sources.list'), `deb ${archive('bookworm')} bookworm main\n`);
  writeFileSync(join(directory, 'image.yaml'), stringify(image(repository)));
  const environment = { DIB_IMAGE_CACHE: CACHE, ELEMENTS_PATH: TREE };
  dib(['apply', '--auto-approve'], { cwd: directory, environment });
  all = new Set(tar('--list').split('\n'));
}, 900_000);

afterAll(() => {
  if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
});

function image(repository: string): object {
  return {
    apiVersion: 'dib/v1',
    name: 'unmodified',
    // The tree itself comes by ELEMENTS_PATH.
    elements_path: ['./elements'],
    native_elements: false,
    elements: ELEMENTS,
    environment: {
      DIB_RELEASE: 'bookworm',
      DIB_DISTRIBUTION_MIRROR: archive('bookworm'),
      // This version of debian-minimal looks for bookworm's security archive where only older releases have it.
      DIB_DEBIAN_SECURITY_MIRROR: archive('bookworm-security'),
      DIB_DEBIAN_SECURITY_SUBPATH: '-security',
      DIB_APT_SOURCES: join(directory, 'sources.list'),
      DIB_CLOUD_INIT_DATASOURCES: 'ConfigDrive',
      DIB_DEV_USER_USERNAME: 'ops',
      DIB_DEV_USER_PASSWORD: PASSWORD,
      DIB_DEV_USER_PWDLESS_SUDO: 'yes',
      DIB_MODPROBE_BLACKLIST: 'pcspkr floppy',
      CALLS_REPOSITORY: repository,
    },
    outputs: [{ format: 'raw' }, { format: 'tar' }],
  };
}

const tar = (...args: string[]) =>
  execFileSync('tar', [...args, '--file', join(directory, 'unmodified.tar')], { encoding: 'utf8', maxBuffer: 1 << 27 });
const content = (path: string) => tar('--extract', '--to-stdout', `./${path}`);
let all: ReadonlySet<string>;

describe("upstream's elements with their own mechanisms", () => {
  test('devuser, sysctl, modprobe, cloud-init-datasources, apt-sources: their files', () => {
    expect(content('etc/sudoers.d/ops')).toBe('ops ALL=(ALL) NOPASSWD:ALL\n');
    expect(content('etc/shadow')).toMatch(/^ops:\$y\$/m);
    expect(content('etc/sysctl.d/net.ipv4.ip_forward.conf')).toMatch(/^net\.ipv4\.ip_forward = 1$/m);
    expect(content('etc/modprobe.d/blacklist.conf')).toBe('blacklist pcspkr\nblacklist floppy\n');
    expect(content('etc/cloud/cloud.cfg.d/91-dib-cloud-init-datasources.cfg')).toContain('ConfigDrive');
    expect(content('etc/apt/sources.list')).toBe(readFileSync(join(directory, 'sources.list'), 'utf8'));
  });

  test('openssh-server, growroot, dhcp-all-interfaces, journal-to-console: units, and no host key', () => {
    for (const unit of ['ssh', 'growroot', 'ssh-keygen'])
      expect(all).toContain(`./etc/systemd/system/multi-user.target.wants/${unit}.service`);
    expect(all).toContain('./usr/lib/systemd/system/dhcp-interface@.service');
    expect([...all].filter((path) => path.startsWith('./etc/ssh/ssh_host_'))).toEqual([]);
    expect(content('etc/systemd/journald.conf.d/log-to-console.conf')).toBe('[Journal]\nForwardToConsole=true\n');
  });

  test('package-installs, pkg-map, install-bin: programs and packages', () => {
    for (const path of [
      'usr/local/bin/package-installs-v2',
      'usr/local/bin/sysctl-write-value',
      'usr/share/pkg-map/base',
      'usr/bin/jq',
    ])
      expect(all).toContain(`./${path}`);
    expect(all).not.toContain('./usr/bin/vim.tiny');
    expect(all).not.toContain('./usr/bin/busybox');
  });

  test('source-repositories: the repository, and its commit in the manifest', () => {
    expect(content('opt/calls/told')).toBe('from a repository\n');
    const commit = execFileSync('git', ['-C', join(directory, 'repository'), 'rev-parse', 'HEAD'], { encoding: 'utf8' }).trim();
    const manifest = content('etc/dib-manifests/dib-manifest-git-unmodified');
    expect(manifest).toBe(`calls-upstream git /opt/calls ${join(directory, 'repository')} ${commit}\n`);
  });

  test('what hooks call is there: $_LIB, sudo, python, get_image_element_array, sysctl-write-value, install-packages', () => {
    expect(content('etc/calls-upstream')).toBe(`${TREE}/sysctl\n0\npython\nfrom the image\n`);
  });

  test('manifests: elements, and no password', () => {
    expect(content('etc/dib-manifests/dib-element-manifest').split('\n')).toEqual(expect.arrayContaining(['sysctl', 'vm']));
    const environment = content('etc/dib-manifests/dib_environment');
    expect(environment).toContain('declare -x DIB_DEV_USER_USERNAME="ops"\n');
    expect(environment).toContain('declare -x DIB_DEV_USER_PASSWORD="(sensitive)"\n');
    expect(environment).not.toContain(PASSWORD);
  });

  test('bootloader: GRUB on the disk, and the kernel finds its root by the label', () => {
    const disk = openSync(join(directory, 'unmodified.raw'), 'r');
    const sector = Buffer.alloc(512);
    readSync(disk, sector, 0, 512, 0);
    expect(sector.subarray(0x180, 0x185).toString()).toBe('GRUB ');
    expect(sector.readUInt16LE(510)).toBe(0xaa55);
    expect(content('boot/grub/grub.cfg')).toMatch(/linux\s+\/boot\/vmlinuz-\S+ root=LABEL=cloudimg-rootfs ro /);
    expect(all).toContain('./boot/grub/i386-pc/core.img');
  });
});

describe("with dib's own mechanisms", () => {
  test('the plan says which elements of the tree do not run', () => {
    const named = { ...image(join(directory, 'repository')), native_elements: true, elements_path: ['../elements', TREE] };
    const cwd = join(directory, 'default');
    mkdirSync(cwd);
    writeFileSync(join(cwd, 'image.yaml'), stringify(named));
    const environment = { DIB_IMAGE_CACHE: CACHE };
    const text = dib(['plan'], { cwd, environment });
    expect(text).toMatch(
      new RegExp(
        `^dib's own elements in place of those of \`${TREE}\`: .*block-device-mbr, bootloader, .*package-installs.*$`,
        'm',
      ),
    );
    const plan = JSON.parse(dib(['plan', '--json'], { cwd, environment }));
    expect(plan.replaced_elements).toContainEqual({ name: 'package-installs', directory: `${TREE}/package-installs` });
    expect(plan.resource_changes.flatMap((change: { description: string }) => change.description)).not.toContain(
      'package-installs-v2',
    );
  });
});
