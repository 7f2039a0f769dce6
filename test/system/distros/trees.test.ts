import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createWriteStream, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { pack as tarStream } from 'tar-stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { serveDirectory } from '../../support/http-directory.ts';
import { type Blob, writeLayout } from '../../support/oci-layout.ts';
import { needRoot } from '../../support/privileges.ts';
import { Project } from '../cli/project.ts';

const sum = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

let scratch: string;
let project: Project;
let server: Awaited<ReturnType<typeof serveDirectory>>;

beforeAll(async () => {
  needRoot();
  scratch = mkdtempSync('/var/tmp/dib-test-trees-');
  project = new Project({ apiVersion: 'dib/v1', name: 'trees', skip_base: true, outputs: ['tar'] });
  makeLower();
  makeUpper();
  makeLayout();
  server = await serveDirectory(project.directory);
});

afterAll(() => {
  server?.close();
  project?.remove();
  rmSync(scratch, { recursive: true, force: true });
});

/** Writes files of a tree; a text that begins with `-> ` is a link. */
function plant(tree: string, files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    const full = join(scratch, tree, path);
    mkdirSync(dirname(full), { recursive: true });
    if (text.startsWith('-> ')) execFileSync('ln', ['-s', text.slice(3), full]);
    else writeFileSync(full, text);
  }
}

function makeLower(): void {
  plant('lower', {
    'etc/os-release': 'ID=debian\nVERSION_CODENAME=bookworm\nVERSION_ID="12"\n',
    'etc/replaced/by-a-file': 'x',
    'usr/bin/tool': 'tool',
    'usr/share/doc': 'doc',
    bin: '-> usr/bin',
    'var/gone': 'x',
    'opt/opaque/old': 'x',
    'dev/keep': '',
  });
  const at = (path: string) => join(scratch, 'lower', path);
  execFileSync('mknod', [at('dev/null'), 'c', '1', '3']);
  execFileSync('chown', ['33:44', at('usr/bin/tool')]);
  execFileSync('chmod', ['4750', at('usr/bin/tool')]);
  execFileSync('setcap', ['cap_net_raw=ep', at('usr/share/doc')]);
  execFileSync('setfattr', ['-n', 'user.origin', '-v', 'lower', at('etc/os-release')]);
  execFileSync('ln', [at('usr/share/doc'), at('usr/share/hard')]);
}

function makeUpper(): void {
  plant('upper', {
    'var/.wh.gone': '',
    'opt/opaque/.wh..wh..opq': '',
    'opt/opaque/new': 'new',
    'etc/replaced': 'file',
    'etc/added': 'a',
  });
}

/** tar(1) of a tree as others pack it. */
function pack(tree: string, file: string, compress?: readonly string[]): Buffer {
  const options = ['--numeric-owner', '--xattrs', '--xattrs-include=*', '--format=posix', '--sort=name', '--mtime=@1600000000'];
  execFileSync('tar', ['-C', join(scratch, tree), ...options, '-cf', join(scratch, file), '.']);
  const bytes = readFileSync(join(scratch, file));
  if (compress === undefined) return bytes;
  const [program = '', ...rest] = compress;
  return execFileSync(program, rest, { input: bytes, maxBuffer: 1 << 28 });
}

/** An image of two layers, behind an index with a platform that nobody has here. */
function makeLayout(
  layout = 'layout',
  upper = pack('upper', 'upper.tar', ['zstd', '-c']),
  created = '2024-05-06T07:08:09Z',
): { readonly manifest: Blob; readonly layers: readonly Blob[] } {
  const lower = pack('lower', 'lower.tar', ['gzip', '-c']);
  const raw = (name: string) => readFileSync(join(scratch, name));
  return writeLayout(project.path(layout), 'stable', created, [
    { packed: lower, raw: raw('lower.tar') },
    { packed: upper, raw: raw('upper.tar') },
  ]);
}

/** An archive such as no tar(1) writes. */
async function packMembers(
  file: string,
  members: readonly Parameters<ReturnType<typeof tarStream>['entry']>[0][],
): Promise<void> {
  const archive = tarStream();
  for (const member of members) archive.entry(member, '');
  archive.finalize();
  await pipeline(archive, createWriteStream(file));
}

/** Applies an image with this `distro` and gives its files: `mode owner path`, sorted. */
function built(distro: Record<string, unknown>): string[] {
  project.change({ distro });
  project.apply();
  const listing = execFileSync('tar', ['-tvf', project.path('trees.tar'), '--numeric-owner', '--xattrs'], { encoding: 'utf8' });
  return listing
    .split('\n')
    .flatMap((line) => {
      const match = /^(\S{10}).? +(\S+) +\S+ \S+ \S+ \.\/(.*?)\/?$/.exec(line);
      return match === null || match[3] === '' ? [] : [`${match[1]} ${match[2]} ${match[3]}`];
    })
    .sort((left, right) => (left.slice(left.indexOf(' ')) < right.slice(right.indexOf(' ')) ? -1 : 1));
}

