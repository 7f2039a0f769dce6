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

/** Debian's name for this machine's architecture, from Node's (`process.arch`). */
export function debianArchitecture(nodeName: string = process.arch): string {
  if (nodeName === 'ppc64') return 'ppc64el';
  return ARCHITECTURE_ALIASES[nodeName] ?? nodeName;
}
