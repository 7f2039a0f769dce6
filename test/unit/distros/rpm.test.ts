import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DistroConfig, ImageConfig } from '../../../src/config/image.ts';
import { DibError } from '../../../src/diagnostics/errors.ts';
import { findDistro, withDistroDefaults } from '../../../src/distros/registry.ts';
import { explainRpm } from '../../../src/distros/rpm-failures.ts';
import { metadataResult } from '../../../src/distros/rpm-metadata.ts';
import { furtherRepositories, redirectDirectory, redirectRepositories } from '../../../src/distros/rpm-repositories.ts';
import type { ElementSet } from '../../../src/elements/element.ts';
import { nativeDistro } from '../../../src/kinds/layer-graph.ts';
import { sha256 } from '../../../src/util/hash.ts';

const KNOWN = [{ id: 'baseos', url: 'https://mirror.test/9/BaseOS/x86_64/os/' }];
const STOCK =
  '# about this file\n\n[baseos]\nname=Base\nmirrorlist=https://stock.test/list\nenabled=1\ngpgcheck=1\n[extra]\nname=Extra\nbaseurl=https://stock.test/extra\nenabled=1\n';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'dib-rpm-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

function config(name: string, release: string, changes: Partial<DistroConfig> = {}): DistroConfig {
  return withDistroDefaults({ name, release, arch: 'amd64', ...changes });
}

const PLACE = { target: '/tree', scratch: '/scratch', mounted: (argv: readonly string[]) => ['mounted', ...argv] };

function commands(name: string, release: string): string[] {
  return findDistro({ name, release })
    .bootstrapCommands(config(name, release), PLACE)
    .map(({ argv }) => argv.join(' '));
}

describe('files of repositories', () => {
  test('name the mirror, and nothing that a mirror does not have', () => {
    expect(redirectRepositories(STOCK, KNOWN)).toBe(
      '# about this file\n\n[baseos]\nbaseurl=https://mirror.test/9/BaseOS/x86_64/os/\nenabled=1\nname=Base\ngpgcheck=1\n[extra]\nname=Extra\nbaseurl=https://stock.test/extra\nenabled=0\n',
    );
  });

  test('what no file has comes into one of its own', () => {
    const place = join(directory, 'redirected');
    mkdirSync(place);
    writeFileSync(join(place, 'stock.repo'), '[other]\nenabled=1\n');
    redirectDirectory(place, KNOWN, 'file:///keys');
    expect(readFileSync(join(place, 'stock.repo'), 'utf8')).toBe('[other]\nenabled=0\n');
    expect(readFileSync(join(place, 'mirror.repo'), 'utf8')).toBe(
      '[baseos]\nname=baseos\nbaseurl=https://mirror.test/9/BaseOS/x86_64/os/\nenabled=1\ngpgcheck=1\ngpgkey=file:///keys\n',
    );
  });

  test('read from outside, those of elements come with keys by their places there, and no link is followed', () => {
    const place = join(directory, 'etc/yum.repos.d');
    mkdirSync(place, { recursive: true });
    writeFileSync(join(place, 'a.repo'), `${STOCK}[epel]\nbaseurl=https://e.test\ngpgkey=file:///etc/pki/rpm-gpg/EPEL\n`);
    writeFileSync(join(directory, 'elsewhere.repo'), '[elsewhere]\n');
    symlinkSync(join(directory, 'elsewhere.repo'), join(place, 'b.repo'));
    expect(furtherRepositories(directory, 'etc/yum.repos.d', KNOWN)).toBe(
      `[extra]\nname=Extra\nbaseurl=https://stock.test/extra\nenabled=1\n[epel]\nbaseurl=https://e.test\ngpgkey=file://${directory}/etc/pki/rpm-gpg/EPEL\n`,
    );
  });
});

