import { parseYaml } from '../../../config/yaml/parse.ts';
import { pointerToken } from '../../../diagnostics/pointer.ts';
import { quoted } from '../../../diagnostics/printable.ts';
import type { SourceText } from '../../../diagnostics/source-text.ts';
import { didYouMean } from '../../../diagnostics/suggest.ts';
import { knownDistroNames } from '../../package-map.ts';
import { collectProblems } from '../../problems.ts';
import { loadServiceMap } from '../../service-map.ts';
import type { Finding, LintRule } from '../rule.ts';

/** svc-map is YAML of services, and what they are called where. */
export const svcMap: LintRule = {
  name: 'svc-map',
  about: '`svc-map` is YAML: services, and per distribution, family or `default` the name of the unit',
  check: (element) => {
    const source = element.files.find(({ path }) => path === 'svc-map')?.source;
    if (source === undefined) return [];
    const problems = collectProblems();
    loadServiceMap([{ ...element, builtin: false }], '', problems);
    return [...problems.list, ...unknownNames(source)];
  },
};

/** A distribution that nobody knows is most likely misspelt. */
function unknownNames(source: SourceText): Finding[] {
  const { value, locate } = parseYaml(source);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [];
  const known = ['default', ...knownDistroNames()];
  return Object.entries(value).flatMap(([service, names]) => {
    const places = typeof names === 'object' && names !== null && !Array.isArray(names) ? Object.keys(names) : [];
    return places
      .filter((where) => !known.includes(where))
      .map((where): Finding => {
        const near = didYouMean(where, known);
        return {
          severity: 'warning',
          summary: `${quoted(where)} is no distribution or family that dib knows`,
          help: near === undefined ? 'Write its name as in `DISTRO_NAME`.' : `Did you mean ${quoted(near)}?`,
          range: locate(`/${pointerToken(service)}/${pointerToken(where)}`, 'key'),
        };
      });
  });
}
