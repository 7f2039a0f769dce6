import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Project, smallImage } from './project.ts';

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

/** All that dib wrote beside image.yaml: state, logs, plans. */
function written(): string {
  const files = readdirSync(project.path('.dib'), { recursive: true, withFileTypes: true });
  return files
    .filter((file) => file.isFile() && !file.name.endsWith('.raw'))
    .map((file) => readFileSync(join(file.parentPath, file.name), 'latin1'))
    .join('\n');
}

beforeAll(async () => {
  const [port] = (await once(server.stdout, 'data')) as [Buffer];
  const location = `http://me:hunter2@127.0.0.1:${port.toString().trim()}/logo`;
  project = new Project(
    smallImage({
      elements: ['./elements/tiny'],
      outputs: [{ format: 'tar', path: 'small.tar' }],
      environment: { DIB_DEBIAN_KERNEL: 'none', DIB_REPOLOCATION_logo: location },
    }),
  );
  repository = project.path('repository');
  mkdirSync(repository);
  execFileSync('git', ['-C', repository, 'init', '--quiet', '--initial-branch=main']);
  commit('one');
  project.hook(
    'tiny',
    'extra-data.d/99-look',
    '[ "$(cat "$TARGET_ROOT/opt/tools/version")" = one ] || [ "$(cat "$TARGET_ROOT/opt/tools/version")" = two ]',
    'cache-url file:///etc/hostname "$TMP_BUILD_DIR/cached" | grep -q "is now at"',
  );
  project.hook(
    'tiny',
    'install.d/50-look',
    'grep -qx "from the server" /usr/share/logo',
    '[ "$(stat -c %U:%G /opt/tools/version /usr/share/logo | sort -u)" = root:root ]',
    'git -C /opt/tools log -1 --format=%s > /etc/tools-commit',
    '[ "$(svc-map web dbus other)" = "$(printf "%s\\n" apache2 dbus other)" ]',
    'cache-url -h | grep -q "^usage: cache-url"',
  );
  const tiny = (name: string, text: string) => writeFileSync(project.path('elements/tiny', name), text);
  tiny('element-deps', 'cache-url\nsource-repositories\nsvc-map\n');
  tiny('svc-map', 'web:\n  default: httpd\n  debian: apache2\n');
  tiny('package-installs.yaml', 'dbus:\n');
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

test('sources are fetched, placed before extra-data.d/99, and part of the layer’s key', () => {
  expect(project.planned().filter((each) => each.startsWith('source.'))).toEqual(['source.logo: create', 'source.tools: create']);
  const { stdout } = project.apply();
  expect(stdout).toContain('Apply complete!');
  const tar = (path: string) => execFileSync('tar', ['-xOf', project.path('small.tar'), path], { encoding: 'utf8' });
  expect(tar('./etc/tools-commit')).toBe('one\n');
  expect(tar('./usr/share/logo')).toBe('from the server\n');
  expect(tar('./etc/dib-source-repositories')).toBe('/usr/share/logo\n/opt/tools\n');
  const head = execFileSync('git', ['-C', repository, 'rev-parse', 'HEAD'], { encoding: 'utf8' }).trim();
  expect(tar('./etc/dib-manifests/dib-manifest-git-small')).toBe(`tools git /opt/tools ${repository} ${head}\n`);
  expect(project.run(['plan']).stdout).toContain('No changes.');
  expect(project.run(['cache', 'list']).stdout).toContain(`git ${repository} ${head.slice(0, 12)}`);
});

test('a branch that moves changes nothing, until somebody looks again', () => {
  const head = commit('two');
  expect(project.run(['plan']).stdout).toContain('No changes.');
  const upgrade = project.planned(['--upgrade']);
  expect(upgrade).toEqual(expect.arrayContaining(['source.logo: update', 'source.tools: update', 'layer.pre-install: update']));
  project.change({ environment: { DIB_DEBIAN_KERNEL: 'none', DIB_REPOREF_tools: head, DIB_INSTALLTYPE_logo: 'package' } });
  expect(project.planned()).toEqual(expect.arrayContaining(['source.logo: forget', 'source.tools: update']));
  expect(project.reason('layer.pre-install')).toContain('source');
});

test('no password is in anything that was written or shown', () => {
  const shown = ['plan', 'plan --json', 'show', 'state list'].map((command) => project.run(command.split(' ')).stdout).join('\n');
  for (const text of [shown, written()]) {
    expect(text).toContain('source.tools');
    expect(text).not.toContain('hunter2');
  }
});
