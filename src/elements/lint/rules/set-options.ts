import { quoted } from '../../../diagnostics/printable.ts';
import { type Finding, fileRule, type LintRule, linesOf } from '../rule.ts';

/** A script of bash sets an option of the shell; `pattern` finds it in the arguments of `set`. */
function option(name: string, flag: string, pattern: RegExp, otherwise: string): LintRule {
  return fileRule({
    name,
    about: `scripts of bash have \`set ${flag}\``,
    check: (file, source): Finding[] => {
      if (file.language !== 'bash') return [];
      const lines = linesOf(source);
      const isSet = lines.some(({ text }) => /^set\s/u.test(text) && pattern.test(text.replace(/#.*$/u, '')));
      if (isSet) return [];
      return [
        {
          summary: `${quoted(file.path)} has no \`set ${flag}\``,
          detail: otherwise,
          help: 'Begin with `set -eu -o pipefail`.',
          range: lines[0]?.range(),
        },
      ];
    },
  });
}

export const sete = option('sete', '-e', /\s-\w*e/u, 'It would go on after a command that failed.');
export const setu = option('setu', '-u', /\s-\w*u/u, 'A misspelt variable would be taken for an empty one.');
export const setpipefail = option(
  'setpipefail',
  '-o pipefail',
  /\s-\w*o\s+pipefail\b/u,
  'Only the last command of a pipe would be heeded.',
);
