import { describe, expect, it } from 'vitest';
import { renderPackageMap } from '../../../src/elements/package-map.ts';
import { load, makeTree, TOY_OS } from './fixture.ts';

const ENVIRONMENT = { DISTRO_NAME: 'debian', DIB_RELEASE: 'bookworm', KERNEL: 'cloud' };

/** Loads one element `a` with this package list; gives "phase +name -name" lines and the diagnostics. */
async function packages(yaml: string, more: Record<string, string> = {}, request: Parameters<typeof load>[2] = {}) {
  const tree = makeTree({ ...TOY_OS, 'elements/a/package-installs.yaml': yaml, ...more });
  const extra = Object.keys(more).some((path) => path.startsWith('elements/b/')) ? ['b'] : [];
  const { value, diagnostics } = await load(tree, ['toy-os', 'a', ...extra], { environment: ENVIRONMENT, ...request });
  const lines = Object.entries(value?.packages ?? {})
    .filter(([, phase]) => phase.install.length + phase.uninstall.length > 0)
    .map(([name, phase]) =>
      [name, ...phase.install.map((item) => `+${item.name}`), ...phase.uninstall.map((item) => `-${item.name}`)].join(' '),
    );
  return { lines, diagnostics, value };
}

describe('package-installs', () => {
  it('knows the phases and where a package comes from', async () => {
    const { lines, value } = await packages(
      'zsh:\ncurl: null\nold:\n  phase: pre-install.d\nlate: { phase: post-install.d }\n',
      {},
      {
        environment: ENVIRONMENT,
        packages: ['curl', 'vim'],
      },
    );
    expect(lines).toEqual(['pre-install.d +old', 'install.d +curl +vim +zsh', 'post-install.d +late']);
    expect(value?.packages['install.d'].install[0]).toEqual({ name: 'curl', requestedBy: ['a', 'image.yaml'] });
  });

  it.each([
    ['x: { arch: amd64 }', ['install.d +x']],
    ['x: { arch: "arm64, amd64" }', ['install.d +x']],
    ['x: { arch: arm64 }', []],
    ['x: { not-arch: "arm64, amd64" }', []],
    ['x: { not-arch: arm64 }', ['install.d +x']],
    ['x: { installtype: source }', ['install.d +x']],
    ['x: { installtype: package }', []],
    ['x: { when: KERNEL = cloud }', ['install.d +x']],
    ['x: { when: KERNEL=cloud }', ['install.d +x']],
    ['x: { when: KERNEL != cloud }', []],
    ['x: { when: ARCH = amd64 }', ['install.d +x']],
    ['x: { when: [KERNEL = cloud, DIB_RELEASE = trixie] }', []],
    ['x: { when: [KERNEL = cloud, DIB_RELEASE = bookworm] }', ['install.d +x']],
    ['x: { uninstall: true }', ['install.d -x']],
    ['x: { uninstall: false }', ['install.d +x']],
    ['x: { build-only: True }', ['install.d +x -x']],
    ['x: { dib_python_version: 3 }', ['install.d +x']],
    ['x: { dib_python_version: 2 }', []],
    ['x: [{ arch: arm64 }, { phase: pre-install.d }]', ['pre-install.d +x']],
    ['', []],
  ])('%s', async (yaml, expected) => {
    const { lines, diagnostics } = await packages(yaml);
    expect(diagnostics).toEqual([]);
    expect(lines).toEqual(expected);
  });

  it('reads JSON, the deprecated list form, and both together', async () => {
    const { lines } = await packages('one:\n', {
      'elements/a/package-installs.json': '{\n\t"two": {"arch": "amd64"},\n\t"three": null\n}\n',
      'elements/a/post-install.d/package-installs-a': 'four # comment\n-five\n',
    });
    expect(lines).toEqual(['install.d +one +three +two', 'post-install.d +four -five']);
  });

  it('keeps what one element wants although another removes it', async () => {
    const other = (yaml: string) => ({ 'elements/b/package-installs.yaml': yaml });
    expect((await packages('x:\n', other('x: { uninstall: true }\n'))).lines).toEqual(['install.d +x']);
    expect((await packages('x: { build-only: true }\n', other('x:\n'))).lines).toEqual(['install.d +x']);
    expect((await packages('x: { build-only: true }\n', other('x: { uninstall: true }\n'))).lines).toEqual(['install.d +x -x']);
    // A wish that does not apply to this image keeps nothing.
    expect((await packages('x: { arch: arm64 }\n', other('x: { uninstall: true }\n'))).lines).toEqual(['install.d -x']);
  });

  it.each([
    ['- x\n', 'A list of packages is a mapping of package names to their conditions', 1, 1],
    ['x: yes\n', 'The conditions of package `x` are a mapping, or nothing at all', 1, 4],
    ['x:\n  arch: a\n  not-arch: b\n', 'Package `x` has both `arch` and `not-arch`: only one can say where it is wanted', 3, 3],
    ['x:\n  when: KERNEL ~ 3\n', '`when` of package `x` is not of the form `VARIABLE = value` or `VARIABLE != value`', 2, 9],
    ['x:\n  when: KERNAL = 3\n', '`when` of package `x` tests `KERNAL`, which is not set', 2, 9],
    ['x:\n  when: DYNAMIC = 3\n', '`when` of package `x` tests `DYNAMIC`, which is computed by a script', 2, 9],
    ['x: {}\nx: {}\n', 'The file is not valid: Map keys must be unique', 2, 1],
  ])('%j is an error', async (yaml, summary, line, column) => {
    const { diagnostics } = await packages(yaml, { 'elements/a/environment.d/10-x': 'export DYNAMIC=$(date)\n' });
    expect(diagnostics).toMatchObject([{ severity: 'error', summary, range: { start: { line, column } } }]);
  });

  it('warns about keys and phases without effect', async () => {
    const { diagnostics, lines } = await packages('x:\n  uninstal: true\ny:\n  phase: finalise.d\n');
    expect(lines).toEqual(['install.d +x']);
    expect(diagnostics).toMatchObject([
      {
        severity: 'warning',
        summary: 'The key `uninstal` of package `x` has no meaning',
        help: 'Did you mean `uninstall`?',
        range: { start: { line: 2, column: 3 } },
      },
      { code: 'DIB_ELEMENT_PACKAGES_PHASE', severity: 'warning', range: { start: { line: 4, column: 10 } } },
    ]);
  });
});

