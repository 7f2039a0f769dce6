import { access, constants, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Capability } from '../exec/capability.ts';
import { searchPath } from '../exec/probe.ts';
import type { WorkerName } from '../plan/plan.ts';
import { userName } from '../util/user-name.ts';

export interface Capabilities {
  readonly host: Capability;
  readonly userns: Capability;
}

/** Where to look; replaced in tests. */
export interface Surface {
  readonly uid: number;
  readonly user: string;
  /** The text of a file, or undefined. */
  readonly read: (path: string) => Promise<string | undefined>;
  readonly has: (program: string) => Promise<boolean>;
}

/** The worker that a virtual machine is started from: files are made outside of it. */
export function baseWorker(name: WorkerName): 'host' | 'userns' {
  if (name !== 'vm') return name;
  return process.getuid?.() === 0 ? 'host' : 'userns';
}

export async function probeWorkers(surface: Surface = thisMachine()): Promise<Capabilities> {
  const [host, userns] = await Promise.all([probeHost(surface), probeUserns(surface)]);
  return { host, userns };
}

async function probeHost(surface: Surface): Promise<Capability> {
  if (surface.uid !== 0)
    return { ok: false, reason: 'dib does not run as root', help: 'Run dib with sudo, or use `--worker userns`.' };
  return (await missingTools(surface, ['unshare', 'setpriv', 'flock'])) ?? { ok: true, reason: 'dib runs as root' };
}

async function probeUserns(surface: Surface): Promise<Capability> {
  const setting = async (path: string) => (await surface.read(path))?.trim();
  const no = (reason: string, help: string): Capability => ({ ok: false, reason, help });
  if ((await setting('/proc/sys/user/max_user_namespaces')) === '0') {
    return no('user.max_user_namespaces is 0', 'Allow user namespaces with `sudo sysctl -w user.max_user_namespaces=15000`.');
  }
  if (surface.uid !== 0 && (await setting('/proc/sys/kernel/unprivileged_userns_clone')) === '0') {
    return no(
      'kernel.unprivileged_userns_clone is 0',
      'Allow user namespaces with `sudo sysctl -w kernel.unprivileged_userns_clone=1`.',
    );
  }
  if (surface.uid !== 0 && (await setting('/proc/sys/kernel/apparmor_restrict_unprivileged_userns')) === '1') {
    return no(
      'AppArmor restricts user namespaces (kernel.apparmor_restrict_unprivileged_userns is 1)',
      'Allow them with `sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0`.',
    );
  }
  const missing = await missingTools(surface, ['unshare', 'setpriv', 'flock', 'newuidmap', 'newgidmap']);
  if (missing !== undefined) return missing;
  for (const file of ['/etc/subuid', '/etc/subgid']) {
    if (!hasSubordinateIds((await surface.read(file)) ?? '', surface.user, surface.uid)) {
      return no(
        `${surface.user} has no 65536 subordinate ids in ${file}`,
        `Give some with \`sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ${surface.user}\` (choose ranges that are free).`,
      );
    }
  }
  return { ok: true, reason: `user namespaces are allowed, and ${surface.user} has subordinate ids` };
}

/** One range of at least 65536 ids: subuid(5). */
export function hasSubordinateIds(text: string, user: string, uid: number): boolean {
  return text.split('\n').some((line) => {
    const [name, , count] = line.trim().split(':');
    return (name === user || name === String(uid)) && Number(count) >= 65536;
  });
}

async function missingTools(surface: Surface, names: readonly string[]): Promise<Capability | undefined> {
  const { packageOf } = await import('../exec/tools.ts');
  for (const name of names) {
    if (await surface.has(name)) continue;
    return {
      ok: false,
      reason: `the program \`${name}\` is not installed`,
      help: `Install it with \`apt-get install ${packageOf(name) ?? name}\`.`,
    };
  }
  return undefined;
}

function thisMachine(): Surface {
  return {
    uid: process.getuid?.() ?? -1,
    user: userName(),
    read: (path) => readFile(path, 'utf8').catch(() => undefined),
    has: async (program) => {
      for (const directory of searchPath()) {
        try {
          await access(join(directory, program), constants.X_OK);
          return true;
        } catch {}
      }
      return false;
    },
  };
}
