import { describe, expect, it } from 'vitest';
import { hasSubordinateIds, probeWorkers, type Surface } from '../../../src/workers/probe.ts';
import { workerArgv } from '../../../src/workers/worker.ts';

describe('workerArgv', () => {
  const command = ['/usr/bin/node', 'worker-main.js', 'job.json'];

  it('gives the host worker its own processes and mounts, and ties its life to the front', () => {
    expect(workerArgv('host', { operation: 'apply' }, command).join(' ')).toBe(
      'setpriv --pdeathsig KILL unshare --mount --propagation slave --pid --fork --kill-child=KILL --mount-proc ' +
        '/usr/bin/node worker-main.js job.json',
    );
  });

  it.each(['attach', 'detach', 'destroy'] as const)("works in the caller's mount namespace for %s", (operation) => {
    expect(workerArgv('host', { operation }, command).join(' ')).toBe(
      'setpriv --pdeathsig KILL unshare --pid --fork --kill-child=KILL /usr/bin/node worker-main.js job.json',
    );
  });

  it('maps the caller to root and its subordinate ids to the others', () => {
    expect(workerArgv('userns', { operation: 'destroy' }, command).join(' ')).toBe(
      'setpriv --pdeathsig KILL unshare --user --map-auto --map-root-user --mount --propagation slave --pid --fork --kill-child=KILL ' +
        '--mount-proc /usr/bin/node worker-main.js job.json',
    );
  });
});

describe('probeWorkers', () => {
  const files: Readonly<Record<string, string>> = {
    '/proc/sys/user/max_user_namespaces': '96343\n',
    '/etc/subuid': 'ann:100000:65536\n',
    '/etc/subgid': 'ann:100000:65536\n',
  };
  const surface = (changes: Readonly<Record<string, string>> = {}, uid = 1000, missing: readonly string[] = []): Surface => ({
    uid,
    user: uid === 0 ? 'root' : 'ann',
    read: async (path) => ({ ...files, ...changes })[path],
    has: async (program) => !missing.includes(program),
  });

  it('offers the user namespace to an ordinary user', async () => {
    expect(await probeWorkers(surface())).toEqual({
      host: { ok: false, reason: 'dib does not run as root', help: 'Run dib with sudo, or use `--worker userns`.' },
      userns: { ok: true, reason: 'user namespaces are allowed, and ann has subordinate ids' },
    });
  });

  it('offers the host to root', async () => {
    expect((await probeWorkers(surface({}, 0))).host).toEqual({ ok: true, reason: 'dib runs as root' });
  });

  const cases: [string, Record<string, string>, string[], string][] = [
    ['no namespaces', { '/proc/sys/user/max_user_namespaces': '0\n' }, [], 'user.max_user_namespaces is 0'],
    ['the Debian switch', { '/proc/sys/kernel/unprivileged_userns_clone': '0\n' }, [], 'kernel.unprivileged_userns_clone is 0'],
    [
      'AppArmor',
      { '/proc/sys/kernel/apparmor_restrict_unprivileged_userns': '1\n' },
      [],
      'AppArmor restricts user namespaces (kernel.apparmor_restrict_unprivileged_userns is 1)',
    ],
    ['a missing tool', {}, ['newuidmap'], 'the program `newuidmap` is not installed'],
    ['no ids', { '/etc/subuid': 'bob:100000:65536\n' }, [], 'ann has no 65536 subordinate ids in /etc/subuid'],
    ['too few ids', { '/etc/subgid': 'ann:100000:1000\n' }, [], 'ann has no 65536 subordinate ids in /etc/subgid'],
  ];
  it.each(cases)('explains %s', async (_name, changes, missing, reason) => {
    const { userns } = await probeWorkers(surface(changes, 1000, missing));
    expect(userns).toMatchObject({ ok: false, reason });
    expect(userns.help).toMatch(/sudo|apt-get install uidmap/);
  });

  it('reads subordinate ids by name and by number', () => {
    expect(hasSubordinateIds('1000:1:65536', 'ann', 1000)).toBe(true);
    expect(hasSubordinateIds('# ann\nann:1:65536', 'ann', 1000)).toBe(true);
    expect(hasSubordinateIds('anna:1:65536', 'ann', 1000)).toBe(false);
  });
});
