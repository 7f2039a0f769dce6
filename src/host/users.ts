import type { HostFiles } from './files.ts';
import { parseMountinfo } from './mounts.ts';

/** A process that keeps something in use. */
export interface User {
  readonly pid: number;
  /** Its name: proc_pid_comm(5). */
  readonly name: string;
  /** What it has of it: an open file, its working directory, its root, its program, or a mount in a namespace of its own. */
  readonly has: string;
}

/** What is asked about. */
export interface InUse {
  /** Paths that are asked for, and all below them: mount points, device nodes, disk files. */
  readonly paths: readonly string[];
  /** `major:minor` of devices that may be mounted in another mount namespace. */
  readonly numbers: readonly string[];
}

/**
 * Processes that keep something in use, as far as /proc shows them to this user: others' open files are hidden from an ordinary one.
 * What is held by the kernel itself (a mount below, a mapping) has no process.
 */
export async function usersOf(inUse: InUse, host: HostFiles): Promise<readonly User[]> {
  const open = await ask(host, (directory) => openFile(directory, inUse.paths, host));
  if (open.length > 0) return open;
  // Mounts propagate to other namespaces and go from there by themselves: only where nothing else explains it, one of them may stay.
  const own = await host.link('/proc/self/ns/mnt');
  return await ask(host, (directory) => foreignMount(directory, inUse.numbers, own, host));
}

/** Asks every process, in the order of their pids. */
async function ask(host: HostFiles, question: (directory: string) => Promise<string | undefined>): Promise<readonly User[]> {
  const pids = (await host.list('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const answers = pids
    .sort((a, b) => a - b)
    .map(async (pid): Promise<User | undefined> => {
      const has = await question(`/proc/${pid}`);
      return has === undefined ? undefined : { pid, name: (await host.read(`/proc/${pid}/comm`)) ?? '?', has };
    });
  return (await Promise.all(answers)).filter((user) => user !== undefined);
}

async function openFile(directory: string, paths: readonly string[], host: HostFiles): Promise<string | undefined> {
  const links = [
    ['cwd', 'works in'],
    ['root', 'has its root in'],
    ['exe', 'runs'],
    ...(await host.list(`${directory}/fd`)).map((fd) => [`fd/${fd}`, 'has open']),
  ] as const;
  for (const [link, verb] of links) {
    const target = (await host.link(`${directory}/${link}`))?.replace(/ \(deleted\)$/, '');
    if (target !== undefined && paths.some((path) => target === path || target.startsWith(`${path}/`)))
      return `${verb} ${target}`;
  }
  return undefined;
}

/** A mount that only the process's own namespace has: a container, or a service with PrivateMounts. */
async function foreignMount(
  directory: string,
  numbers: readonly string[],
  own: string | undefined,
  host: HostFiles,
): Promise<string | undefined> {
  if (numbers.length === 0 || (await host.link(`${directory}/ns/mnt`)) === own) return undefined;
  const mounts = parseMountinfo((await host.read(`${directory}/mountinfo`)) ?? '');
  const mount = mounts.find(({ number }) => numbers.includes(number));
  return mount === undefined ? undefined : `has it mounted at ${mount.target} in a mount namespace of its own`;
}
