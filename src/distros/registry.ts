import type { DistroConfig } from '../config/image.ts';
import { fail } from '../diagnostics/errors.ts';
import { quoted } from '../diagnostics/printable.ts';
import { listOf } from '../diagnostics/suggest.ts';
import { debian } from './debian.ts';
import type { Distro } from './distro.ts';
import { DNF_DISTROS } from './dnf.ts';
import { ubuntu } from './ubuntu.ts';
import { opensuse } from './zypper.ts';

/** Distributions that dib bootstraps by itself; a new one is one file and one line here. */
export const DISTROS: readonly Distro[] = [debian, ubuntu, ...DNF_DISTROS, opensuse];

/** A distribution by its name in image.yaml. */
export function knownDistro(name: string): Distro | undefined {
  return DISTROS.find((candidate) => candidate.name === name);
}

/** The distribution that a shipped element stands for. */
export function distroOfElement(element: string): Distro | undefined {
  return DISTROS.find((candidate) => candidate.element === element);
}

/** Every architecture that some release has, in Debian's names. */
export function knownArchitectures(): readonly string[] {
  return [...new Set(DISTROS.flatMap((distro) => Object.values(distro.architectures).flat()))].sort();
}

/** What an image that says no more than this is bootstrapped with. */
export function withDistroDefaults(
  config: Omit<DistroConfig, 'components' | 'variant'> & {
    readonly components?: readonly string[] | undefined;
    readonly variant?: string | undefined;
  },
): DistroConfig {
  return {
    ...config,
    components: config.components ?? knownDistro(config.name)?.defaultComponents ?? ['main'],
    variant: config.variant ?? 'minbase',
  };
}

/** The distribution of an image. Throws DIB_DISTRO_UNKNOWN or DIB_DISTRO_RELEASE. */
export function findDistro(config: Pick<DistroConfig, 'name' | 'release'>): Distro {
  const distro = knownDistro(config.name);
  if (distro === undefined) {
    fail({
      code: 'DIB_DISTRO_UNKNOWN',
      summary: `The distribution ${quoted(config.name)} is not one that dib can bootstrap`,
      help: `Use ${listOf(
        DISTROS.map((known) => known.name),
        'or',
      )}, or an element that provides \`operating-system\`.`,
    });
  }
  if (!distro.releases.includes(config.release)) {
    fail({
      code: 'DIB_DISTRO_RELEASE',
      summary: `${quoted(config.release)} is not a release of ${quoted(config.name)} that dib knows`,
      help: `Use ${listOf(distro.releases, 'or')}.`,
    });
  }
  return distro;
}
