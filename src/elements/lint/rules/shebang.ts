import { quoted } from '../../../diagnostics/printable.ts';
import { fileRule, linesOf } from '../rule.ts';

/** All scripts of bash name it by the same path. */
export const shebang = fileRule({
  name: 'shebang',
  about: 'scripts of bash begin with exactly `#!/bin/bash`',
  check: (file, source) => {
    const first = linesOf(source)[0];
    if (file.language !== 'bash' || first === undefined || first.text.replace(/\r$/u, '') === '#!/bin/bash') return [];
    return [
      { summary: `${quoted(file.path)} begins with ${quoted(first.text)}`, help: 'Write `#!/bin/bash`.', range: first.range() },
    ];
  },
});
