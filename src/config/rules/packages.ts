import { quoted } from '../../diagnostics/printable.ts';
import { type Problem, type Rule, textsAt } from './rule.ts';

/** Each package is named once. */
export const packages: Rule = ({ root }) => {
  const seen = new Set<string>();
  return textsAt(root, '/packages').flatMap(({ text, pointer }): Problem[] => {
    if (!seen.has(text)) {
      seen.add(text);
      return [];
    }
    return [
      {
        code: 'DIB_CONFIG_DUPLICATE',
        severity: 'warning',
        summary: `The package ${quoted(text)} is there twice`,
        help: 'Remove one.',
        pointer,
      },
    ];
  });
};
