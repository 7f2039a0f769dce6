import { execFileSync } from 'node:child_process';
import { chownSync, linkSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sha256 } from '../../../src/util/hash.ts';
import { type DirectoryServer, serveDirectory } from '../../support/http-directory.ts';
import { type Bench, type DriverResult, layerBench, runDriver } from '../../support/layer-runs.ts';
import { needRoot } from '../../support/privileges.ts';
import {
  buildPackages,
  forgetKey,
  indexRepository,
  makeKey,
  packageFiles,
  signPackages,
  type TestKey,
} from '../../support/rpm-repository.ts';
import { osRelease, releasePackage, repositoryFile, SYSTEMS, systemPackages, type TestSystem } from '../../support/rpm-system.ts';

const ELEMENTS = fileURLToPath(new URL('../../../elements', import.meta.url));

/** Asks for packages in all ways, and looks at the image with its own programs. */
const GREET = {
  'element-deps': 'package-installs\npkg-map\n',
  'package-installs.yaml': 'greeting:\nfarewell:\n  - phase: pre-install.d\n  - phase: install.d\n    uninstall: true\n',
  'pkg-map': '{"family": {"redhat": {"greeting": "hello-rpm"}, "suse": {"greeting": "hello-rpm"}}}',
  'post-install.d/50-greet': `#!/bin/bash
set -eu -o pipefail
{
    echo "$DISTRO_NAME $DIB_RELEASE"
    cat /etc/os-release /usr/share/hello /usr/share/posted
    rpm --query --queryformat '%{NAME}\\n' hello-rpm hello-library
    rpm --query farewell || true
} >/etc/greeting
`,
};

let bench: Bench;
let scratch: string;
let key: TestKey;
let stranger: TestKey;
let packages: string;

beforeAll(() => {
  needRoot();
  bench = layerBench();
  scratch = mkdtempSync('/var/tmp/dib-test-rpm-');
  execFileSync('chmod', ['755', scratch]);
  key = makeKey(scratch, 'dib-test');
  stranger = makeKey(scratch, 'stranger');
  packages = join(scratch, 'packages');
  buildPackages(packages, systemPackages());
  for (const system of SYSTEMS) buildPackages(join(scratch, system.releasePackage), [releasePackage(system)]);
  const all = [packages, ...SYSTEMS.map(({ releasePackage: name }) => join(scratch, name))].flatMap(packageFiles);
  signPackages(
    all.filter((file) => !basename(file).startsWith('unsigned-')),
    key,
  );
  bench.element('greet', GREET);
  for (const system of SYSTEMS) publish(system);
}, 240_000);

afterAll(() => {
  for (const each of [key, stranger]) if (each !== undefined) forgetKey(each);
  bench?.remove();
  if (scratch !== undefined) rmSync(scratch, { recursive: true, force: true });
});

function mirrorOf(system: TestSystem): string {
  return join(scratch, system.name);
}

/** A mirror as the distribution's own is laid out: everything in the first of its repositories, the others empty. */
function publish(system: TestSystem): void {
  for (const [index, path] of Object.values(system.repositories).entries()) {
    const directory = join(mirrorOf(system), path);
    mkdirSync(directory, { recursive: true });
    const files = [packages, join(scratch, system.releasePackage)].flatMap(packageFiles);
    for (const file of index === 0 ? files : []) linkSync(file, join(directory, basename(file)));
    indexRepository(directory, key);
  }
}

/** As the planner leaves it: the file, and what was in it. */
function keyring({ file }: TestKey): object {
  return { keyring: file, files: { keyring: { path: file, sha256: sha256(readFileSync(file)) } } };
}

function image(system: TestSystem, changes: object = {}, distro: object = {}): object {
  return {
    apiVersion: 'dib/v1',
    name: 'small',
    distro: {
      name: system.name,
      release: system.release,
      arch: 'amd64',
      mirror: `file://${mirrorOf(system)}`,
      ...keyring(key),
      components: Object.keys(system.repositories),
      variant: 'minbase',
      ...distro,
    },
    elements: ['greet'],
    elements_path: [],
    packages: [],
    environment: {},
    outputs: [],
    ...changes,
  };
}

