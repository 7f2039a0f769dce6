import { parseYaml } from '../../../config/yaml/parse.ts';
import { pointerToken } from '../../../diagnostics/pointer.ts';
import { quoted } from '../../../diagnostics/printable.ts';
import { didYouMean } from '../../../diagnostics/suggest.ts';
import { knownDistroNames } from '../../package-map.ts';
import { type Finding, fileRule } from '../rule.ts';

/** svc-map is YAML of services, and what they are called where. */
export const svcMap = fileRule({
  name: 'svc-map',
  about: '`svc-map` is YAML: services, and per distribution, family or `default` the name of the unit',
  check: (file, source) => {
    if (file.path !== 'svc-map') return [];
    const { value, locate, diagnostics } = parseYaml(source);
    const findings: Finding[] = [...diagnostics];
    if (value === undefined) return findings;
    const known = ['default', ...knownDistroNames()];
    const bad = (pointer: string, summary: string, help: string, severity?: 'warning'): void => {
      findings.push({ summary, help, severity, range: locate(pointer, 'key') });
    };
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      return [
        ...findings,
        { summary: '`svc-map` is not a mapping', help: 'Write `service: { default: unit }`.', range: source.firstLine() },
      ];
    }
    for (const [service, names] of Object.entries(value)) {
      const pointer = `/${pointerToken(service)}`;
      if (typeof names !== 'object' || names === null || Array.isArray(names)) {
        bad(pointer, `What ${quoted(service)} is called is not a mapping`, 'Write `{ default: unit }`.');
        continue;
      }
      for (const [where, unit] of Object.entries(names)) {
        const at = `${pointer}/${pointerToken(where)}`;
        if (typeof unit !== 'string')
          bad(at, `The name of ${quoted(service)} on ${quoted(where)} is no text`, 'Write the name of a unit.');
        if (known.includes(where)) continue;
        const near = didYouMean(where, known);
        bad(
          at,
          `${quoted(where)} is no distribution or family that dib knows`,
          near === undefined ? 'Write its name as in `DISTRO_NAME`.' : `Did you mean ${quoted(near)}?`,
          'warning',
        );
      }
    }
    return findings;
  },
});
