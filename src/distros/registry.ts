import type { DistroConfig } from '../config/image.ts';
import { fail } from '../diagnostics/errors.ts';
import { quoted } from '../diagnostics/printable.ts';
import { listOf } from '../diagnostics/suggest.ts';
import { debian } from './debian.ts';
import type { Distro } from './distro.ts';

/** Families that dib bootstraps by itself; a new one is one file and one line here. */
export const DISTROS: readonly Distro[] = [debian];

/** The family of a distribution. Throws DIB_DISTRO_UNKNOWN or DIB_DISTRO_RELEASE. */
export function findDistro(config: Pick<DistroConfig, 'name' | 'release'>): Distro {
  const distro = DISTROS.find((candidate) => candidate.name === config.name);
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
