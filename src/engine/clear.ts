import { readdir, readFile, realpath } from 'node:fs/promises';
import { join } from 'node:path';

/** Something of an image that is still on this machine. */
export interface Remainder {
  readonly what: 'loop device' | 'mount' | 'file';
  readonly name: string;
  readonly detail: string;
}

/**
 * What still uses files below the directories: loop devices backed by one, removed or not, and mounts on or from them; and what is left in them.
 * Reads sysfs and proc only, so it needs no root.
 */
export async function findRemainders(directories: readonly string[]): Promise<Remainder[]> {
  const roots = await Promise.all(directories.map((directory) => realpath(directory).catch(() => directory)));
  const below = (path: string) => roots.some((root) => path === root || path.startsWith(`${root}/`));
  const loops = await findLoops(below);
  const devices = new Set(loops.map((loop) => loop.name));
  const mounts = (await readMounts()).filter((mount) => below(mount.target) || devices.has(mount.source));
  const files = await Promise.all(roots.map(listFiles));
  return [
    ...mounts.map((mount): Remainder => ({ what: 'mount', name: mount.target, detail: `of ${mount.source}` })),
    ...loops,
    ...files.flat().map((path): Remainder => ({ what: 'file', name: path, detail: 'not removed' })),
  ];
}

/** losetup(8) reads the same: /sys/block/loopN/loop/backing_file is there while the loop is bound; a removed file has ` (deleted)` behind it. */
async function findLoops(below: (path: string) => boolean): Promise<Remainder[]> {
  const names = (await readdir('/sys/block').catch(() => [])).filter((name) => /^loop\d+$/.test(name));
  const found: Remainder[] = [];
  for (const name of names.sort()) {
    const text = await readFile(`/sys/block/${name}/loop/backing_file`, 'utf8').catch(() => undefined);
    if (text === undefined) continue;
    const file = text.replace(/\n$/, '').replace(/ \(deleted\)$/, '');
    if (below(file)) found.push({ what: 'loop device', name: `/dev/${name}`, detail: `backed by ${file}` });
  }
  return found;
}

export interface MountEntry {
  readonly target: string;
  readonly source: string;
  readonly type: string;
}

/** The mounts of this process's namespace, in mount order: proc_pid_mountinfo(5). */
export async function readMounts(): Promise<MountEntry[]> {
  return parseMountinfo(await readFile('/proc/self/mountinfo', 'utf8'));
}

export function parseMountinfo(text: string): MountEntry[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [left = '', right = ''] = line.split(' - ');
      const [type = '', source = ''] = right.split(' ');
      return { target: unescapeOctal(left.split(' ')[4] ?? ''), source: unescapeOctal(source), type };
    });
}

function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_all, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

async function listFiles(directory: string): Promise<string[]> {
  const entries = await readdir(directory).catch(() => []);
  return entries.sort().map((entry) => join(directory, entry));
}