describe('pkg-map', () => {
  const MAP = JSON.stringify({
    default: { ssh: 'ssh-default', db: 'db1 db2', none: '' },
    family: { debian: { ssh: 'ssh-family' }, redhat: { ssh: 'ssh-redhat' } },
    distro: { debian: { ssh: 'ssh-debian' } },
    release: { debian: { bookworm: { ssh: 'ssh-bookworm' } }, centos: { '9': { ssh: 'ssh-nine' } } },
  });

  it('flattens from general to special', async () => {
    const { lines, value } = await packages('ssh:\ndb:\nnone:\nother:\n', { 'elements/a/pkg-map': MAP });
    expect(lines).toEqual(['install.d +db1 +db2 +other +ssh-bookworm']);
    expect(value?.packageMaps).toEqual({ a: { db: 'db1 db2', none: '', ssh: 'ssh-bookworm' } });
    expect(renderPackageMap(value?.packageMaps['a'] ?? {})).toBe('db\tdb1 db2\nnone\t\nssh\tssh-bookworm\n');
  });

  it.each([
    ['debian', 'trixie', 'ssh-debian'],
    ['ubuntu', 'noble', 'ssh-family'],
    ['rocky', '9', 'ssh-redhat'],
    ['centos', '9-stream', 'ssh-nine'],
    ['gentoo', '', 'ssh-default'],
  ])('%s %s', async (distro, release, expected) => {
    const { lines } = await packages(
      'ssh:\n',
      { 'elements/a/pkg-map': MAP },
      { environment: { DISTRO_NAME: distro, DIB_RELEASE: release } },
    );
    expect(lines).toEqual([`install.d +${expected}`]);
  });

  it('reports malformed maps', async () => {
    expect((await packages('x:\n', { 'elements/a/pkg-map': '{ "a": \n' })).diagnostics).toMatchObject([
      { code: 'DIB_ELEMENT_PKG_MAP' },
    ]);
    expect((await packages('x:\n', { 'elements/a/pkg-map': '[]' })).diagnostics).toMatchObject([{ code: 'DIB_ELEMENT_PKG_MAP' }]);
  });
});
