import { spawnSync } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ordinaryUserCache } from '../../support/caches.ts';
import { asOrdinaryUser, ordinaryUserIds } from '../../support/privileges.ts';
import { Project, smallImage } from './project.ts';

const TOP = fileURLToPath(new URL('../../..', import.meta.url));

let project: Project;
beforeAll(() => {
  project = new Project(smallImage({ elements: ['./elements/tiny'], outputs: ['tar'], block_device: undefined }));
});
afterAll(() => project.remove());

/** Runs dib on a terminal of its own; `talk`: what is awaited there and what is then typed, in turns. */
function onTerminal(args: readonly string[], talk: readonly string[], of = project, prefix: readonly string[] = []) {
  const argv = [...prefix, process.execPath, join(TOP, 'bin/dib.js'), ...args];
  const result = spawnSync('python3', [join(TOP, 'test/support/terminal.py'), ...talk, '--', ...argv], {
    cwd: of.directory,
    env: of.env({ TERM: 'xterm', NO_COLOR: '1', HOME: of.directory }),
    encoding: 'utf8',
    maxBuffer: 1 << 26,
    timeout: 240_000,
  });
  // Without what moves the cursor.
  const escapes = new RegExp(`${String.fromCharCode(27)}\\[[?0-9;]*[A-Za-z]|\r`, 'g');
  return { status: result.status, text: `${result.stdout}${result.stderr}`.replaceAll(escapes, '') };
}

const PROMPT = '(layer.install) / # ';

test('after an error: a shell in the tree as the hook left it, with job control; ending it lets the failure stand', () => {
  project.hook('tiny', 'install.d/50-tiny', 'touch /etc/half-done', 'exit 7');
  const { status, text } = onTerminal(
    ['apply', '--auto-approve', '--break', 'after-error'],
    [PROMPT, `ls /etc/half-done; sh -c 'echo "of $IMAGE_NAME"; exec sleep 1000'\n`, 'of small', '\x03', PROMPT, 'exit 0\n'],
  );
  expect(text).toContain('layer.install, after-error: a shell inside the image');
  expect(text).toContain('\n/etc/half-done\nof small\n');
  expect(text).toContain('The hook `install.d/50-tiny` of element `tiny` failed with exit status 7');
  expect(status).toBe(1);
  project.expectNothingLeft();
});

test('before and after: the build goes on when the shell ends; what it changed is in this image, and not in the cache', () => {
  project.hook('tiny', 'install.d/50-tiny', '[ ! -e /etc/mine ] || echo seen');
  project.hook('tiny', 'cleanup.d/50-tiny', 'echo cleanup');
  const { status, text } = onTerminal(
    ['apply', '--auto-approve', '--break', 'before-install.d/50-tiny,after-cleanup.d'],
    [PROMPT, 'touch /etc/mine; exit 3\n', '(layer.finalise) ', 'ls $TARGET_ROOT/etc/mine; id -u; exit\n'],
  );
  expect(status, text).toBe(0);
  expect(text).toContain('layer.finalise, after-cleanup.d: a shell on the builder; the tree is ');
  expect(text).toMatch(/\/merged\/etc\/mine\n0\n/);
  const listed = spawnSync('tar', ['--list', '--file', project.path('small.tar'), './etc/mine'], { encoding: 'utf8' });
  expect(listed.stdout).toBe('./etc/mine\n');
  expect(project.planned().filter((each) => each.startsWith('layer.install'))).toEqual([]);
  project.run(['destroy', '--auto-approve', '--outputs']);
  expect(project.planned()).toContain('layer.install: create');
  project.expectNothingLeft();
});

