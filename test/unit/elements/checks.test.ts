import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { builtinElementsDirectory } from '../../../src/elements/locations.ts';

/** Runs the hook of an element that judges its variables before packages are installed; gives what it complains about. */
function check(element: string, variables: Readonly<Record<string, string>>): string[] {
  const hooks = join(builtinElementsDirectory(), element);
  const { status, stderr } = spawnSync(join(hooks, `pre-install.d/05-${element}-check`), {
    env: { PATH: process.env['PATH'], ...variables },
    encoding: 'utf8',
  });
  const told = stderr.trim() === '' ? [] : stderr.trim().split('\n');
  expect(status === 0, stderr).toBe(told.length === 0);
  return told;
}

function directoryWith(files: readonly string[]): string {
  const directory = mkdtempSync(join(tmpdir(), 'dib-checks-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  for (const file of files) {
    mkdirSync(dirname(join(directory, file)), { recursive: true });
    writeFileSync(join(directory, file), '');
  }
  return directory;
}

describe('users', () => {
  const none = { DIB_USERS: '', DIB_USERS_FILE: '', DIB_USERS_GROUPS: '', DIB_USERS_PASSWORDS: '' };

  it('takes a list as its README has it', () => {
    const list = `# people
ops    groups=adm,systemd-journal sudo=nopasswd comment=Operators, all of them
  ssh-ed25519 AAAAC3Nz anna@example.org
  sk-ssh-ed25519@openssh.com AAAAC3Nz
deploy uid=2000 group=deploy home=/srv/deploy shell=/bin/sh

worker system=yes
`;
    const passwords = 'ops:$y$j9T$abc/def$ghi.jkl\ndeploy:!\n';
    expect(
      check('users', { ...none, DIB_USERS: list, DIB_USERS_GROUPS: 'deploy:2000, www', DIB_USERS_PASSWORDS: passwords }),
    ).toEqual([]);
    expect(check('users', none)).toEqual([]);
  });

  it('tells all mistakes with their lines, and nothing of a password', () => {
    const list = `ssh-ed25519 AAAAC3Nz nobody
Ops uid=1
ops uid=x shell=sh sudo=no system=1 password=hunter2 colour=red
  ssh-ed25519 not*a*key
ops sudo
`;
    const passwords = 'ops:hunter2\nhunter3';
    expect(check('users', { ...none, DIB_USERS: list, DIB_USERS_GROUPS: 'a:b', DIB_USERS_PASSWORDS: passwords })).toEqual([
      'users: line 1 of DIB_USERS: a key stands below its user',
      "users: line 2 of DIB_USERS: 'Ops' cannot be the name of a user: it has small letters, digits, - and _, begins with a letter, and is not longer than 32",
      'users: line 3 of DIB_USERS: uid=x is no number',
      'users: line 3 of DIB_USERS: shell=sh is no absolute path',
      'users: line 3 of DIB_USERS: sudo=no is neither yes nor nopasswd',
      'users: line 3 of DIB_USERS: system=1 is not yes',
      'users: line 3 of DIB_USERS: passwords are set by DIB_USERS_PASSWORDS',
      "users: line 3 of DIB_USERS: 'colour' has no meaning; there are uid, group, groups, home, shell, sudo, system and comment",
      'users: line 4 of DIB_USERS: this is no public key',
      'users: line 5 of DIB_USERS: the user ops is in the list twice',
      "users: 'a:b' of DIB_USERS_GROUPS is neither NAME nor NAME:ID",
      'users: line 1 of DIB_USERS_PASSWORDS is no hash of crypt(5): passwords in clear are refused, mkpasswd makes hashes of them',
      'users: line 2 of DIB_USERS_PASSWORDS is not of the form NAME:HASH',
    ]);
    expect(check('users', { ...none, DIB_USERS: 'ops sudo' })).toEqual([
      "users: line 1 of DIB_USERS: 'sudo' has no value: write sudo=...",
    ]);
    expect(check('users', { ...none, DIB_USERS: 'ops', DIB_USERS_FILE: 'x' })).toEqual([
      'users: both DIB_USERS and DIB_USERS_FILE are set: leave out one of them',
    ]);
  });
});

describe('files', () => {
  it('wants a directory, and lines of mode, owner and path', () => {
    const DIB_FILES = directoryWith(['etc/x']);
    const lines = (text: string) => check('files', { DIB_FILES, DIB_FILES_ATTRIBUTES: text });
    expect(lines('# modes\n0600 root:root /etc/x\n- www-data: /srv/www/\nu=rwX,go=rX - /srv/\n\n')).toEqual([]);
    expect(lines('rw root /etc/x\n0600 /etc/x\n0600 root etc/x\n0600 root /a /b')).toEqual([
      'files: line 1 of DIB_FILES_ATTRIBUTES is not of the form MODE OWNER PATH: rw root /etc/x ',
      'files: line 2 of DIB_FILES_ATTRIBUTES is not of the form MODE OWNER PATH: 0600 /etc/x  ',
      'files: line 3 of DIB_FILES_ATTRIBUTES is not of the form MODE OWNER PATH: 0600 root etc/x ',
      'files: line 4 of DIB_FILES_ATTRIBUTES is not of the form MODE OWNER PATH: 0600 root /a /b',
    ]);
    expect(check('files', { DIB_FILES: join(DIB_FILES, 'etc/x'), DIB_FILES_ATTRIBUTES: '' })).toEqual([
      'files: DIB_FILES does not name a directory',
    ]);
  });
});

describe('systemd-units', () => {
  it('wants units and drop-ins only', () => {
    const units = (...files: string[]) => check('systemd-units', { DIB_SYSTEMD_UNITS: directoryWith(files) });
    expect(units('a.service', 'b@.timer', 'ssh.service.d/limits.conf', 'service.d/all.conf')).toEqual([]);
    expect(units('README', 'ssh.service.d/limits', 'a.servcie')).toEqual([
      'systemd-units: these are neither units (NAME.service, NAME.timer, ...) nor drop-ins (NAME.service.d/NAME.conf):',
      ...['README', 'a.servcie', 'ssh.service.d/limits'],
    ]);
  });
});

describe('run', () => {
  it('wants one script, whose syntax is right', () => {
    const run = (DIB_RUN: string, DIB_RUN_FILE = '') => check('run', { DIB_RUN, DIB_RUN_FILE, DIB_RUN_PHASE: 'post-install.d' });
    expect(run('echo hello')).toEqual([]);
    expect(run('#!/usr/bin/env python3\nif True: pass')).toEqual([]);
    expect(run('#!/usr/bin/env bash\nif true; then\n').join()).toMatch(/DIB_RUN: line \d: syntax error/);
    expect(run('if true; then').join()).toMatch(/DIB_RUN: line \d: syntax error/);
    expect(run('')).toEqual(['run: there is no script: set DIB_RUN or DIB_RUN_FILE']);
    expect(run('true', 'x')).toEqual(['run: both DIB_RUN and DIB_RUN_FILE are set: leave out one of them']);
  });
});

describe('nftables', () => {
  it('wants rules from one place', () => {
    const rules = (DIB_NFTABLES_RULESET: string, DIB_NFTABLES_RULESET_FILE: string) =>
      check('nftables', { DIB_NFTABLES_RULESET, DIB_NFTABLES_RULESET_FILE });
    expect(rules('flush ruleset', '')).toEqual([]);
    expect(rules('', '')).toEqual(['nftables: there are no rules: set DIB_NFTABLES_RULESET_FILE or DIB_NFTABLES_RULESET']);
    expect(rules('x', 'y')).toEqual([
      'nftables: both DIB_NFTABLES_RULESET and DIB_NFTABLES_RULESET_FILE are set: leave out one of them',
    ]);
  });
});

describe('luks-unlock', () => {
  it('wants a label, a path and numbers of registers that shell and initramfs take as they are', () => {
    const unlock = (label: string, path: string, registers: string) =>
      check('luks-unlock', { DIB_LUKS_UNLOCK_LABEL: label, DIB_LUKS_UNLOCK_FILE: path, DIB_LUKS_UNLOCK_PCRS: registers });
    expect(unlock('DIBKEY', 'keys/luks.key', '0, 7')).toEqual([]);
    expect(unlock('my stick', 'luks key', '7,x')).toEqual([
      'luks-unlock: DIB_LUKS_UNLOCK_LABEL, my stick, has other characters than letters, digits, - and _, or more than 16',
      'luks-unlock: DIB_LUKS_UNLOCK_FILE, luks key, has other characters than letters, digits and -_./',
      'luks-unlock: DIB_LUKS_UNLOCK_PCRS, 7,x, is no list of numbers',
    ]);
  });
});
