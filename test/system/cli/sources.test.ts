import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Project } from './project.ts';

/** Answers every request that has a password with the same text; prints its port. */
const SERVER = `
const server = require('node:http').createServer((request, response) => {
  if (request.headers.authorization === undefined) response.writeHead(401).end();
  else response.end('from the server\\n');
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
`;

let project: Project;
let repository: string;
const server = spawn(process.execPath, ['--eval', SERVER], { stdio: ['ignore', 'pipe', 'inherit'] });

function commit(text: string): string {
  const git = (...argv: string[]) =>
    execFileSync('git', ['-C', repository, '-c', 'user.name=Test', '-c', 'user.email=test@example.org', ...argv], {
      encoding: 'utf8',
    }).trim();
  writeFileSync(join(repository, 'version'), `${text}\n`);
  git('add', '.');
  git('commit', '--quiet', '--message', text);
  return git('rev-parse', 'HEAD');
}

/** A file of the built archive. */
function fromTar(path: string): string {
  return execFileSync('tar', ['-xOf', project.path('small.tar'), path], { encoding: 'utf8' });
}

/** All that dib wrote beside image.yaml: state, logs, plans. */
function written(): string {
  const files = readdirSync(project.path('.dib'), { recursive: true, withFileTypes: true });
  return files
    .filter((file) => file.isFile() && !file.name.endsWith('.raw'))
    .map((file) => readFileSync(join(file.parentPath, file.name), 'latin1'))
    .join('\n');
}

/** A system that is bash, some programs with their libraries, and an apt-get that has nothing to do: made in a moment. */
const TOY = `
mkdir -p "$TARGET_ROOT"/{dev,etc,proc,root,run,sys,tmp,var/log,usr/{bin,sbin,lib,lib64,share}}
for name in bin sbin lib lib64; do ln -s "usr/$name" "$TARGET_ROOT/$name"; done
for name in bash basename cat chmod cut dirname env find grep head id ln ls mkdir mktemp mv printf readlink rm sed sort stat tail test touch tr true uname; do
    program=$(readlink -f "$(type -P "$name")")
    cp "$program" "$TARGET_ROOT/usr/bin/$name"
    for library in $(ldd "$program" | grep -o '/[^ ]*'); do
        [ -e "$TARGET_ROOT$library" ] || { mkdir -p "$TARGET_ROOT$(dirname "$library")"; cp -L "$library" "$TARGET_ROOT$library"; }
    done
done
ln -s bash "$TARGET_ROOT/usr/bin/sh"
for name in apt-get apt-cache apt-mark dpkg dpkg-query dpkg-divert; do
    printf '#!/bin/bash\\nexit 0\\n' >"$TARGET_ROOT/usr/bin/$name"
    chmod 0755 "$TARGET_ROOT/usr/bin/$name"
done
echo root:x:0:0:root:/root:/bin/bash >"$TARGET_ROOT/etc/passwd"
`;

beforeAll(async () => {
  const [port] = (await once(server.stdout, 'data')) as [Buffer];
  const location = `http://me:hunter2@127.0.0.1:${port.toString().trim()}/logo`;
  project = new Project({
    apiVersion: 'dib/v1',
    name: 'small',
    skip_base: true,
    elements: ['./elements/toy', './elements/tiny'],
    environment: { DISTRO_NAME: 'debian', DIB_RELEASE: 'bookworm', DIB_REPOLOCATION_logo: location },
    outputs: [{ format: 'tar', path: 'small.tar' }],
  });
  repository = project.path('repository');
  mkdirSync(repository);
  execFileSync('git', ['-C', repository, 'init', '--quiet', '--initial-branch=main']);
  commit('one');
  project.hook('toy', 'root.d/10-toy', TOY);
  writeFileSync(project.path('elements/toy/element-provides'), 'operating-system\n');
  project.hook(
    'tiny',
    'extra-data.d/99-look',
    'cp "$TARGET_ROOT/opt/tools/version" "$TARGET_ROOT/etc/tools-version"',
    'cache-url file:///etc/hostname "$TMP_BUILD_DIR/cached" | grep -q "is now at"',
  );
  project.hook(
    'tiny',
    'install.d/50-look',
    'grep -qx "from the server" /usr/share/logo',
    '[ "$(stat -c %u:%g /opt/tools/version /usr/share/logo | sort -u)" = 0:0 ]',
    '[ "$(svc-map web other)" = "$(printf "%s\\n" apache2 other)" ]',
    'cache-url -h | grep -q "^usage: cache-url"',
  );
  const tiny = (name: string, text: string) => writeFileSync(project.path('elements/tiny', name), text);
  tiny('element-deps', 'cache-url\nsource-repositories\nsvc-map\n');
  tiny('svc-map', 'web:\n  default: httpd\n  debian: apache2\n');
  tiny(
    'source-repository-tools',
    [
      `# ${project.directory}`,
      'tools git ${TOOLS:-/opt}/tools file://$REPOSITORY main',
      'logo file /usr/share/logo http://none/',
    ].join('\n'),
  );
});

