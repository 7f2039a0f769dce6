import { quoted } from '../../diagnostics/printable.ts';
import { didYouMean } from '../../diagnostics/suggest.ts';
import { DISTROS } from '../../distros/registry.ts';
import type { JsonObject } from '../../util/json.ts';
import { isTree } from './distro.ts';
import { mappingAt, type Problem, type Rule, textAt } from './rule.ts';

/** Keys of `distro` by what they belong to. */
const KEYS = {
  tarball: ['url', 'path', 'sha256', 'like'],
  oci: ['ref', 'like'],
  archive: ['mirror', 'security_mirror', 'suites', 'keyring', 'components', 'variant'],
} as const;

/** `distro` names either a distribution, with its release, or something to unpack, with where it is. */
export const distroSource: Rule = ({ root }) => {
  const distro = mappingAt(root, '/distro');
  const name = textAt(root, '/distro/name');
  if (name === undefined) return [];
  const misplaced = misplacedKeys(name, distro);
  if (name === 'tarball') return [...misplaced, ...tarballProblems(distro)];
  if (name === 'oci')
    return [
      ...misplaced,
      ...(distro['ref'] === undefined ? [missing('ref', 'which container image it is', 'oci:layout:latest')] : []),
    ];
  // A mistyped key is told of by the schema, and says enough.
  const said = Object.keys(distro).some((key) => key === 'release' || didYouMean(key, ['release']) !== undefined);
  return [...misplaced, ...(said ? [] : [missingRelease(name)])];
};

function misplacedKeys(name: string, distro: JsonObject): Problem[] {
  const allowed: readonly string[] = isTree(name) ? KEYS[name as 'tarball' | 'oci'] : KEYS.archive;
  const known = [...KEYS.tarball, ...KEYS.oci, ...KEYS.archive];
  return [...new Set(known)]
    .filter((key) => distro[key] !== undefined && !allowed.includes(key))
    .map((key) => ({
      code: 'DIB_DISTRO_KEY',
      summary: `${quoted(key)} means nothing for ${quoted(name)}`,
      help: `Remove it, or write another \`name\`: it belongs to ${(KEYS.archive as readonly string[]).includes(key) ? 'a distribution that is bootstrapped' : key === 'ref' ? '`oci`' : '`tarball` or `oci`'}.`,
      pointer: `/distro/${key}`,
      at: 'key',
    }));
}

function tarballProblems(distro: JsonObject): Problem[] {
  const { url, path, sha256 } = distro;
  if (url === undefined && path === undefined)
    return [missing('url', 'where the archive is', 'https://example.org/rootfs.tar.xz')];
  if (url !== undefined && path !== undefined) {
    return [
      {
        code: 'DIB_DISTRO_KEY',
        summary: '`url` and `path` are both set',
        help: 'Keep the one where the archive is.',
        pointer: '/distro/path',
        at: 'key',
      },
    ];
  }
  if (typeof url !== 'string' || url.startsWith('file:')) return [];
  if (URL.canParse(url) && new URL(url).password !== '') {
    return [
      {
        code: 'DIB_DISTRO_SECRET_IN_URL',
        summary: 'The URL of the archive holds a password',
        detail: 'Plans and states would show it.',
        help: 'Download the archive by other means, and name it with `path`.',
        pointer: '/distro/url',
      },
    ];
  }
  if (sha256 !== undefined) return [];
  return [
    {
      code: 'DIB_DISTRO_NO_SUM',
      summary: 'An archive that is downloaded needs its `sha256`',
      detail: 'Otherwise nobody would notice if another one were served.',
      help: `Find it out with \`curl -L ${url} | sha256sum\` and compare it with what its publisher says.`,
      pointer: '/distro/url',
    },
  ];
}

function missing(key: string, what: string, example: string): Problem {
  return {
    code: 'DIB_DISTRO_NO_SOURCE',
    summary: `${quoted(key)} is missing: ${what}`,
    help: `Write \`${key}: ${example}\`.`,
    pointer: '/distro/name',
  };
}

function missingRelease(name: string): Problem {
  const example = DISTROS.find((known) => known.name === name)?.defaultRelease ?? 'RELEASE';
  return {
    code: 'DIB_CONFIG_MISSING_KEY',
    summary: '`distro` lacks the key `release`',
    help: `Add it, for example \`release: ${example}\`.`,
    pointer: '/distro',
    at: 'key',
  };
}