describe('commands', () => {
  test('dnf: the file system first, the rest with the sandbox’s mounts', () => {
    const dnf = 'dnf --installroot=/tree --config=/scratch/dnf.conf --releasever=9 --forcearch=x86_64';
    expect(commands('centos', '9-stream').slice(0, 2)).toEqual([
      `${dnf} --refresh install basesystem filesystem setup centos-stream-release`,
      `mounted ${dnf} install bash coreutils dnf findutils glibc-minimal-langpack sed util-linux`,
    ]);
  });

  test('zypper: keys before anything else', () => {
    const [keys, refresh, first] = commands('opensuse', '15.6');
    expect(keys).toBe('rpmkeys --root /tree --import /scratch/keys.asc');
    expect(refresh).toMatch(/^zypper --non-interactive --root=\/tree .* refresh$/);
    expect(first).toMatch(/ --no-refresh install --no-recommends --auto-agree-with-licenses filesystem$/);
  });

  test('never turn off what checks signatures', () => {
    for (const [name, release] of [
      ['fedora', '44'],
      ['rocky', '10'],
      ['opensuse', 'tumbleweed'],
    ] as const) {
      expect(commands(name, release).join('\n')).not.toMatch(/no-?gpg|gpgcheck=0|gpg-auto-import/);
    }
  });

  test('rpm has its database where the image’s rpm looks for it, and nothing of the builder’s settings', () => {
    const environment = (name: string, release: string) =>
      findDistro({ name, release }).bootstrapCommands(config(name, release), PLACE)[0]?.env;
    expect(environment('rocky', '9')).toMatchObject({
      DIB_RPM_DBPATH: '/var/lib/rpm',
      HOME: expect.stringMatching(/libexec\/rpm$/),
    });
    expect(environment('rocky', '10')).toMatchObject({ DIB_RPM_DBPATH: '/usr/lib/sysimage/rpm' });
  });
});

test('DIB_DISTRIBUTION_MIRROR is the mirror of an image that names none', () => {
  const set = { environment: { DIB_DISTRIBUTION_MIRROR: 'https://variable.test' } } as unknown as ElementSet;
  const mirror = (distro: DistroConfig) => nativeDistro(set, { distro } as ImageConfig)?.mirror;
  expect(mirror(config('rocky', '9'))).toBe('https://variable.test');
  expect(mirror(config('rocky', '9', { mirror: 'https://image.test' }))).toBe('https://image.test');
  expect(mirror(config('oci', '9', { source: { type: 'oci', ref: 'oci:x' } }))).toBeUndefined();
});

test('the digest of the mirror is that of the indexes, and its date the newest in them', () => {
  const cache = join(directory, 'cache');
  const texts = ['<timestamp>1700000001</timestamp>', '<timestamp>1700000003</timestamp><timestamp>1700000002</timestamp>'];
  for (const [index, text] of texts.entries()) {
    mkdirSync(join(cache, `r${index}/repodata`), { recursive: true });
    writeFileSync(join(cache, `r${index}/repodata/repomd.xml`), text);
  }
  const mirrorDigest = sha256(
    texts
      .map((text) => sha256(text))
      .sort()
      .join('\n'),
  );
  expect(metadataResult(cache)).toEqual({ mirrorDigest, epoch: 1_700_000_003 });
});

describe('failures', () => {
  const explained = (detail: string) => {
    const error = new DibError({ code: 'DIB_EXEC_FAILED', severity: 'error', summary: '`dnf` failed', detail });
    const told = explainRpm(error, config('rocky', '9', { mirror: 'https://mirror.test' }));
    return told instanceof DibError ? told.diagnostics[0] : undefined;
  };

  test.each([
    [
      '  No match for argument: bash\n  No match for argument: dnf',
      'DIB_DISTRO_INCOMPLETE',
      'The mirror has no package `bash` or `dnf`',
    ],
    ["No provider of 'zypper' found.", 'DIB_DISTRO_INCOMPLETE', 'The mirror has no package `zypper`'],
    ['Package bash-5-1.x86_64.rpm is not signed', 'DIB_DISTRO_UNSIGNED', '`bash-5-1.x86_64.rpm` of the mirror is not signed'],
    [
      "Error: Failed to download metadata for repo 'baseos': x",
      'DIB_DISTRO_MIRROR',
      'The mirror’s repository `baseos` cannot be read',
    ],
    ['something else', 'DIB_EXEC_FAILED', '`dnf` failed'],
  ])('%j', (detail, code, summary) => {
    expect(explained(detail)).toMatchObject({ code, summary });
  });
});
