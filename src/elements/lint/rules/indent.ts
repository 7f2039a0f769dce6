import { codeLines } from '../here-documents.ts';
import { fileRule, linesOf } from '../rule.ts';

/** Shell is indented by steps of four blanks. */
export const indent = fileRule({
  name: 'indent',
  about: 'scripts are indented by multiples of 4 blanks; texts inside of them are not looked at',
  check: (file, source) =>
    file.language === 'bash' || file.language === 'sh'
      ? codeLines(linesOf(source)).flatMap((line) => {
          const blanks = /^( *)[^ \t]/u.exec(line.text)?.[1]?.length ?? 0;
          if (blanks % 4 === 0) return [];
          return [
            { summary: `Indented by ${blanks} blanks`, help: 'Indent by multiples of 4 blanks.', range: line.range(0, blanks) },
          ];
        })
      : [],
});
