import { quoted, quotedPath } from '../../../diagnostics/printable.ts';
import { fileRule, isShell, linesOf } from '../rule.ts';

/** Windows line ends become part of names and commands. */
export const crlf = fileRule({
  name: 'crlf',
  about: 'scripts and lists have no Windows line ends',
  check: (file, source) => {
    if (!isShell(file) && file.language === undefined && file.path.includes('/')) return [];
    const starts = source.text.indexOf('\r\n');
    if (starts < 0) return [];
    const lines = linesOf(source).length;
    return [
      {
        summary: `${quoted(file.path)} has Windows line ends`,
        detail: 'The carriage return would be taken for a part of the last word of each line.',
        help: `Run ${quotedPath(`sed -i 's/\\r$//' ${file.absolute}`)}.`,
        range: lines > 0 ? source.range(starts, starts + 2) : undefined,
      },
    ];
  },
});