afterAll(() => {
  server.kill();
  project.remove();
});

test('a line that cannot be read is told with its place, before anything runs', () => {
  const { stderr } = project.run(['plan'], { status: 1 });
  expect(stderr).toContain('The line needs REPOSITORY, which is not set');
  expect(stderr).toContain('source-repository-tools:2:1');
  expect(stderr).not.toContain('hunter2');
  mkdirSync(project.path('elements/tiny/environment.d'));
  writeFileSync(project.path('elements/tiny/environment.d/10-tiny.bash'), `export REPOSITORY=${repository}\n`);
});

test('source-repositories, svc-map, cache-url: sources are fetched, placed before extra-data.d/99, and part of the layer’s key', () => {
  expect(project.planned().filter((each) => each.startsWith('source.'))).toEqual(['source.logo: create', 'source.tools: create']);
  const { stdout } = project.apply();
  expect(stdout).toContain('Apply complete!');
  expect(fromTar('./etc/tools-version')).toBe('one\n');
  expect(fromTar('./usr/share/logo')).toBe('from the server\n');
  expect(fromTar('./etc/dib-source-repositories')).toBe('/usr/share/logo\n/opt/tools\n');
  const head = execFileSync('git', ['-C', repository, 'rev-parse', 'HEAD'], { encoding: 'utf8' }).trim();
  expect(fromTar('./etc/dib-manifests/dib-manifest-git-small')).toBe(`tools git /opt/tools ${repository} ${head}\n`);
  expect(project.run(['plan']).stdout).toContain('No changes.');
  expect(project.run(['cache', 'list']).stdout).toContain(`git ${repository} ${head.slice(0, 12)}`);
});

test('a branch that moves changes nothing, until somebody looks again', () => {
  const head = commit('two');
  expect(project.run(['plan']).stdout).toContain('No changes.');
  const upgrade = project.planned(['--upgrade']);
  expect(upgrade).toEqual(expect.arrayContaining(['source.logo: update', 'source.tools: update', 'layer.pre-install: update']));
  project.apply(['--upgrade']);
  expect(fromTar('./etc/tools-version')).toBe('two\n');
  expect(fromTar('./etc/dib-manifests/dib-manifest-git-small')).toContain(` ${head}\n`);
  server.kill();
  expect(project.run(['plan']).stdout).toContain('No changes.');
});

test('a source that changes is the reason; one that is no longer declared is forgotten', () => {
  const path = project.path('elements/tiny/source-repository-tools');
  writeFileSync(
    path,
    readFileSync(path, 'utf8')
      .replace('main', 'v1')
      .replace(/logo .*/, ''),
  );
  expect(project.planned()).toEqual(
    expect.arrayContaining(['source.logo: forget', 'source.tools: update', 'layer.pre-install: update']),
  );
  const { stderr } = project.apply([], { status: 1 });
  expect(stderr).toContain('The source tools has no v1');
  expect(stderr).toContain('source-repository-tools:2:1');
});

test('no password is in anything that was written or shown', () => {
  const shown = ['plan', 'plan --json', 'show', 'state list'].map((command) => project.run(command.split(' ')).stdout).join('\n');
  for (const text of [shown, written()]) {
    expect(text).toContain('source.tools');
    expect(text).not.toContain('hunter2');
  }
});