test('an ordinary user: a shell as root of the user namespace, with job control, and without network where the hook has none', () => {
  const user = new Project(
    smallImage({ elements: ['./elements/tiny'], outputs: ['tar'], block_device: undefined }),
    ordinaryUserCache(),
  );
  try {
    user.hook('tiny', 'install.d/50-tiny', 'true');
    writeFileSync(user.path('elements/tiny/element.yaml'), 'summary: Needs no network.\nnetwork: []\n');
    const { uid, gid } = ordinaryUserIds();
    spawnSync('chown', ['-R', `${uid}:${gid}`, user.directory]);
    const { status, text } = onTerminal(
      ['apply', '--auto-approve', '--break', 'before-install.d/50-tiny'],
      [
        PROMPT,
        `id -u; touch /etc/mine; (exec 3<>/dev/tcp/127.0.0.1/9); sh -c 'echo "of $IMAGE_NAME"; exec sleep 1000'\n`,
        'of small',
        '\x03',
        PROMPT,
        'exit 3\n',
      ],
      user,
      // What reads passwords from the terminal (runuser --pty) would take it away from dib.
      ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--init-groups'],
    );
    expect(status, text).toBe(0);
    expect(text).toContain('a shell inside the image; hooks are below /tmp/in_target.d, without network as the hook.');
    expect(text).toMatch(/\n0\n.*Connection refused\n.*\nof small\n/s);
    const listed = spawnSync('tar', ['--list', '--file', user.path('small.tar'), './etc/mine'], { encoding: 'utf8' });
    expect(listed.stdout).toBe('./etc/mine\n');
  } finally {
    user.run(['destroy', '--auto-approve', '--outputs'], { prefix: asOrdinaryUser(), env: { HOME: user.directory } });
    user.expectNothingLeft();
    rmSync(user.directory, { recursive: true });
  }
});

test('without a terminal: a program in place of the shell, or a refusal before anything is done', () => {
  const refused = project.apply(['--break', 'before-install.d'], { status: 64 });
  expect(refused.stderr).toContain('before-install.d opens a shell, and standard input is no terminal');
  const unknown = project.apply(['--break', 'before-instal.d'], { status: 64 });
  expect(unknown.stderr).toContain('There is no place before-instal.d to break at');
  expect(unknown.stderr).toContain('Did you mean before-install.d?');
  expect(existsSync(project.path('small.tar'))).toBe(false);
  const env = {
    break: 'before-install,after-root.d',
    break_cmd: `printf '%s|' "a  b" $IMAGE_NAME | cat >/etc/by-command; exit 3`,
  };
  const { stderr } = project.apply([], { env });
  expect(stderr).toContain('layer.install, before-install.d: a shell inside the image');
  expect(stderr).toContain('The build did not come to after-root.d');
  const read = ['--extract', '--to-stdout', '--file', project.path('small.tar'), './etc/by-command'];
  expect(spawnSync('tar', read, { encoding: 'utf8' }).stdout).toBe('a  b|small|');
  project.expectNothingLeft();
});

test('dib shell: in a finished layer, what it writes is thrown away, its exit status is passed on, and nothing is left after kill -9', async () => {
  project.hook('tiny', 'install.d/50-tiny', 'echo built >/etc/tiny');
  project.hook('tiny', 'finalise.d/50-tiny', 'echo last >/etc/last');
  project.destroy();
  const none = project.run(['shell'], { status: 1 });
  expect(none.stderr).toContain('There is no built layer layer.finalise');
  project.apply();
  const before = project.planned();
  const { stdout } = project.run(['shell', '--', 'sh', '-c', 'cat /etc/tiny /etc/last; id -u; echo changed >/etc/tiny; exit 7'], {
    status: 7,
  });
  expect(stdout).toBe('built\nlast\n0\n');
  const lower = ['shell', '--layer', 'layer.install', '--', 'sh', '-c', 'cat /etc/tiny; ls /etc/last'];
  expect(project.run(lower, { status: 2 }).stdout).toBe('built\n');
  const unknown = project.run(['shell', '--layer', 'layer.instal'], { status: 1 });
  expect(unknown.stderr).toContain('Did you mean layer.install?');
  const prompt = '(layer.finalise) / # ';
  // What it prints is not in what is typed: only then does it surely run.
  const sleeper = `sh -c 'echo "still $((40 + 2))"; exec sleep 1000'\n`;
  const talked = onTerminal(['shell'], [prompt, sleeper, 'still 42', '\x03', prompt, 'exit 3\n']);
  expect(talked.status, talked.text).toBe(3);
  const running = project.start(['shell', '--', 'sh', '-c', 'echo ready; exec sleep 16180']);
  await running.until(/ready/);
  process.kill(running.pid, 'SIGKILL');
  await running.ended;
  expect(spawnSync('pgrep', ['--full', 'sleep 16180'], { encoding: 'utf8' }).stdout).toBe('');
  // What a killed one leaves in the cache, the next one collects.
  project.run(['shell', '--', 'true']);
  expect(project.planned()).toEqual(before);
  project.expectNothingLeft();
});
