import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fail } from '../diagnostics/errors.ts';
import { quoted, quotedPath } from '../diagnostics/printable.ts';

/** What dib's own elements and diskimage-builder's are called like. */
const NAME = /^[a-z0-9][a-z0-9+.-]*$/u;

/**
 * Writes an element that does nothing yet, and that `dib elements lint` has nothing against, below a directory of elements. Gives the files.
 * Throws DIB_ELEMENT_NAME and DIB_ELEMENT_EXISTS.
 */
export function writeSkeleton(name: string, elementsDirectory: string): string[] {
  if (!NAME.test(name)) {
    fail({
      code: 'DIB_ELEMENT_NAME',
      summary: `${quoted(name)} cannot be the name of an element`,
      help: 'A name has small letters, digits, `-`, `.` and `+`, and begins with a letter or digit.',
    });
  }
  const directory = join(elementsDirectory, name);
  if (existsSync(directory)) {
    fail({
      code: 'DIB_ELEMENT_EXISTS',
      summary: `${quotedPath(directory)} is there already`,
      help: 'Take another name, or remove it.',
    });
  }
  return Object.entries(skeleton(name)).map(([path, text]) => {
    const file = join(directory, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    if (text.startsWith('#!')) chmodSync(file, 0o755);
    return file;
  });
}

function skeleton(name: string): Record<string, string> {
  const variable = `DIB_${name.toUpperCase().replaceAll(/[^A-Z0-9]+/gu, '_')}_GREETING`.replaceAll(/__+/gu, '_');
  // A hook with any other character would be passed over.
  const hook = name.replaceAll(/[^0-9a-z-]/gu, '-');
  return {
    'README.md': `# ${name}\n\nWhat it does to the image, and why one would want it.\n\n| variable | default | meaning |\n|---|---|---|\n| \`${variable}\` | \`hello\` | what the image says |\n`,
    'element.yaml': `summary: What ${name} does to the image, in one line\nvariables:\n  ${variable}:\n    type: string\n    default: hello\n    description: What the image says.\n`,
    'element-deps': 'package-installs\n',
    'package-installs.yaml':
      '# Packages by their names in Debian; pkg-map says what they are called elsewhere.\n# curl:\n# gcc:\n#   build-only: true\n',
    [`environment.d/50-${name}.bash`]: `export ${variable}=\${${variable}:-hello}\n`,
    [`install.d/50-${hook}`]: `#!/bin/bash\nset -eu -o pipefail\nif [ "\${DIB_DEBUG_TRACE:-0}" -gt 0 ]; then set -x; fi\n\n# Runs inside the image, after the packages of the element are installed.\nmkdir -p /etc\nprintf '%s\\n' "$${variable}" >"/etc/${name}"\n`,
  };
}
