import { fileRule, isShell, linesOf } from '../rule.ts';

/** Not every system has it. */
export const which = fileRule({
  name: 'which',
  about: 'no `which`: `command -v` is part of the shell',
  check: (file, source) =>
    isShell(file)
      ? linesOf(source).flatMap((line) => {
          const found = /(?:^|[;&|({`]|\b(?:if|then|else|do|while|until|sudo)\s|!\s)\s*which\s/u.exec(line.text);
          if (found === null || /dib-lint: which|^\s*#/u.test(line.text)) return [];
          const at = found.index + found[0].lastIndexOf('which');
          return [
            {
              summary: '`which` is a program that not every system has',
              help: 'Write `command -v`, or end the line with `# dib-lint: which`.',
              range: line.range(at, at + 'which'.length),
            },
          ];
        })
      : [],
});
