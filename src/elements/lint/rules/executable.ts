import { quoted, quotedPath } from '../../../diagnostics/printable.ts';
import { fileRule, linesOf } from '../rule.ts';

/** A script can be run; environment.d is sourced, so it cannot. */
export const executable = fileRule({
  name: 'executable',
  about: 'a file that begins with `#!` is executable; files of `environment.d` are not',
  check: (file, source) => {
    const range = linesOf(source)[0]?.range();
    if (file.isEnvironment) {
      return file.executable
        ? [
            {
              summary: `${quoted(file.path)} is executable, but it is sourced`,
              help: `Run ${quotedPath(`chmod -x ${file.absolute}`)}.`,
              range,
            },
          ]
        : [];
    }
    if (file.language === undefined || file.executable || /\.(rst|md|ya?ml|py)$/u.test(file.path)) return [];
    return [
      {
        summary: `${quoted(file.path)} is a script and not executable`,
        detail: file.phase === undefined ? undefined : 'In a phase it would be passed over without a word.',
        help: `Run ${quotedPath(`chmod +x ${file.absolute}`)}.`,
        range,
      },
    ];
  },
});
