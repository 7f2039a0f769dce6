import { fileRule, isShell, linesOf } from '../rule.ts';

/** `export` hides whether the command in it failed. */
export const exportSubstitution = fileRule({
  name: 'export-substitution',
  about: 'no `export NAME=$(command)`: the status of the command would be lost',
  check: (file, source) =>
    isShell(file)
      ? linesOf(source).flatMap((line) => {
          const match = /^[^#]*\bexport\s[^#]*\$\((?!\()/u.exec(line.text);
          if (match === null) return [];
          return [
            {
              summary: '`export` with a command in it',
              detail: 'The status of `export` is that of the assignment: `set -e` does not see that the command failed.',
              help: 'Assign first, and export on a line of its own.',
              range: line.range(line.text.indexOf('export')),
            },
          ];
        })
      : [],
});
