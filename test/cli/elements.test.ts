import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { runHere } from '../support/command-line.ts';

const before = process.cwd();
let directory: string;

/** Two elements of our own: `web`, which has everything, and `site`, which needs it. */
const FILES: Readonly<Record<string, string>> = {
  'elements/web/README.md': '# web\n',
  'elements/web/element.yaml': `summary: A web server
description: |
  Serves pages.
distros: [debian, redhat]
network: [install.d]
variables:
  DIB_WEB_FLAVOUR:
    type: string
    default: small
    enum: [small, large]
    description: Which one.
  DIB_WEB_KEY:
    type: string
    secret: true
    required: true
    description: The key of the pages.
  DIB_WEB_OLD:
    type: integer
    deprecated: Use DIB_WEB_FLAVOUR.
    description: Size of old.
`,
  'elements/web/element-deps': 'package-installs\npkg-map\n',
  'elements/web/element-provides': 'http-server\n',
  'elements/web/package-installs.yaml':
    'httpd:\ngcc:\n  build-only: true\n  phase: pre-install.d\nnano:\n  arch: amd64\n  when: [A = 1, B != 2]\n',
  'elements/web/pkg-map': '{ "family": { "debian": { "httpd": "apache2" }, "suse": { "httpd": "" } } }\n',
  'elements/web/environment.d/10-web.bash': 'export DIB_WEB_FLAVOUR=${DIB_WEB_FLAVOUR:-small}\n',
  'elements/web/install.d/100-late': script('true'),
  'elements/web/install.d/50-web': script('echo "${DIB_WEB_KEY:-}" "$DIB_WEB_FLAVOUR"'),
  'elements/web/post-install.d/20-web': script('true'),
  'elements/site/README.rst': 'site\n====\nPages of ours. They are many.\n',
  'elements/site/element-deps': 'http-server\n',
  'elements/site/install.d/60-site': script('echo "${DIB_SITE:-}"'),
};

function script(body: string): string {
  return `#!/bin/bash\nset -eu -o pipefail\nif [ "\${DIB_DEBUG_TRACE:-0}" -gt 0 ]; then set -x; fi\n\n${body}\n`;
}

beforeEach(() => {
  directory = realpathSync(mkdtempSync(path.join(tmpdir(), 'dib-elements-')));
  for (const [file, text] of Object.entries(FILES)) {
    const full = path.join(directory, file);
    mkdirSync(path.dirname(full), { recursive: true });
    writeFileSync(full, text);
    if (text.startsWith('#!')) chmodSync(full, 0o755);
  }
  process.chdir(directory);
  vi.stubEnv('ELEMENTS_PATH', '');
});
afterEach(() => {
  process.chdir(before);
  vi.unstubAllEnvs();
  rmSync(directory, { recursive: true });
});

/** Runs `dib elements`: what it prints, and the status it sets. */
const elements = (...args: readonly string[]) => dib('elements', ...args);

/** The same for any command; the directory has another name in each run. */
async function dib(...args: readonly string[]) {
  const { stdout, stderr, status } = await runHere(...args);
  return { stdout: stdout.replaceAll(directory, '/here'), stderr: stderr.replaceAll(directory, '/here'), status };
}

describe('dib elements list', () => {
  test('name, what it provides, where from, summary; of a README where there is no element.yaml', async () => {
    const { stdout, stderr, status } = await elements('list', '--elements-path', 'elements');
    const lines = stdout.split('\n').map((line) => line.replaceAll(/ {2,}/g, '  '));
    expect(lines[0]).toBe('NAME  PROVIDES  FROM  SUMMARY');
    expect(lines).toContain('web  http-server  /here/elements/web  A web server');
    expect(lines).toContain('site  /here/elements/site  Pages of ours');
    expect(lines).toContain('vm  dib  An image for a virtual machine, with a disk and a boot loader');
    expect(lines).toContain('debian-minimal  operating-system  dib  Debian, as small as a machine can do with');
    expect([stderr, status]).toEqual(['', 0]);
  });

  test('JSON; ELEMENTS_PATH and elements_path of an image', async () => {
    const named = async (...args: string[]) => {
      const report = JSON.parse((await elements('list', '--json', ...args)).stdout);
      expect(report.format_version).toBe('1.0');
      return report.elements.find(({ name }: { name: string }) => name === 'web');
    };
    const web = {
      name: 'web',
      summary: 'A web server',
      directory: '/here/elements/web',
      shipped: false,
      provides: ['http-server'],
    };
    expect(await named()).toBeUndefined();
    vi.stubEnv('ELEMENTS_PATH', `${directory}/elements`);
    expect(await named()).toEqual(web);
    vi.stubEnv('ELEMENTS_PATH', '');
    writeFileSync('image.yaml', 'apiVersion: dib/v1\nname: x\nelements_path: [elements]\nwrong: 1\n');
    expect(await named('--image', 'image.yaml')).toEqual(web);
  });

  test('a directory that is not there', async () => {
    const { stderr, status } = await elements('list', '--elements-path', 'elements:gone');
    expect(stderr).toContain('error[DIB_ELEMENT_PATH]: The element directory `/here/gone` cannot be read\n');
    expect(status).toBe(1);
  });
});

