import { quoted } from '../../../diagnostics/printable.ts';
import { fileRule } from '../rule.ts';

/** The last line is a whole one: `read` in a loop does not see another. */
export const newline = fileRule({
  name: 'newline',
  about: 'scripts, lists and documents end with a line feed',
  check: (file, source) => {
    const isLine = file.executable || file.isEnvironment || !file.path.includes('/') || file.path.endsWith('.rst');
    const { text } = source;
    if (!isLine || text === '' || text.endsWith('\n')) return [];
    return [
      {
        summary: `The last line of ${quoted(file.path)} has no end`,
        detail: 'Programs that read it line by line, such as `read` of the shell, would miss it.',
        help: 'Add a line feed.',
        range: source.range(text.length, text.length),
      },
    ];
  },
});