async function build(what: object, user: 'root' | 'ordinary' = 'root', own: object = {}): Promise<DriverResult> {
  const searchPath = [join(bench.directory, 'elements')];
  const cache = user === 'root' ? {} : { cache: join(bench.directory, 'cache-of-user') };
  const request = { image: what, manifest: true, builtinDirectory: ELEMENTS, searchPath, skipBase: false, ...cache, ...own };
  return await runDriver(bench, bench.request(request), user);
}

function failure(result: DriverResult): string {
  return JSON.stringify(result.error, null, 2);
}

function system(name: TestSystem['name']): TestSystem {
  return SYSTEMS.find((each) => each.name === name) as TestSystem;
}

const plain = (text: string) => `100644 0:0 ${sha256(text)}`;

describe.each(SYSTEMS)('$name $release', (each) => {
  let built: DriverResult;

  test('is made from signed packages, by root and without', { timeout: 120_000 }, async () => {
    built = await build(image(each), each.name === 'rocky' || each.name === 'opensuse' ? 'ordinary' : 'root');
    expect(built.error, `${failure(built)}\n${built.log.slice(-6000)}`).toBeUndefined();
    expect(built.layers['layer.bootstrap']?.mirrorDigest).toMatch(/^[0-9a-f]{64}$/);
    expect(built.layers['layer.bootstrap']?.epoch).toBeGreaterThan(1_700_000_000);
  });

  test('has what its elements asked for, and hooks saw it', () => {
    const queried = 'hello-rpm\nhello-library\npackage farewell is not installed\n';
    const seen = `${each.name} ${each.release}\n${osRelease(each)}hello\nposted\n${queried}`;
    expect(built.manifest?.['etc/greeting']).toBe(plain(seen));
    expect(built.manifest?.[`${each.database.slice(1)}/rpmdb.sqlite`]).toBeDefined();
    expect(built.manifest?.['root/.rpmdb']).toBeUndefined();
    expect(built.manifest?.['usr/share/owned']).toBe(`100640 450:450 ${sha256('mine\n')}`);
  });

  test('looks for updates at the image’s mirror only', () => {
    const lines = Object.entries(each.repositories).map(
      ([id, path]) => `[${id}]\nbaseurl=file://${mirrorOf(each)}/${path}/\nenabled=1\nname=stock ${id}\ngpgcheck=1\n`,
    );
    const text = `${lines.join('')}[other]\nname=other\nbaseurl=https://other.invalid/\nenabled=0\n`;
    expect(built.manifest?.[repositoryFile(each).slice(1)]).toBe(plain(text));
  });

  test('keeps nothing of the build', () => {
    const names = Object.keys(built.manifest ?? {});
    expect(names.filter((name) => /^var\/cache\/(dnf|zypp)\/.|in_target|^\.dib|dib-test|^run\/./.test(name))).toEqual([]);
  });
});