const SHOWN = `web: A web server

Serves pages.

from           /here/elements/web
distributions  debian, redhat
provides       http-server
depends on     package-installs, pkg-map
needed by      site
network        install.d; its other hooks run without

Hooks, in the order in which they run
  environment.d   10-web.bash (before every hook)
  install.d       50-web
                  100-late
  post-install.d  20-web

Packages
  httpd  install.d                                                     debian: apache2; suse: none
  gcc    pre-install.d  build-only
  nano   install.d                  arch amd64; when A = 1 and B != 2

Variables
  DIB_WEB_FLAVOUR (string: small | large, default small)
    Which one.
  DIB_WEB_KEY (string, required, secret)
    The key of the pages.
  DIB_WEB_OLD (integer, deprecated: Use DIB_WEB_FLAVOUR.)
    Size of old.
`;

describe('dib elements show', () => {
  test('everything of an element', async () => {
    expect(await elements('show', 'web', '--elements-path', 'elements')).toEqual({ stdout: SHOWN, stderr: '', status: 0 });
  });

  test('by its path, and without element.yaml', async () => {
    const { stdout, status } = await elements('show', './elements/site');
    expect(stdout).toBe(`site: Pages of ours

from           /here/elements/site
distributions  any
depends on     http-server
network        in all phases: element.yaml does not say which need it

Hooks, in the order in which they run
  install.d  60-site

Variables that its files mention (it has no element.yaml)
  DIB_SITE
`);
    expect(status).toBe(0);
  });

  test('JSON', async () => {
    const { stdout } = await elements('show', 'web', '--json', '--elements-path', 'elements');
    expect(JSON.parse(stdout).element).toMatchObject({
      name: 'web',
      dependents: ['site'],
      phases: [
        { phase: 'install.d', hooks: ['50-web', '100-late'] },
        { phase: 'post-install.d', hooks: ['20-web'] },
      ],
      environment: ['10-web.bash'],
      variables: [
        { name: 'DIB_WEB_FLAVOUR', type: 'string', default: 'small', enum: ['small', 'large'] },
        { name: 'DIB_WEB_KEY', secret: true, required: true },
        { name: 'DIB_WEB_OLD', deprecated: 'Use DIB_WEB_FLAVOUR.' },
      ],
      packages: [
        { name: 'httpd', phase: 'install.d', action: 'install', names: { debian: ['apache2'], suse: [], redhat: ['httpd'] } },
        { name: 'gcc', phase: 'pre-install.d', action: 'build-only' },
        { name: 'nano', conditions: { arch: 'amd64', when: 'A = 1 and B != 2' } },
      ],
    });
  });

  test.each([
    ['wbe', 'There is no element `wbe`\n  help: Did you mean `web`?'],
    ['http-server', 'There is no element `http-server`\n  help: It is provided by `web`.'],
    [
      'zzzzzzzz',
      'There is no element `zzzzzzzz`\n  help: Add the directory that holds it with `--elements-path`, or see `dib elements list`.',
    ],
  ])('no element %s', async (name, message) => {
    const { stderr, status } = await elements('show', name, '--elements-path', 'elements');
    expect(stderr).toContain(`error[DIB_ELEMENT_NOT_FOUND]: ${message}`);
    expect(status).toBe(1);
  });
});

describe('dib elements lint', () => {
  test('the elements here, with code frames and exit status 1', async () => {
    const { stdout, stderr, status } = await elements('lint');
    expect([stdout, status]).toEqual(['', 1]);
    expect(stderr).toBe(`warning[DIB_LINT_ELEMENT_YAML]: The element \`site\` has no \`element.yaml\`
  --> elements/site:1:1
  Values of its variables are not checked, and \`dib elements show\` cannot tell what they mean.
  help: Write one, beginning with \`summary:\`.

error[DIB_LINT_UNDECLARED_VARIABLE]: \`DIB_SITE\` is read here, and the README does not name it
  --> elements/site/install.d/60-site:5:9
 3 | if [ "\${DIB_DEBUG_TRACE:-0}" -gt 0 ]; then set -x; fi
 4 |
 5 | echo "\${DIB_SITE:-}"
   |         ^^^^^^^^
  Nobody can know that it may be set, and a misspelt name or value of it would not be told.
  help: Declare it under \`variables:\` of \`element.yaml\`.

warning[DIB_LINT_HOOK_NUMBER]: The name of the hook \`install.d/100-late\` does not begin with a number of two digits
  --> elements/web/install.d/100-late:1:1
 1 | #!/bin/bash
   | ^
 2 | set -eu -o pipefail
 3 | if [ "\${DIB_DEBUG_TRACE:-0}" -gt 0 ]; then set -x; fi
  Hooks run in the order of their numbers, and none counts as 0. Elements leave 00 to 09 and 91 to 99 to dib and to special cases.
  help: Rename it, for example to \`install.d/50-late\`.
Failed! 2 elements: 1 error, 2 warnings.
`);
  });

  test('one element, without errors', async () => {
    const { stdout, status } = await elements('lint', 'elements/web');
    expect([stdout, status]).toEqual(['Success! 1 element: 0 errors, 1 warning.\n', 0]);
  });

  test('JSON, in the shape of validate', async () => {
    const { stdout, stderr, status } = await elements('lint', '--json', 'elements');
    const report = JSON.parse(stdout);
    expect(report).toMatchObject({
      format_version: '1.0',
      valid: false,
      error_count: 1,
      warning_count: 2,
      elements: ['site', 'web'],
      shellcheck: true,
    });
    expect(report.diagnostics[1]).toMatchObject({
      code: 'DIB_LINT_UNDECLARED_VARIABLE',
      range: { filename: 'elements/site/install.d/60-site', start: { line: 5, column: 9 } },
    });
    expect([stderr, status]).toEqual(['', 1]);
  });

  test('a directory that is not there', async () => {
    const { stderr, status } = await elements('lint', 'gone');
    expect(stderr).toMatch(/^error\[[A-Z_]+\]: .*gone/);
    expect(status).not.toBe(0);
  });
});

