import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { debianArchitecture } from '../../../src/distros/architectures.ts';
import { downloadPackages, makeArchive, TestKey } from '../../support/apt-archive.ts';
import { serveDirectory } from '../../support/http-directory.ts';
import { needRoot } from '../../support/privileges.ts';
import { Project } from '../cli/project.ts';

/** What ubuntu-minimal asks for when it installs no kernel. */
const PACKAGES = 'dbus e2fsprogs iproute2 kmod netbase procps systemd systemd-sysv systemd-resolved udev apt'.split(' ');
const arch = debianArchitecture();

let scratch: string;
let server: Awaited<ReturnType<typeof serveDirectory>>;
let key: TestKey;
let other: TestKey;
let project: Project;

beforeAll(async () => {
  needRoot();
  scratch = mkdtempSync('/var/tmp/dib-test-ubuntu-');
  key = new TestKey(scratch, 'mirror');
  other = new TestKey(scratch, 'stranger');
  const archive = join(scratch, 'ubuntu');
  mkdirSync(join(archive, 'pool'), { recursive: true });
  downloadPackages(join(archive, 'pool'), PACKAGES);
  const suites = ['noble-updates', 'noble-security'].map((name) => ({ name, packages: false }));
  makeArchive(archive, [{ name: 'noble', packages: true }, ...suites], arch, key);
  server = await serveDirectory(scratch);
  project = new Project({
    apiVersion: 'dib/v1',
    name: 'ubuntu-test',
    distro: distro(),
    environment: { DIB_UBUNTU_KERNEL: 'none' },
    outputs: ['tar'],
  });
  key.publish(project.path('mirror.asc'));
  other.publish(project.path('stranger.asc'));
}, 300_000);

afterAll(() => {
  server?.close();
  key?.remove();
  other?.remove();
  project?.remove();
  rmSync(scratch, { recursive: true, force: true });
});

describe('ubuntu, from a private mirror', () => {
  test('another key than that of the archive is told, and nothing is built', () => {
    project.change({ distro: { ...distro(), keyring: 'stranger.asc' } });
    const { stderr } = project.apply([], { status: 1 });
    expect(stderr).toMatch(
      /error\[DIB_DISTRO_SIGNATURE\]: .*The archive of ubuntu noble is not signed with a key that is trusted/,
    );
    expect(stderr).toMatch(/It is signed with the key [0-9A-F]+, which distro\.keyring does not hold\./);
    expect(stderr).toContain('Set distro.keyring to the file with the public keys of the mirror');
    expect(existsSync(project.path('ubuntu-test.tar'))).toBe(false);
    project.change({ distro: distro() });
  });

  test('ubuntu-minimal and ubuntu-common: is bootstrapped and has its packages, sources and keys', () => {
    project.apply();
    const tree = project.path('tree');
    mkdirSync(tree);
    const members = ['./etc/apt', './etc/sysctl.d', './etc/systemd/network', './var/lib/dpkg/status', './etc/hostname'];
    execFileSync('tar', ['-xf', project.path('ubuntu-test.tar'), '-C', tree, ...members]);
    const read = (path: string) => readFileSync(join(tree, path), 'utf8');
    expect(read('etc/apt/sources.list.d/ubuntu.sources')).toBe(
      [
        'Types: deb',
        `URIs: ${server.url}/ubuntu`,
        'Suites: noble noble-updates noble-security',
        'Components: main',
        'Signed-By: /etc/apt/keyrings/ubuntu-keyring.asc',
        '',
      ].join('\n'),
    );
    expect(read('etc/apt/keyrings/ubuntu-keyring.asc')).toBe(readFileSync(project.path('mirror.asc'), 'utf8'));
    const status = read('var/lib/dpkg/status');
    for (const name of PACKAGES) expect(status).toContain(`Package: ${name}\nStatus: install ok installed\n`);
    expect(read('etc/sysctl.d/99-dib-ipv6.conf')).toContain('net.ipv6.conf.all.use_tempaddr = 0');
    expect(read('etc/systemd/network/90-dib-dhcp.network')).toContain('DHCP=yes');
    expect(read('etc/apt/sources.list.d/ubuntu.sources')).not.toMatch(/trusted/i);
    rmSync(tree, { recursive: true });
    expect(project.planned()).toEqual([]);
  }, 300_000);

  test('the keys are part of the plan by their content, not by their name', () => {
    cpSync(project.path('mirror.asc'), project.path('same.asc'));
    project.change({ distro: { ...distro(), keyring: 'same.asc' } });
    expect(project.planned()).toEqual([]);
    writeFileSync(project.path('same.asc'), 'no key\n');
    const { stderr } = project.run(['plan'], { status: 1 });
    expect(stderr).toContain('error[DIB_DISTRO_KEYRING]: ');
    expect(stderr).toContain('same.asc cannot be used as a keyring: it does not begin with a public key');
    expect(stderr).toMatch(/image\.yaml:\d+:\d+/);
    project.change({ distro: distro() });
  });
});

function distro() {
  return {
    name: 'ubuntu',
    release: 'noble',
    mirror: `${server.url}/ubuntu`,
    components: ['main'],
    keyring: 'mirror.asc',
    suites: ['updates', 'security'],
  };
}
