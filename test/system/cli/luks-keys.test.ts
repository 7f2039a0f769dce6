import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Project, tinyImage } from './project.ts';

const KEY = 'Tr0ub4dor&3-öäü';
const QUICK = { pbkdf: 'pbkdf2', iter_time: 100 };

/** A root file system straight in a container straight on a disk. */
function encrypted(key: object | string): object[] {
  return [
    { local_loop: { name: 'image0', size: '64MiB' } },
    { luks: { name: 'crypt', base: 'image0', key, ...QUICK } },
    { mkfs: { name: 'root', base: 'crypt', type: 'ext4', mount: { mount_point: '/', fstab: { options: 'defaults' } } } },
  ];
}

let project: Project;
beforeAll(() => {
  project = new Project(tinyImage({ block_device: encrypted({ env: 'UNLOCK' }) }));
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
