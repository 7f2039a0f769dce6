import { chmodSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { lintElements } from '../../../src/elements/lint/lint.ts';
import { surroundingsOf } from '../../../src/elements/lint/read.ts';
import { LINT_RULES } from '../../../src/elements/lint/registry.ts';
import { builtinElementsDirectory } from '../../../src/elements/locations.ts';
import { collectProblems } from '../../../src/elements/problems.ts';
import { indexElements } from '../../../src/elements/search.ts';
import { writeSkeleton } from '../../../src/elements/skeleton.ts';
import { type Files, makeTree } from './fixture.ts';

async function lint(directory: string) {
  const index = indexElements([directory], builtinElementsDirectory(), collectProblems());
  return lintElements([directory], surroundingsOf(index));
}

/** Severity, code, place and summary of all that lint has against the elements of a fixture. */
async function told(files: Files, change: (elements: string) => void = () => {}) {
  const elements = join(makeTree(files), 'elements');
  change(elements);
  const { diagnostics } = await lint(elements);
  const below = realpathSync(elements);
  return diagnostics.map(({ severity, code, range, summary }) => {
    const path = range?.file.slice(below.length + 1);
    return `${severity} ${code} ${path}:${range?.start.line}:${range?.start.column} ${summary}`;
  });
}

const HEAD = '#!/bin/bash\nset -eu -o pipefail\nif [ "${DIB_DEBUG_TRACE:-0}" -gt 0 ]; then set -x; fi\n';
const GOOD: Files = {
  'elements/web/README.md': '# web\n',
  'elements/web/element.yaml': 'summary: x\n',
  'elements/web/install.d/50-web': `${HEAD}\ntrue\n`,
};

describe('dib elements lint', () => {
  it('has nothing against the elements of dib', { timeout: 120_000 }, async () => {
    const { diagnostics, shellcheck } = await lint(builtinElementsDirectory());
    expect(shellcheck).toBe(true);
    expect(diagnostics.map(({ code, range, summary }) => `${code} ${range?.file}:${range?.start.line} ${summary}`)).toEqual([]);
  });

  it('has nothing against a new element', async () => {
    const elements = join(makeTree({}), 'elements');
    expect(writeSkeleton('my-web.1', elements).map((file) => file.slice(elements.length + 1))).toEqual([
      'my-web.1/README.md',
      'my-web.1/element.yaml',
      'my-web.1/element-deps',
      'my-web.1/package-installs.yaml',
      'my-web.1/environment.d/50-my-web.1.bash',
      'my-web.1/install.d/50-my-web-1',
    ]);
    const { diagnostics, elements: names } = await lint(elements);
    expect([diagnostics, names]).toEqual([[], ['my-web.1']]);
  });

  it('has each rule once, sorted by file', () => {
    const names = LINT_RULES.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });

  const script = (text: string): Files => ({ ...GOOD, 'elements/web/install.d/50-web': text });
  it.each<[string, Files, string[]]>([
    ['nothing', GOOD, []],
    [
      'no README, no element.yaml',
      { 'elements/web/install.d/50-web': `${HEAD}true\n` },
      [
        'error DIB_LINT_README web:1:1 The element `web` has no README',
        'warning DIB_LINT_ELEMENT_YAML web:1:1 The element `web` has no `element.yaml`',
      ],
    ],
    [
      'a lax script',
      script('#!/usr/bin/env bash\ntrue\n'),
      [
        'error DIB_LINT_DIBDEBUGTRACE web/install.d/50-web:1:1 `install.d/50-web` does not heed `DIB_DEBUG_TRACE`',
        'error DIB_LINT_SETE web/install.d/50-web:1:1 `install.d/50-web` has no `set -e`',
        'error DIB_LINT_SETPIPEFAIL web/install.d/50-web:1:1 `install.d/50-web` has no `set -o pipefail`',
        'error DIB_LINT_SETU web/install.d/50-web:1:1 `install.d/50-web` has no `set -u`',
        'error DIB_LINT_SHEBANG web/install.d/50-web:1:1 `install.d/50-web` begins with `#!/usr/bin/env bash`',
      ],
    ],
    [
      'each way to set the options',
      script('#!/bin/bash\n# DIB_DEBUG_TRACE: not traced\nset -e\nset -u\nset -o pipefail\nset -x\n'),
      [],
    ],
    ['set -euo pipefail', script('#!/bin/bash\n# DIB_DEBUG_TRACE\nset -euo pipefail\n'), []],
    [
      'rules that the file turns off',
      script('#!/bin/bash\n# dib-lint: disable=sete setu\n# dib-lint: disable=setpipefail,dibdebugtrace\ntrue\n'),
      [],
    ],
    [
      'rules that tox.ini turns off',
      {
        ...script('#!/bin/bash\ntrue\n'),
        'tox.ini': '[tox]\nignore = a\n[dib-lint]\nignore = sete setu\n  setpipefail\n  dibdebugtrace\n[x]\n',
      },
      [],
    ],
    [
      'indents, but not those of texts',
      script(`${HEAD}if true; then\n  true\n\ttrue\nfi\ncat <<EOF\n  two\n\ttab\nEOF\necho 'one\n  two'\n`),
      [
        'error DIB_LINT_INDENT web/install.d/50-web:5:1 Indented by 2 blanks',
        'error DIB_LINT_TABINDENT web/install.d/50-web:6:1 Indented with a tab',
      ],
    ],
    [
      'no last line feed',
      { ...script(`${HEAD}true`), 'elements/web/source-repository-x': 'x git /x https://example.org/x' },
      [
        'error DIB_LINT_NEWLINE web/install.d/50-web:4:5 The last line of `install.d/50-web` has no end',
        'error DIB_LINT_NEWLINE web/source-repository-x:1:31 The last line of `source-repository-x` has no end',
      ],
    ],
    [
      'which, export and sudo',
      {
        ...GOOD,
        'elements/web/cleanup.d/50-web': `${HEAD}which ls\nif which ls; then true; fi\nwhich ls # dib-lint: which\n# which ls\necho "x which y"\nsudo rm /x\nsudo rm "$TARGET_ROOT/x"\nsudo rm /y # dib-lint: safe_sudo\n`,
        'elements/web/environment.d/10-web.bash': 'export WEB=$(uname)\nexport TWO=$((1 + 1))\n',
      },
      [
        'error DIB_LINT_WHICH web/cleanup.d/50-web:4:1 `which` is a program that not every system has',
        'error DIB_LINT_WHICH web/cleanup.d/50-web:5:4 `which` is a program that not every system has',
        'error DIB_LINT_SAFE_SUDO web/cleanup.d/50-web:9:1 `sudo` that may change the builder',
        'error DIB_LINT_EXPORT_SUBSTITUTION web/environment.d/10-web.bash:1:1 `export` with a command in it',
        'warning DIB_LINT_SC2155 web/environment.d/10-web.bash:1:8 Declare and assign separately to avoid masking return values',
      ],
    ],
    [
      'what shellcheck finds, in characters',
      script(`${HEAD}x=$(uname)\necho "ü" $x\n`),
      ['warning DIB_LINT_SC2086 web/install.d/50-web:5:10 Double quote to prevent globbing and word splitting'],
    ],
    [
      'tracing in environment.d',
      { ...GOOD, 'elements/web/environment.d/10-web.bash': 'set -x\nexport WEB=1\n' },
      ['error DIB_LINT_ENVIRONMENT_TRACE web/environment.d/10-web.bash:1:1 `environment.d/10-web.bash` turns on tracing'],
    ],
    [
      'Windows line ends',
      script(`${HEAD}true\r\n`),
      [
        "error DIB_LINT_SC1017 web/install.d/50-web:4:5 Literal carriage return. Run script through tr -d '\\r'",
        'error DIB_LINT_CRLF web/install.d/50-web:4:5 `install.d/50-web` has Windows line ends',
      ],
    ],
    [
      'hooks that never run',
      {
        ...GOOD,
        'elements/web/install.d/60-web.sh': HEAD,
        'elements/web/instal.d/70-web': HEAD,
        'elements/web/install.d/web': HEAD,
      },
      [
        'error DIB_ELEMENT_FOREIGN_PHASE web/instal.d:1:1 The scripts in `instal.d` of element `web` never run',
        'error DIB_ELEMENT_HOOK_NAME web/install.d/60-web.sh:1:1 The hook `install.d/60-web.sh` of element `web` never runs',
        'warning DIB_LINT_HOOK_NUMBER web/install.d/web:1:1 The name of the hook `install.d/web` does not begin with a number of two digits',
      ],
    ],
    [
      'lists of elements',
      { ...GOOD, 'elements/web/element-deps': 'vm\nbase\nbase\n# comment\nopenssh-servr\nweb\n' },
      [
        'error DIB_LINT_ELEMENT_LISTS web/element-deps:2:1 `element-deps` is not sorted: `base` stands behind `vm`',
        'error DIB_LINT_ELEMENT_LISTS web/element-deps:3:1 `base` is there twice',
        'error DIB_LINT_ELEMENT_LISTS web/element-deps:4:1 `# comment` is not the name of an element',
        'error DIB_LINT_ELEMENT_LISTS web/element-deps:5:1 There is no element `openssh-servr`, and none that provides it',
        'warning DIB_LINT_ELEMENT_LISTS web/element-deps:6:1 The element depends on itself',
      ],
    ],
    ['a dependency on what another provides', { ...GOOD, 'elements/web/element-deps': 'operating-system\n' }, []],
    [
      'pkg-map',
      {
        ...GOOD,
        'elements/web/pkg-map':
          '{\n  "default": { "web": 1 },\n  "distros": {},\n  "distro": { "debain": { "web": "" } },\n  "family": { "suse": "x" },\n  "release": { "debian": { "trixie": { "web": [] } } }\n}\n',
      },
      [
        'error DIB_LINT_PKG_MAP web/pkg-map:2:16 What `web` stands for is no text',
        'error DIB_LINT_PKG_MAP web/pkg-map:3:3 `distros` is not a section of `pkg-map`',
        'warning DIB_LINT_PKG_MAP web/pkg-map:4:15 `debain` is no distribution that dib knows',
        'error DIB_LINT_PKG_MAP web/pkg-map:5:15 `suse` is not a mapping',
        'error DIB_LINT_PKG_MAP web/pkg-map:6:40 What `web` stands for is no text',
      ],
    ],
    [
      'a pkg-map that is no JSON',
      { ...GOOD, 'elements/web/pkg-map': '{\n  "default": { "web": "x", }\n}\n' },
      ['error DIB_LINT_PKG_MAP web/pkg-map:2:28 `pkg-map` is not JSON'],
    ],
    [
      'svc-map',
      { ...GOOD, 'elements/web/svc-map': 'web: httpd\nssh:\n  defalt: ssh\n  redhat: 1\n' },
      [
        'error DIB_ELEMENT_SVC_MAP web/svc-map:1:6 The service `web` has no names',
        'warning DIB_LINT_SVC_MAP web/svc-map:3:3 `defalt` is no distribution or family that dib knows',
      ],
    ],
    [
      'sources',
      {
        ...GOOD,
        'elements/web/element-deps': 'source-repositories\n',
        'elements/web/source-repository-web':
          'web git /opt/web https://example.org/$WEB.git\nwob gti /opt/wob https://example.org/wob.git\nwib file opt https://example.org/x\n',
      },
      [
        'error DIB_ELEMENT_SOURCE web/source-repository-web:2:1 `gti` is no type of source',
        'error DIB_ELEMENT_SOURCE web/source-repository-web:3:1 The destination `opt` of source `wib` is no path in the image',
      ],
    ],
    [
      'package-installs.yaml',
      {
        ...GOOD,
        'elements/web/package-installs.yaml': 'web:\n  phas: install.d\ncurl:\n  phase: finalise.d\nnano:\n  when: DIB_X = 1\n',
      },
      [
        'error DIB_ELEMENT_PACKAGES web/package-installs.yaml:2:3 The key `phas` of package `web` has no meaning',
        'error DIB_ELEMENT_PACKAGES_PHASE web/package-installs.yaml:4:10 Package `curl` of element `web` is never installed: `finalise.d` installs no packages',
      ],
    ],
    [
      'YAML and layouts',
      { ...GOOD, 'elements/web/x/a.yaml': 'a: [\n', 'elements/web/block-device-default.yaml': '- local_lop: {name: image0}\n' },
      [
        'error DIB_BLOCKDEV_UNKNOWN_PLUGIN web/block-device-default.yaml:1:3 Unknown plugin `local_lop`',
        'error DIB_YAML_SYNTAX web/x/a.yaml:1:4 This `[` is never closed',
      ],
    ],
    [
      'element.yaml against the scripts',
      {
        ...GOOD,
        'elements/web/element.yaml': `summary: x
distros: [debain]
network: [root.d, install.d]
variables:
  DIB_WEB_A: {type: string, default: a, description: A.}
  DIB_WEB_B: {type: string, default: '\${DIB_WEB_A}/b', description: B.}
  DIB_WEB_C: {type: boolean, default: 'true', description: C.}
  DIB_WEB_D: {type: string, description: D.}
  DIB_WEB_E: {type: string, description: E.}
`,
        'elements/web/environment.d/10-web.bash':
          'export DIB_WEB_A=${DIB_WEB_A:-b}\nexport DIB_WEB_B=${DIB_WEB_B:-$DIB_WEB_A/b}\n',
        'elements/web/install.d/50-web': `${HEAD}echo "\${DIB_WEB_C:-True}" "\${DIB_WEB_D:-d}" "\${DIB_WEB_F:-}" "$DIB_ROOT_UUID" "\${DIB_SYSPREP_FIRST_BOOT:-0}"\nDIB_WEB_G=1\necho "$DIB_WEB_G"\n`,
        'elements/web/element-deps': 'sysprep\n',
      },
      [
        'error DIB_LINT_ELEMENT_YAML web/element.yaml:2:11 `debain` is no distribution or family that dib knows',
        'warning DIB_LINT_ELEMENT_YAML web/element.yaml:3:11 The element has no hooks in `root.d`',
        'error DIB_LINT_DEFAULT_VALUE web/element.yaml:5:38 The default of `DIB_WEB_A` is `a` here, and `b` in `environment.d`',
        'error DIB_LINT_DEFAULT_VALUE web/element.yaml:8:3 `DIB_WEB_D` has the default `d` in the scripts, and none in `element.yaml`',
        'error DIB_LINT_UNREAD_VARIABLE web/element.yaml:9:3 No file of the element reads `DIB_WEB_E`',
        'error DIB_LINT_UNDECLARED_VARIABLE web/install.d/50-web:4:48 `DIB_WEB_F` is read here, and `element.yaml` does not declare it',
      ],
    ],
    [
      'a variable that only the README explains',
      {
        'elements/web/README.rst': 'web\n===\nDIB_WEB_A does it.\n',
        'elements/web/install.d/50-web': `${HEAD}echo "$DIB_WEB_A" "$DIB_WEB_B"\n`,
      },
      [
        'warning DIB_LINT_ELEMENT_YAML web:1:1 The element `web` has no `element.yaml`',
        'error DIB_LINT_UNDECLARED_VARIABLE web/install.d/50-web:4:21 `DIB_WEB_B` is read here, and the README does not name it',
      ],
    ],
    [
      'Python',
      {
        ...GOOD,
        'elements/web/install.d/50-web': "#!/usr/bin/env python3\nimport os\nif True:\n  print(os.environ['DIB_WEB_A'])\n",
      },
      [
        'error DIB_LINT_UNDECLARED_VARIABLE web/install.d/50-web:4:21 `DIB_WEB_A` is read here, and `element.yaml` does not declare it',
      ],
    ],
    [
      'a broken element.yaml',
      { ...GOOD, 'elements/web/element.yaml': 'sumary: x\n' },
      ['error DIB_ELEMENT_YAML_UNKNOWN_KEY web/element.yaml:1:1 `sumary` is not a key of the element'],
    ],
  ])('%s', async (_name, files, expected) => {
    expect(await told(files)).toEqual(expected);
  });

  it('run bits and links', async () => {
    const found = await told({ ...GOOD, 'elements/web/environment.d/10-web.bash': 'export WEB=1\n' }, (elements) => {
      chmodSync(join(elements, 'web/install.d/50-web'), 0o644);
      chmodSync(join(elements, 'web/environment.d/10-web.bash'), 0o755);
      writeFileSync(join(elements, 'web/install.d/data.conf'), 'x\n');
      symlinkSync('gone', join(elements, 'web/install.d/60-gone'));
    });
    expect(found).toEqual([
      'error DIB_LINT_EXECUTABLE web/environment.d/10-web.bash:1:1 `environment.d/10-web.bash` is executable, but it is sourced',
      'error DIB_ELEMENT_HOOK_NOT_EXECUTABLE web/install.d/50-web:1:1 The hook `install.d/50-web` of element `web` never runs',
      'error DIB_LINT_EXECUTABLE web/install.d/50-web:1:1 `install.d/50-web` is a script and not executable',
      expect.stringMatching(/^error DIB_ELEMENT_DANGLING_LINK web\/install.d\/60-gone:1:1 /),
      'warning DIB_ELEMENT_HOOK_NOT_EXECUTABLE web/install.d/data.conf:1:1 The hook `install.d/data.conf` of element `web` never runs',
    ]);
  });

  it('a single element, and one that others link to', async () => {
    const elements = join(makeTree(GOOD), 'elements');
    const index = indexElements([elements], builtinElementsDirectory(), collectProblems());
    expect(await lintElements([join(elements, 'web')], surroundingsOf(index))).toMatchObject({
      elements: ['web'],
      diagnostics: [],
    });
  });
});
