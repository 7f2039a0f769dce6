import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CACHE, Project, smallImage } from './project.ts';

const KEY = 'Tr0ub4dor&3-öäü';
const QUICK = { pbkdf: 'pbkdf2', iter_time: 100 };

/** A root file system straight in a container straight on a disk. */
function encrypted(key: object | string): object[] {
  return [
    { local_loop: { name: 'image0', size: '512MiB' } },
    { luks: { name: 'crypt', base: 'image0', key, ...QUICK } },
    { mkfs: { name: 'root', base: 'crypt', type: 'ext4', mount: { mount_point: '/', fstab: { options: 'defaults' } } } },
  ];
}

let project: Project;
beforeAll(() => {
  project = new Project(smallImage({ block_device: encrypted({ env: 'UNLOCK' }) }));
});
afterAll(() => project.remove());

const withKey = (key = KEY) => ({ env: { UNLOCK: key } });

/** Whether a key opens the disk: cryptsetup's exit status 2 says that none of its slots has it. */
function opens(key: string | Buffer): boolean {
  const argv = ['open', '--test-passphrase', '--disable-locks', '--batch-mode', '--key-file', '-', project.path('small.raw')];
  const { status } = spawnSync('cryptsetup', argv, { input: key, env: { PATH: `${process.env['PATH']}:/usr/sbin:/sbin` } });
  if (status !== 0 && status !== 2) throw new Error(`cryptsetup ended with ${status}`);
  return status === 0;
}

test('without the key: validate and plan warn, apply refuses before anything is made', () => {
  const warning =
    'warning[DIB_LUKS_KEY_UNSET]: luks.crypt: The environment variable UNLOCK with the key of luks.crypt is not set';
  expect(project.run(['validate']).stderr).toContain(warning);
  expect(project.run(['plan']).stderr).toContain(warning);
  const { stderr } = project.apply([], { status: 1 });
  expect(stderr).toContain('error[DIB_LUKS_KEY_UNSET]');
  expect(existsSync(project.path('.dib/state.json'))).toBe(false);
});

test('with the key: the container opens with it, and it is written nowhere', () => {
  const { stdout, stderr } = project.apply([], withKey());
  expect(stdout + stderr).not.toContain(KEY);
  expect([opens(KEY), opens('another')]).toEqual([true, false]);
  const found = spawnSync('grep', ['--recursive', '--files-with-matches', '--fixed-strings', KEY, project.directory]);
  expect([found.status, found.stdout.toString()]).toEqual([1, '']);
});

test('afterwards the key is not needed to see that nothing changed', () => {
  expect(project.planned()).toEqual([]);
  const { stdout } = project.run(['plan', '--json']);
  expect(stdout).not.toContain(KEY);
  expect(project.run(['apply', '--auto-approve']).stdout).not.toContain('added');
});

test('another key makes another container, with all that is in it', () => {
  const { stdout } = project.run(['plan', '--json'], withKey('second'));
  const { resource_changes: changes } = JSON.parse(stdout) as {
    resource_changes: { address: string; reason: string; change: { actions: string[] } }[];
  };
  expect(changes.find(({ address }) => address === 'luks.crypt')?.reason).toMatch(/^must be replaced: .*keyFingerprint/);
  const acting = changes.filter(({ change }) => change.actions[0] !== 'no-op').map(({ address }) => address);
  expect(acting).toEqual(expect.arrayContaining(['luks.crypt', 'mkfs.root', 'encrypt.crypt', 'output.raw']));
  project.apply([], withKey('second'));
  expect([opens(KEY), opens('second')]).toEqual([false, true]);
});

test('what is in a container is made anew with it', () => {
  expect(project.planned(['--replace', 'mkfs.root'])).toEqual(
    expect.arrayContaining(['luks.crypt: delete create', 'mkfs.root: delete create', 'encrypt.crypt: delete create']),
  );
  project.apply(['--replace', 'mkfs.root'], withKey('second'));
  expect(opens('second')).toBe(true);
  expect(project.planned()).toEqual([]);
});

test('a saved plan holds for the key that it was made with', () => {
  project.run(['plan', '--out', 'saved.json', '--replace', 'luks.crypt'], withKey('second'));
  expect(readFileSync(project.path('saved.json'), 'utf8')).not.toContain('second');
  const { stderr } = project.run(['apply', 'saved.json'], { status: 1, ...withKey('third') });
  expect(stderr).toContain('error[DIB_LUKS_KEY_CHANGED]');
  project.run(['apply', 'saved.json'], withKey('second'));
  expect(opens('second')).toBe(true);
});

test('a key file is the key byte for byte', () => {
  const key = Buffer.from([0, 10, 255, 13, 0, 128]);
  writeFileSync(project.path('unlock.key'), key, { mode: 0o600 });
  project.change({ block_device: encrypted({ file: 'unlock.key' }) });
  project.apply();
  expect(opens(key)).toBe(true);
});

/** Runs apply on a terminal of its own (script(1)) and answers each question in turn. */
async function onTerminal(answers: readonly [RegExp, string][]): Promise<{ status: number | null; output: string }> {
  const dib = join(import.meta.dirname, '../../../bin/dib.js');
  const command = [process.execPath, dib, 'apply'].map((word) => `'${word}'`).join(' ');
  const env = { ...process.env, DIB_IMAGE_CACHE: CACHE, TERM: 'dumb' };
  const child = spawn('script', ['--quiet', '--return', '--command', command, '/dev/null'], { cwd: project.directory, env });
  const left = [...answers];
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
    const [next] = left;
    if (next === undefined || !next[0].test(output)) return;
    left.shift();
    child.stdin.write(`${next[1]}\n`);
  });
  const status = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { status, output };
}

test('a passphrase is asked for twice on the terminal, without showing it', async () => {
  project.change({ block_device: encrypted('prompt') });
  const { stderr } = project.apply([], { status: 1 });
  expect(stderr).toContain('error[DIB_LUKS_KEY_NO_TERMINAL]');
  const yes: [RegExp, string] = [/Enter a value:/, 'yes'];
  const first: [RegExp, string] = [/Passphrase for luks\.crypt:/, 'tippfehler'];
  const wrong = await onTerminal([yes, first, [/The same again for luks\.crypt:/, 'tipfehler']]);
  expect(wrong.status).toBe(1);
  expect(wrong.output).toContain('DIB_LUKS_KEY_MISTYPED');
  const right = await onTerminal([yes, first, [/The same again for luks\.crypt:/, 'tippfehler']]);
  expect(right.output).not.toContain('tippfehler');
  expect(right.status).toBe(0);
  expect(opens('tippfehler')).toBe(true);
  expect(project.planned()).toEqual([]);
  execFileSync('test', ['!', '-s', project.path('.dib/work/crypt.luks-plain')]);
});