function attribute(path: string, name: string): string {
  const tree = mkdtempSync(join(scratch, 'out-'));
  execFileSync('tar', ['-xf', project.path('trees.tar'), '-C', tree, '--xattrs', '--xattrs-include=*']);
  return execFileSync('getfattr', ['--only-values', '-n', name, join(tree, path)], { encoding: 'latin1' });
}

function refused(distro: Record<string, unknown>, command: 'apply' | 'plan' = 'apply'): string {
  project.change({ distro });
  return project.run(command === 'apply' ? ['apply', '--auto-approve'] : ['plan'], { status: 1 }).stderr;
}

describe('a root file system as a tar archive', () => {
  test.each([
    ['xz', ['xz', '-c']],
    ['gz', ['gzip', '-c']],
    ['zst', ['zstd', '-c']],
  ])('compressed with %s keeps owners, modes, capabilities and links, and leaves out device nodes', (ending, compress) => {
    writeFileSync(project.path(`rootfs.tar.${ending}`), pack('lower', 'plain.tar', compress));
    const files = built({ name: 'tarball', path: `rootfs.tar.${ending}`, like: 'debian', release: 'bookworm' });
    expect(files).toContain('-rwsr-x--- 33/44 usr/bin/tool');
    expect(files.join('\n')).toContain('0/0 bin -> usr/bin');
    expect(files.join('\n')).toMatch(/usr\/share\/hard link to \.\/usr\/share\/doc|usr\/share\/doc link to \.\/usr\/share\/hard/);
    expect(files.filter((line) => line.includes('dev/'))).toEqual(['-rw-r--r-- 0/0 dev/keep']);
    expect(attribute('usr/share/doc', 'security.capability')).not.toBe('');
    expect(attribute('etc/os-release', 'user.origin')).toBe('lower');
    expect(project.planned()).toEqual([]);
  });

  test('is downloaded and checked against its sum; another sum is named', () => {
    writeFileSync(project.path('remote.tar'), pack('lower', 'plain.tar'));
    const sha256 = sum(readFileSync(project.path('remote.tar')));
    const distro = { name: 'tarball', url: `${server.url}/remote.tar`, like: 'debian', release: 'bookworm' };
    expect(refused(distro, 'plan')).toContain('error[DIB_DISTRO_NO_SUM]: An archive that is downloaded needs its sha256');
    const wrong = refused({ ...distro, sha256: '0'.repeat(64) });
    expect(wrong).toContain('error[DIB_TREE_SUM]: ');
    expect(wrong).toContain(`If you trust what is there now, write sha256: ${sha256}.`);
    const absent = refused({ ...distro, url: `${server.url}/absent.tar`, sha256: '1'.repeat(64) });
    expect(absent).toContain('absent.tar cannot be downloaded: the server answers 404');
    expect(built({ ...distro, sha256 })).toContain('-rwsr-x--- 33/44 usr/bin/tool');
  });

  test('of another distribution or release than the image says is refused', () => {
    writeFileSync(project.path('plain.tar'), pack('lower', 'plain.tar'));
    const distro = { name: 'tarball', path: 'plain.tar' };
    expect(refused({ ...distro, like: 'ubuntu', release: 'noble' })).toContain(
      'The image says that its root file system is like ubuntu, and it is debian',
    );
    expect(refused({ ...distro, like: 'debian', release: 'trixie' })).toContain(
      'is release trixie of debian, and it is bookworm and 12',
    );
    project.change({ packages: ['curl'] });
    expect(refused(distro, 'plan')).toContain(
      'error[DIB_DISTRO_LIKE]: Packages are to be installed, and nothing says of which distribution',
    );
    project.change({ packages: [] });
  });

  const link = (name: string, linkname: string) => ({ name, linkname, type: 'symlink' as const });
  test.each([
    ['a path upwards', [{ name: '../../escaped' }], '.. in it'],
    [
      'a link upwards',
      [link('etc/up', '../../..'), { name: 'etc/up/escaped' }],
      'it lies below the symbolic link etc/up, which leads to ../../..',
    ],
    [
      'an absolute link',
      [link('etc/abs', '/var/tmp'), { name: 'etc/abs/escaped' }],
      'symbolic link etc/abs, which leads to /var/tmp',
    ],
    ['two links', [link('a', 'b'), link('b', '..'), { name: 'a/escaped' }], 'symbolic link b, which leads to ..'],
    ['a hard link', [{ name: 'etc/hard', linkname: '../../etc/passwd', type: 'link' as const }], '../../etc/passwd has .. in it'],
  ])('with %s is refused before anything is written', async (_title, members, why) => {
    await packMembers(project.path('evil.tar'), [{ name: 'usr/', type: 'directory' }, ...members]);
    const text = refused({ name: 'tarball', path: 'evil.tar' });
    expect(text).toContain('error[DIB_TREE_ESCAPE]: ');
    expect(text).toContain(why);
    expect(existsSync('/var/tmp/escaped')).toBe(false);
  });

  test('that is none, or has its root in a directory, is told', () => {
    writeFileSync(project.path('text.tar'), 'no archive\n'.repeat(100));
    expect(refused({ name: 'tarball', path: 'text.tar' })).toContain('error[DIB_TREE_NOT_TAR]: ');
    plant('wrapped', { 'rootfs/usr/x': '' });
    writeFileSync(project.path('wrapped.tar'), pack('wrapped', 'wrapped.tar'));
    expect(refused({ name: 'tarball', path: 'wrapped.tar' })).toContain('What was unpacked is not a root file system');
  });
});

