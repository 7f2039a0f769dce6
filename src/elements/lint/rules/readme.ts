import { quoted } from '../../../diagnostics/printable.ts';
import { startOfFile } from '../../problems.ts';
import type { LintRule } from '../rule.ts';

/** Every element has a README. */
export const readme: LintRule = {
  name: 'readme',
  about: 'an element has a `README.md` or `README.rst`',
  check: ({ name, directory, files }) =>
    files.some(({ path }) => /^README\.(md|rst)$/u.test(path))
      ? []
      : [
          {
            summary: `The element ${quoted(name)} has no README`,
            detail: 'Whoever uses it has only its scripts to go by.',
            help: 'Write `README.md`: what it does, and its variables.',
            range: startOfFile(directory),
          },
        ],
};