describe('what is not signed as it should be', () => {
  test.each(['fedora', 'opensuse'] as const)('%s: packages of a stranger', { timeout: 60_000 }, async (name) => {
    const result = await build(image(system(name), {}, keyring(stranger)));
    expect(result.error?.[0], failure(result)).toMatchObject({ code: 'DIB_DISTRO_SIGNATURE' });
    expect(result.error?.[0]?.summary).toMatch(/signed with a key that dib does not believe$/);
    expect(result.error?.[0]?.help).toContain('`distro.keyring`');
  });

  test('keys of the mirror that are not the distribution’s', { timeout: 60_000 }, async () => {
    const rocky = system('rocky');
    writeFileSync(join(mirrorOf(rocky), 'RPM-GPG-KEY-Rocky-9'), readFileSync(stranger.file));
    const result = await build(image(rocky, {}, { keyring: undefined, files: undefined }));
    expect(result.error?.[0]?.code, failure(result)).toBe('DIB_DISTRO_KEYS');
    expect(result.error?.[0]?.detail).toContain('21CB256AE16FC54C6E652949702D426D350D275D');
  });

  test('an unsigned package of a later phase', { timeout: 60_000 }, async () => {
    const result = await build(image(system('fedora'), { packages: ['unsigned'] }));
    expect(result.error?.[0]?.code, failure(result)).toBe('DIB_PACKAGES_FAILED');
    expect(result.error?.[0]?.detail).toContain('Package unsigned-1-1.x86_64.rpm is not signed');
    expect(result.error?.[0]?.help).toContain('unsigned (`packages` of image.yaml)');
  });

  test('an unsigned index', { timeout: 60_000 }, async () => {
    const opensuse = system('opensuse');
    const index = join(mirrorOf(opensuse), opensuse.repositories['repo-oss'] as string, 'repodata/repomd.xml.asc');
    const signature = readFileSync(index);
    rmSync(index);
    // Another mirror, so that the base is not taken from the cache.
    const result = await build(image(opensuse, {}, { mirror: `file://${mirrorOf(opensuse)}/.` }));
    writeFileSync(index, signature);
    expect(result.error?.[0]?.code, failure(result)).toBe('DIB_DISTRO_UNSIGNED');
  });
});

describe('packages', () => {
  test.each(['centos', 'opensuse'] as const)(
    '%s: one that does not exist, with who asked for it',
    { timeout: 60_000 },
    async (name) => {
      bench.element('wisher', {
        'package-installs.yaml': 'no-such-package:\nhello-library:\n',
        'element-deps': 'package-installs\n',
      });
      const user = name === 'opensuse' ? 'ordinary' : 'root';
      const result = await build(image(system(name), { elements: ['wisher'] }), user);
      expect(result.error?.[0]?.code, failure(result)).toBe('DIB_PACKAGES_FAILED');
      expect(result.error?.[0]?.help).toMatch(/^Asked for by: no-such-package \(package-installs\.yaml of element wisher\)\./);
    },
  );

  test('the image’s own package manager is asked as soon as it is there', { timeout: 60_000 }, async () => {
    bench.element('inner', {
      'element-deps': 'package-installs\n',
      'package-installs.yaml':
        'inner-manager:\n  phase: pre-install.d\nhello-library:\nfarewell:\n  phase: post-install.d\n  uninstall: true\n',
      'install.d/60-more': '#!/bin/bash\nset -eu\ninstall-packages -u one\ninstall-packages -d /srv two three\n',
      'install.d/61-version-5': `#!/bin/bash
set -eu
ln -sf dnf5 /usr/bin/dnf
install-packages four
test ! -L /var/cache/libdnf5/fedora-0123/packages
install-packages -e four
ln -sf dnf-3 /usr/bin/dnf
`,
    });
    const result = await build(image(system('fedora'), { elements: ['inner'], environment: { DIB_REDHAT_KERNEL: 'none' } }));
    expect(result.error, `${failure(result)}\n${result.log.slice(-4000)}`).toBeUndefined();
    const base = 'NetworkManager ca-certificates dracut dracut-config-generic e2fsprogs';
    const more = 'hostname iproute kmod passwd procps-ng systemd systemd-udev';
    const bare = 'dnf --assumeyes --quiet --setopt=install_weak_deps=0';
    const common = `${bare} --setopt=keepcache=1 --setopt=destdir=/run/dib-packages`;
    const asked = [
      `${common} install ${base} hello-library ${more}`,
      `${common} upgrade`,
      `${common} install one`,
      `${bare} install --downloadonly --downloaddir=/srv two three`,
      `${bare} makecache`,
      `${bare} --setopt=keepcache=1 install four`,
      `${bare} --setopt=clean_requirements_on_remove=0 remove four`,
      `${common} --setopt=clean_requirements_on_remove=0 remove farewell`,
      'dnf --quiet repoquery --installed --installonly --latest-limit=-1',
    ];
    expect(result.manifest?.['usr/share/asked']).toBe(plain(asked.map((line) => `${line}\n`).join('')));
    // What it downloads is there for other builds, and no part of the image.
    const pool = join(bench.directory, 'cache-of-root/packages/fedora');
    for (const name of ['inner', 'five']) expect(readFileSync(join(pool, `${name}-1-1.noarch.rpm`), 'utf8')).toBe('downloaded\n');
    expect(Object.keys(result.manifest ?? {}).filter((path) => path.endsWith('.rpm'))).toEqual([]);
  });
});