describe('a container image', () => {
  const expected = [
    '-rw-r--r-- 0/0 etc/added',
    '-rw-r--r-- 0/0 etc/replaced',
    '-rw-r--r-- 0/0 opt/opaque/new',
    '-rwsr-x--- 33/44 usr/bin/tool',
  ];

  test('of an OCI layout has all layers applied: whiteouts, opaque directories, a file in the place of a directory', () => {
    makeLayout();
    const files = built({ name: 'oci', ref: 'oci:layout:stable' });
    for (const line of expected) expect(files).toContain(line);
    expect(files.filter((line) => /gone|opaque\/old|by-a-file|\.wh\./.test(line))).toEqual([]);
    expect(attribute('usr/share/doc', 'security.capability')).not.toBe('');
    expect(project.planned()).toEqual([]);
  });

  test('is the same as an archive of OCI or of Docker that skopeo wrote', () => {
    // Docker knows no zstd.
    makeLayout('gzipped', pack('upper', 'upper.tar', ['gzip', '-c']));
    for (const [format, file] of [
      ['oci-archive', 'image.oci.tar'],
      ['docker-archive', 'image.docker.tar'],
    ] as const) {
      const name = format === 'oci-archive' ? ':v1' : ':test/image:v1';
      execFileSync('skopeo', [
        'copy',
        '--quiet',
        '--insecure-policy',
        `oci:${project.path('gzipped')}:stable`,
        `${format}:${project.path(file)}${name}`,
      ]);
      const files = built({ name: 'oci', ref: `${format}:${file}` });
      for (const line of expected) expect(files, format).toContain(line);
      expect(
        files.filter((line) => /gone|opaque\/old|by-a-file|\.wh\./.test(line)),
        format,
      ).toEqual([]);
    }
    expect(refused({ name: 'oci', ref: 'docker-archive:image.docker.tar:other:v2' })).toContain('has no image other:v2');
  });

  test('whose blobs were changed or are missing, or that is for another platform, is refused', () => {
    const { manifest, layers } = makeLayout('broken', undefined, '2025-01-01T00:00:00Z');
    const blob = (digest: string) => project.path('broken/blobs/sha256', digest.slice('sha256:'.length));
    const ref = { name: 'oci', ref: 'oci:broken:stable' };
    expect(refused({ ...ref, arch: 'riscv64' }, 'plan')).toContain(`is not there for linux/riscv64`);
    expect(refused({ ...ref, ref: 'oci:broken:edge' }, 'plan')).toContain('Name one of them after a :: stable.');
    const [, upper] = layers;
    const bytes = readFileSync(blob(upper?.digest ?? ''));
    writeFileSync(blob(upper?.digest ?? ''), Buffer.concat([bytes, Buffer.from('x')]));
    expect(refused(ref)).toMatch(/DIB_OCI_DIGEST.*A blob of oci:broken:stable was changed/);
    rmSync(blob(upper?.digest ?? ''));
    expect(refused(ref, 'plan')).toContain(`lacks the blob ${upper?.digest}`);
    writeFileSync(blob(manifest.digest), '{}');
    expect(refused(ref, 'plan')).toContain(`Expected ${manifest.digest}`);
    expect(refused({ ...ref, ref: 'oci:absent' }, 'plan')).toContain('error[DIB_DISTRO_FILE]: ');
  });

  test('whose upper layer goes through a link of the lower one is refused', async () => {
    plant('lower', { outside: '-> /var/tmp' });
    await packMembers(join(scratch, 'upper.tar'), [{ name: 'outside/escaped' }]);
    makeLayout('evil', readFileSync(join(scratch, 'upper.tar')));
    rmSync(join(scratch, 'lower/outside'));
    expect(refused({ name: 'oci', ref: 'oci:evil:stable' })).toContain(
      'it lies below the symbolic link outside, which leads to /var/tmp',
    );
  });
});