describe('dib elements new', () => {
  test('writes an element that lint has nothing against', async () => {
    const { stdout, status } = await elements('new', 'my-web');
    expect(stdout).toContain('wrote /here/elements/my-web/install.d/50-my-web\n');
    expect(stdout).toContain('Try it with: dib elements lint elements/my-web\n');
    expect(status).toBe(0);
    expect(await elements('lint', 'elements/my-web')).toEqual({
      stdout: 'Success! 1 element: 0 errors, 0 warnings.\n',
      stderr: '',
      status: 0,
    });
  });

  test('JSON', async () => {
    const report = JSON.parse((await elements('new', 'x', '--directory', 'e', '--json')).stdout);
    expect(report).toMatchObject({ format_version: '1.0', name: 'x' });
    expect(report.files).toContain('/here/e/x/element.yaml');
  });

  test.each([
    ['web', 'error[DIB_ELEMENT_EXISTS]: `/here/elements/web` is there already\n'],
    ['../x', 'error[DIB_ELEMENT_NAME]: `../x` cannot be the name of an element\n'],
  ])('%s is refused', async (name, message) => {
    const { stderr, status } = await elements('new', name);
    expect(stderr).toContain(message);
    expect(status).toBe(1);
  });
});

describe('variables of element.yaml', () => {
  const IMAGE =
    'apiVersion: dib/v1\nname: x\ndistro: { name: debian, release: bookworm, arch: amd64 }\nelements_path: [elements]\nelements: [web]\n';

  test('validate points at the value, and at its declaration', async () => {
    writeFileSync('image.yaml', `${IMAGE}environment:\n  DIB_WEB_KEY: hunter2\n  DIB_WEB_FLAVOUR: smal\n`);
    const { stderr, status } = await dib('validate');
    expect(stderr).toContain(
      'error[DIB_ELEMENT_BAD_VALUE]: `DIB_WEB_FLAVOUR` must be one of `small` or `large`; `smal` is not\n  --> image.yaml:8:20\n',
    );
    expect(stderr).toContain('help: Did you mean `small`?\n');
    expect(stderr).toContain('elements/web/element.yaml:7:3');
    expect(status).toBe(1);
  });

  test('a required one that is missing; one that is deprecated; one that is misspelt', async () => {
    writeFileSync('image.yaml', `${IMAGE}environment:\n  DIB_WEB_KEYS: x\n  DIB_WEB_OLD: 1\n`);
    const { stderr, status } = await dib('validate');
    expect(stderr).toContain(
      'error[DIB_ELEMENT_MISSING_VARIABLE]: The element `web` needs `DIB_WEB_KEY`, which is not set\n  --> image.yaml:5:12\n',
    );
    expect(stderr).toContain('warning[DIB_ELEMENT_DEPRECATED_VARIABLE]: `DIB_WEB_OLD` is deprecated\n  --> image.yaml:8:3\n');
    expect(stderr).toContain(
      'warning[DIB_ELEMENT_UNKNOWN_VARIABLE]: No element of the image reads `DIB_WEB_KEYS`\n  --> image.yaml:7:3\n',
    );
    expect(stderr).toContain('help: Did you mean `DIB_WEB_KEY`?\n');
    expect(status).toBe(1);
  });

  test('a secret one is in no plan, only its fingerprint', async () => {
    vi.stubEnv('DIB_IMAGE_CACHE', path.join(directory, 'cache'));
    writeFileSync('image.yaml', `${IMAGE}outputs: [tar]\nenvironment:\n  DIB_WEB_KEY: hunter2\n  A: 1\n  B: 3\n`);
    const { stdout, stderr, status } = await dib('plan', '--json');
    expect([stderr, status]).toEqual(['', 0]);
    expect(stdout).not.toContain('hunter2');
    const { configuration } = JSON.parse(stdout);
    expect(configuration.environment.DIB_WEB_KEY).toMatch(/^\(sensitive [0-9a-f]{32}\)$/);
    expect((await dib('plan')).stdout).not.toContain('hunter2');
  });
});
