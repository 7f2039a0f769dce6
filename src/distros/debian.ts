import { aptDistro, STORAGE_PACKAGES } from './apt.ts';

/** Architectures of every release: https://www.debian.org/releases/ , chapter "Supported architectures" of each one's release notes. */
const RELEASE_ARCHITECTURES = ['amd64', 'arm64', 'armel', 'armhf', 'i386', 'ppc64el', 's390x'] as const;

/** Debian. */
export const debian = aptDistro({
  name: 'debian',
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
  suites: ['updates', 'security'],
  keyring: {
    name: 'debian-archive-keyring',
    package: 'debian-archive-keyring',
    why: 'checks the signatures of the Debian mirror',
    file: '/usr/share/keyrings/debian-archive-keyring.gpg',
  },
  // By convention a mirror has the security archive beside the main one.
  securityMirror: (mirror) => `${mirror}-security`,
  storagePackages(feature, release) {
    // Since trixie the part of systemd that reads /etc/crypttab is a package of its own.
    const further = feature === 'luks' && release !== 'bookworm' ? ['systemd-cryptsetup'] : [];
    return [...STORAGE_PACKAGES[feature], ...further];
  },
});
