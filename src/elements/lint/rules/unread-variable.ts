import { quoted } from '../../../diagnostics/printable.ts';
import { variablePointer } from '../../metadata.ts';
import type { LintRule } from '../rule.ts';

/** What element.yaml declares has an effect. */
export const unreadVariable: LintRule = {
  name: 'unread-variable',
  about: 'every variable that `element.yaml` declares is named in another file of the element than its README',
  check: ({ metadata, files }) => {
    if (metadata === undefined) return [];
    const text = files
      .filter(({ path }) => !/^(README\..*|element\.yaml)$/u.test(path))
      .map(({ source }) => source?.text ?? '')
      .join('\n');
    return metadata.variables
      .filter(({ name, deprecated }) => deprecated === undefined && !text.includes(name.replace(/\*$/u, '')))
      .map(({ name }) => ({
        summary: `No file of the element reads ${quoted(name)}`,
        detail: 'To set it would have no effect.',
        help: 'Remove it, or mend its name.',
        range: metadata.locate(variablePointer(name), 'key'),
      }));
  },
};
