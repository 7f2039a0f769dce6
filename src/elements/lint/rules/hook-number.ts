import { quoted } from '../../../diagnostics/printable.ts';
import { startOfFile } from '../../problems.ts';
import type { LintRule } from '../rule.ts';

/** Where a hook stands in its phase is written in its name. */
export const hookNumber: LintRule = {
  name: 'hook-number',
  about: 'names of hooks begin with a number of two digits',
  check: ({ files }) =>
    files
      .filter(({ phase, executable, path }) => phase !== undefined && executable && /^[^/]+\/[0-9A-Za-z_-]+$/u.test(path))
      .filter(({ path }) => !/\/\d\d\D/u.test(path))
      .map(({ path, absolute }) => ({
        severity: 'warning' as const,
        summary: `The name of the hook ${quoted(path)} does not begin with a number of two digits`,
        detail:
          'Hooks run in the order of their numbers, and none counts as 0. Elements leave 00 to 09 and 91 to 99 to dib and to special cases.',
        help: `Rename it, for example to ${quoted(path.replace(/\/\d*-?/u, '/50-'))}.`,
        range: startOfFile(absolute),
      })),
};
