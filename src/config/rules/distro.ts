import { quoted } from '../../diagnostics/printable.ts';
import { didYouMean, listOf } from '../../diagnostics/suggest.ts';
import { ARCHITECTURE_ALIASES } from '../../distros/architectures.ts';
import { DISTROS, knownArchitectures, knownDistro } from '../../distros/registry.ts';
import { type Problem, type Rule, textAt, textsAt, valueAt } from './rule.ts';

/**
 * Distribution, release, architecture, components. A distribution or release that dib does not know is an error here only if no
 * element can bring it, or if it is near enough to a known one to be a mistype; else `nativeDistroProblems` decides once the
 * elements are known.
 */
export const distro: Rule = (context) => {
  const elements = valueAt(context.root, '/elements');
  const alone = elements === undefined || (Array.isArray(elements) && elements.length === 0);
  return [...distroProblems(context.root, alone), ...architectureProblems(context.root), ...componentProblems(context.root)];
};

/** Names in place of a distribution's: what is unpacked. */
export function isTree(name: string): boolean {
  return name === 'tarball' || name === 'oci';
}

/** Distributions that elements bring: their names are no mistype of another one's. */
const ELSEWHERE: ReadonlySet<string> = new Set(['alpine', 'arch', 'gentoo', 'openeuler', 'rhel']);

/** What stands in the way of bootstrapping `distro` natively; `strict` false: only what is surely a mistype. */
export function distroProblems(root: Parameters<typeof textAt>[0], strict: boolean): readonly Problem[] {
  const name = textAt(root, '/distro/name');
  if (name === undefined || isTree(name)) return [];
  const known = [...DISTROS.map((distro) => distro.name), 'tarball', 'oci'];
  const table = knownDistro(name);
  if (table === undefined) {
    const near = ELSEWHERE.has(name) ? undefined : didYouMean(name, known);
    if (near === undefined && !strict) return [];
    return [
      {
        code: 'DIB_DISTRO_UNKNOWN',
        summary: `The distribution ${quoted(name)} is not known`,
        detail: `dib bootstraps ${listOf(known.slice(0, -2))} by itself; others need an element that provides \`operating-system\`.`,
        help: near === undefined ? 'Add such an element to `elements`.' : `Did you mean \`${near}\`?`,
        pointer: '/distro/name',
      },
    ];
  }
  const release = textAt(root, '/distro/release');
  if (release === undefined || table.releases.includes(release)) return [];
  const alias = Object.hasOwn(table.releaseAliases, release) ? table.releaseAliases[release] : undefined;
  const near = alias ?? didYouMean(release, table.releases);
  if (near === undefined && !strict) return [];
  return [
    {
      code: 'DIB_DISTRO_UNKNOWN_RELEASE',
      summary: `${quoted(release)} is not a release of ${quoted(name)} that dib knows`,
      detail: `Known are ${listOf(table.releases)}; names such as \`stable\` mean another release every two years.`,
      help: near === undefined ? `Write ${listOf(table.releases, 'or')}.` : `Did you mean \`${near}\`?`,
      pointer: '/distro/release',
    },
  ];
}

function architectureProblems(root: Parameters<typeof textAt>[0]): readonly Problem[] {
  const arch = textAt(root, '/distro/arch');
  if (arch === undefined) return [];
  const all = knownArchitectures();
  if (!all.includes(arch)) {
    const alias = Object.hasOwn(ARCHITECTURE_ALIASES, arch) ? ARCHITECTURE_ALIASES[arch] : undefined;
    const near = alias ?? didYouMean(arch, all);
    return [
      {
        code: 'DIB_DISTRO_UNKNOWN_ARCH',
        summary: `The architecture ${quoted(arch)} is not known`,
        detail: 'Architectures have the names that Debian gives them.',
        help: near === undefined ? `Known are ${listOf(all)}.` : `Did you mean \`${near}\`?`,
        pointer: '/distro/arch',
      },
    ];
  }
  const name = textAt(root, '/distro/name') ?? '';
  const release = textAt(root, '/distro/release') ?? '';
  const table = knownDistro(name)?.architectures;
  const offered = table !== undefined && Object.hasOwn(table, release) ? table[release] : undefined;
  if (offered === undefined || offered.includes(arch)) return [];
  return [
    {
      code: 'DIB_DISTRO_UNKNOWN_ARCH',
      summary: `${quoted(release)} of ${quoted(name)} has no architecture ${quoted(arch)}`,
      help: `It has ${listOf(offered)}.`,
      pointer: '/distro/arch',
    },
  ];
}

/** Mirrors may have components of their own, so unknown ones are warned about only when they look like a mistype. */
function componentProblems(root: Parameters<typeof textAt>[0]): readonly Problem[] {
  const name = textAt(root, '/distro/name') ?? '';
  const known = knownDistro(name)?.components ?? [];
  const seen = new Set<string>();
  return textsAt(root, '/distro/components').flatMap(({ text, pointer }): Problem[] => {
    if (seen.has(text)) {
      return [
        { code: 'DIB_CONFIG_DUPLICATE', severity: 'warning', summary: `The component ${quoted(text)} is there twice`, pointer },
      ];
    }
    seen.add(text);
    const near = known.includes(text) ? undefined : didYouMean(text, known);
    if (near === undefined) return [];
    return [
      {
        code: 'DIB_DISTRO_UNKNOWN_COMPONENT',
        severity: 'warning',
        summary: `${quoted(text)} is not a component of ${quoted(name)}`,
        help: `Did you mean \`${near}\`?`,
        pointer,
      },
    ];
  });
}
