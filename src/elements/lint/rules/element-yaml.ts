import { quoted } from '../../../diagnostics/printable.ts';
import { didYouMean } from '../../../diagnostics/suggest.ts';
import { METADATA_FILE, readMetadata } from '../../metadata.ts';
import { knownDistroNames } from '../../package-map.ts';
import { startOfFile } from '../../problems.ts';
import type { Finding, LintElement, LintRule } from '../rule.ts';

/** element.yaml is there, and right. */
export const elementYaml: LintRule = {
  name: 'element-yaml',
  about:
    '`element.yaml` follows its schema, and names distributions that exist and phases that have hooks; without one there is a warning',
  check: (element) => {
    const read = readMetadata(element.directory);
    if (read === undefined) {
      return [
        {
          severity: 'warning',
          summary: `The element ${quoted(element.name)} has no \`${METADATA_FILE}\``,
          detail: 'Values of its variables are not checked, and `dib elements show` cannot tell what they mean.',
          help: 'Write one, beginning with `summary:`.',
          range: startOfFile(element.directory),
        },
      ];
    }
    return [...read.diagnostics, ...checkFacts(element)];
  },
};

function checkFacts({ metadata, files }: LintElement): Finding[] {
  if (metadata === undefined) return [];
  const known = knownDistroNames();
  const distros = (metadata.distros ?? []).flatMap((name, index): Finding[] => {
    if (known.includes(name)) return [];
    const near = didYouMean(name, known);
    return [
      {
        summary: `${quoted(name)} is no distribution or family that dib knows`,
        help: near === undefined ? 'Write its name as in `DISTRO_NAME`.' : `Did you mean ${quoted(near)}?`,
        range: metadata.locate(`/distros/${index}`),
      },
    ];
  });
  const network = (metadata.network ?? []).flatMap((phase, index): Finding[] =>
    files.some((file) => file.phase === phase)
      ? []
      : [
          {
            severity: 'warning',
            summary: `The element has no hooks in ${quoted(phase)}`,
            help: 'Remove the phase.',
            range: metadata.locate(`/network/${index}`),
          },
        ],
  );
  return [...distros, ...network];
}
