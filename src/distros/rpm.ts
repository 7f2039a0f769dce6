import { join } from 'node:path';
import type { DistroConfig } from '../config/image.ts';
import { libexecDirectory } from '../elements/locations.ts';
import type { Command } from '../exec/command.ts';
import type { BootstrapPlace } from './distro.ts';
import type { PublishedKeys } from './rpm-keys.ts';
import type { Repository } from './rpm-repositories.ts';

/** What differs from one release to the next. */
export interface RpmRelease {
  /** Where rpm keeps its database in the image; Debian's rpm has another place by itself. */
  readonly database: '/var/lib/rpm' | '/usr/lib/sysimage/rpm';
  readonly keys: PublishedKeys;
  /** Debian's names of its architectures. */
  readonly architectures: readonly string[];
  /** As module streams name the platform; not every distribution has them. */
  readonly platform?: string;
}

/** What is read when an image says nothing of its mirror, and the repositories there. */
export interface RpmMirror {
  readonly mirror: string;
  /** Repository by component; none where a release does not have it. `arch` is rpm's name. */
  readonly repositories: Readonly<Record<string, (mirror: string, release: string, arch: string) => string | undefined>>;
}

const ARCHITECTURES: Readonly<Record<string, string>> = {
  amd64: 'x86_64',
  arm64: 'aarch64',
  armhf: 'armv7hl',
  i386: 'i686',
  ppc64el: 'ppc64le',
};

/** rpm's name of an architecture, from Debian's. */
export function rpmArchitecture(debian: string): string {
  return ARCHITECTURES[debian] ?? debian;
}

/** Address of the mirror of an image, without a slash at its end. */
export function mirrorOf(config: DistroConfig, { mirror }: RpmMirror): string {
  return (config.mirror ?? mirror).replace(/\/+$/, '');
}

/** The repositories that an image is made from: those of its components. */
export function repositoriesOf(config: DistroConfig, mirror: RpmMirror): Repository[] {
  return config.components.flatMap((id) => {
    const url = mirror.repositories[id]?.(mirrorOf(config, mirror), config.release, rpmArchitecture(config.arch));
    return url === undefined ? [] : [{ id, url }];
  });
}

/**
 * Variables for programs that use rpm's library: its own configuration is the one of dib, nothing of the builder's. HOME is a directory
 * without anything but rpm's macros, which tell where the database is.
 */
export function rpmEnvironment({ database }: RpmRelease): Record<string, string> {
  return { HOME: join(libexecDirectory(), 'rpm'), DIB_RPM_DBPATH: database };
}

/** Does what rpm of the builder cannot: accounts, and the database in the form that the image's own rpm reads. Before, it writes installedFile. */
export function finishCommand(place: BootstrapPlace, release: RpmRelease): Command {
  const words = [join(libexecDirectory(), 'rpm/finish-tree'), place.target, installedFile(place.scratch)];
  return { argv: place.mounted(words), env: rpmEnvironment(release) };
}

/** Gets the names of the files of all packages that a bootstrap has installed, one a line. */
export function installedFile(scratch: string): string {
  return join(scratch, 'installed');
}

/** Output format of rpm for the names of packages' files, one a line. */
export const RPM_FILE_NAMES = '%{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}.rpm\\n';

/** Prints the file names of all packages in a tree, as the builder's rpm has them in its database. */
export function installedCommand(target: string, release: RpmRelease): Command {
  return { argv: ['rpm', '--root', target, '--query', '--all', '--queryformat', RPM_FILE_NAMES], env: rpmEnvironment(release) };
}
