import { type HostFiles, unescapeOctal } from './files.ts';

/** A mount of this process's mount namespace. */
export interface Mount {
  readonly id: number;
  /** Id of the mount that it stands on. */
  readonly parent: number;
  /** `major:minor` of the device; of btrfs and others without one device, a number of its own. */
  readonly number: string;
  readonly target: string;
  /** The device, for most types. */
  readonly source: string;
  readonly type: string;
  readonly readOnly: boolean;
}

/** All mounts, in mount order: proc_pid_mountinfo(5). */
export async function readMounts(host: HostFiles): Promise<readonly Mount[]> {
  return parseMountinfo((await host.read('/proc/self/mountinfo')) ?? '');
}

/** Reads the text of a mountinfo file. */
export function parseMountinfo(text: string): readonly Mount[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [left = '', right = ''] = line.split(' - ');
      const [id = '', parent = '', number = '', , target = '', options = ''] = left.split(' ');
      const [type = '', source = '', superOptions = ''] = right.split(' ');
      const isReadOnly = (list: string) => list.split(',').includes('ro');
      return {
        id: Number(id),
        parent: Number(parent),
        number,
        target: unescapeOctal(target),
        source: unescapeOctal(source),
        type,
        readOnly: isReadOnly(options) || isReadOnly(superOptions),
      };
    });
}

/** The mount that a path lies in: the innermost; of several at one place the latest, which hides the others. */
export function mountHolding(path: string, mounts: readonly Mount[]): Mount | undefined {
  const above = mounts.filter(({ target }) => target === '/' || path === target || path.startsWith(`${target}/`));
  const deepest = Math.max(...above.map(({ target }) => target.length));
  return above.findLast(({ target }) => target.length === deepest);
}

/** Devices and files that are swapped to: proc_swaps(5). */
export async function readSwaps(host: HostFiles): Promise<readonly string[]> {
  const lines = ((await host.read('/proc/swaps')) ?? '').split('\n').slice(1);
  return lines.map((line) => unescapeOctal(line.split(/\s+/)[0] ?? '')).filter((name) => name !== '');
}