describe.each([
  ['fedora', 'root'],
  ['opensuse', 'ordinary'],
] as const)('packages that %s has downloaded', (name, user) => {
  let server: DirectoryServer;
  let cache: string;
  beforeAll(async () => {
    server = await serveDirectory(scratch);
    cache = join(bench.directory, user === 'root' ? 'cache-of-pool' : 'cache-of-user/pool');
  });
  afterAll(() => server?.close());

  /** Builds from another address of the same mirror, so that no layer is taken from the cache; gives the packages that the server was asked for. */
  async function fetched(
    addresses: readonly string[],
    distro: object = {},
  ): Promise<{ results: DriverResult[]; packages: string[] }> {
    const before = server.requests().length;
    const results = await Promise.all(
      addresses.map((address) => {
        const mirror = `${server.url}${address}/${name}`;
        return build(image(system(name), {}, { mirror, ...distro }), user, { cache });
      }),
    );
    const asked = server.requests().slice(before);
    return { results, packages: asked.filter((path) => path.endsWith('.rpm')).map((path) => basename(path)) };
  }

  const pooled = (file: string) =>
    execFileSync('find', [join(cache, 'packages', name), '-name', file], { encoding: 'utf8' }).trim();

  test('are shared by builds at the same time, and by those after them', { timeout: 240_000 }, async () => {
    const first = await fetched(['', '/.']);
    for (const result of first.results) expect(result.error, `${failure(result)}\n${result.log.slice(-6000)}`).toBeUndefined();
    expect(first.packages).toContain('hello-rpm-1-1.x86_64.rpm');
    const second = await fetched(['/./.']);
    expect(second.results[0]?.error, failure(second.results[0] as DriverResult)).toBeUndefined();
    expect(second.results[0]?.manifest?.['usr/share/hello']).toBe(plain('hello\n'));
    expect(second.packages).toEqual([]);
    expect(Object.keys(second.results[0]?.manifest ?? {}).filter((path) => path.endsWith('.rpm'))).toEqual([]);
  });

  test('are checked as if they had just come', { timeout: 240_000 }, async () => {
    const file = pooled('hello-rpm-1-1.x86_64.rpm');
    const good = readFileSync(file);
    const { uid, gid } = statSync(file);
    utimesSync(pooled('bash-1-1.x86_64.rpm'), 1000, 1000);
    rmSync(file);
    writeFileSync(file, Buffer.concat([good.subarray(0, good.length - 100), Buffer.alloc(100)]));
    chownSync(file, uid, gid);
    const mended = await fetched(['/././.']);
    expect(mended.results[0]?.error, failure(mended.results[0] as DriverResult)).toBeUndefined();
    expect(mended.results[0]?.manifest?.['usr/share/hello']).toBe(plain('hello\n'));
    expect(mended.packages).toEqual(['hello-rpm-1-1.x86_64.rpm']);
    expect(readFileSync(pooled('hello-rpm-1-1.x86_64.rpm')).equals(good)).toBe(true);
    // What an image has counts as used: the limit of the cache takes other packages first.
    expect(statSync(pooled('bash-1-1.x86_64.rpm')).mtimeMs).toBeGreaterThan(1_600_000_000_000);

    const distrusted = await fetched(['/./././.'], keyring(stranger));
    expect(distrusted.results[0]?.error?.[0]?.code).toBe('DIB_DISTRO_SIGNATURE');
    expect(distrusted.packages).toEqual([]);
  });
});
