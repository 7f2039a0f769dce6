import { aptDistro, STORAGE_PACKAGES } from './apt.ts';

/** https://ubuntu.com/about/release-cycle and the `Architectures:` of each release's InRelease. */
const ARCHITECTURES = ['amd64', 'arm64', 'armhf', 'ppc64el', 'riscv64', 's390x'] as const;

/** Ubuntu. */
export const ubuntu = aptDistro({
  name: 'ubuntu',
  element: 'ubuntu-minimal',
  releases: ['jammy', 'noble', 'plucky', 'questing'],
  defaultRelease: 'noble',
  releaseAliases: { '22.04': 'jammy', '24.04': 'noble', '25.04': 'plucky', '25.10': 'questing' },
  architectures: { jammy: ARCHITECTURES, noble: ARCHITECTURES, plucky: ARCHITECTURES, questing: ARCHITECTURES },
  components: ['main', 'restricted', 'universe', 'multiverse'],
  defaultComponents: ['main', 'universe'],
  suites: ['updates', 'security', 'backports'],
  keyring: {
    name: 'ubuntu-archive-keyring',
    package: 'ubuntu-archive-keyring',
    why: 'checks the signatures of the Ubuntu mirror, unless `distro.keyring` is set',
    file: '/usr/share/keyrings/ubuntu-archive-keyring.gpg',
  },
  // One archive has the PC's architectures, another all others: https://wiki.ubuntu.com/UbuntuDevelopment/PackageArchive
  archives: (arch) =>
    arch === 'amd64' || arch === 'i386'
      ? { main: 'http://archive.ubuntu.com/ubuntu', security: 'http://security.ubuntu.com/ubuntu' }
      : { main: 'http://ports.ubuntu.com/ubuntu-ports', security: 'http://ports.ubuntu.com/ubuntu-ports' },
  // A mirror of Ubuntu has the security suite among the others.
  securityMirror: (mirror) => mirror,
  storagePackages: (feature, release) => {
    // Since 24.10 (systemd 256) the part of systemd that reads /etc/crypttab is a package of its own, as in Debian.
    const further = feature === 'luks' && release !== 'jammy' && release !== 'noble' ? ['systemd-cryptsetup'] : [];
    return [...STORAGE_PACKAGES[feature], ...further];
  },
});
