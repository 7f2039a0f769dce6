import { codeLines } from '../here-documents.ts';
import { fileRule, isShell, type Line, linesOf } from '../rule.ts';

/** Lines are not indented with tabs. */
export const tabindent = fileRule({
  name: 'tabindent',
  about: 'scripts and `.rst` files are not indented with tabs',
  check: (file, source) => {
    if (!file.executable && !file.isEnvironment && !file.path.endsWith('.rst')) return [];
    const lines: readonly Line[] = isShell(file) ? codeLines(linesOf(source)) : linesOf(source);
    return lines
      .filter(({ text }) => /^ *\t/u.test(text))
      .map((line) => ({
        summary: 'Indented with a tab',
        help: 'Indent by blanks.',
        range: line.range(0, /^\s*/u.exec(line.text)?.[0].length ?? 0),
      }));
  },
});
