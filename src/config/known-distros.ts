/** What dib bootstraps by itself. */
export interface KnownDistro {
  readonly releases: readonly string[];
  /** Debian's names, per release. */
  readonly architectures: Readonly<Record<string, readonly string[]>>;
  readonly components: readonly string[];
  /** Other ways to name a release. */
  readonly releaseAliases: Readonly<Record<string, string>>;
}

const RELEASE_ARCHITECTURES = ['amd64', 'arm64', 'armel', 'armhf', 'i386', 'ppc64el', 's390x'] as const;

/** Architectures by release: https://www.debian.org/releases/ , chapter "Supported architectures" of each one's release notes. */
export const KNOWN_DISTROS: Readonly<Record<string, KnownDistro>> = {
  debian: {
    releases: ['bookworm', 'trixie'],
    architectures: {
      bookworm: [...RELEASE_ARCHITECTURES, 'mips64el', 'mipsel'].sort(),
      trixie: [...RELEASE_ARCHITECTURES, 'riscv64'].sort(),
    },
    components: ['main', 'contrib', 'non-free', 'non-free-firmware'],
    releaseAliases: { '12': 'bookworm', '13': 'trixie' },
  },
};

/** What others call an architecture, and what Debian does. */
export const ARCHITECTURE_ALIASES: Readonly<Record<string, string>> = {
  x86_64: 'amd64',
  x64: 'amd64',
  aarch64: 'arm64',
  armv7l: 'armhf',
  arm: 'armhf',
  i686: 'i386',
  i586: 'i386',
  ia32: 'i386',
  ppc64le: 'ppc64el',
};

/** Every architecture that some known release has. */
export function knownArchitectures(): readonly string[] {
  const all = Object.values(KNOWN_DISTROS).flatMap((distro) => Object.values(distro.architectures).flat());
  return [...new Set(all)].sort();
}

/** Debian's name for this machine's architecture, from Node's (`process.arch`). */
export function debianArchitecture(nodeName: string = process.arch): string {
  if (nodeName === 'ppc64') return 'ppc64el';
  return ARCHITECTURE_ALIASES[nodeName] ?? nodeName;
}
