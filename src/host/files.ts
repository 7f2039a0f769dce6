import { readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { probeCommand } from '../exec/probe.ts';

/** What the kernel shows in /sys and /proc. Nothing here throws: a device may go while it is looked at, and what is closed to us is not there. */
export interface HostFiles {
  /** The text of a file without the line feed at its end. */
  read(path: string): Promise<string | undefined>;
  /** Names in a directory, sorted. */
  list(path: string): Promise<readonly string[]>;
  /** Where a symbolic link leads. */
  link(path: string): Promise<string | undefined>;
  /** The file that each loop device shows, as `major:minor inode` by the device's path: no file of the kernel has that. Empty without root. */
  loopFiles(): Promise<ReadonlyMap<string, string>>;
}

/** This machine; tests give the directory of another. */
export function hostFiles(root = '/'): HostFiles {
  return {
    read: async (path) => {
      const text = await readFile(join(root, path), 'utf8').catch(() => undefined);
      return text?.replace(/\n$/, '');
    },
    list: async (path) => (await readdir(join(root, path)).catch(() => [])).sort(),
    link: (path) => readlink(join(root, path)).catch(() => undefined),
    loopFiles: async () => (root === '/' ? await askLoops() : new Map()),
  };
}

const LOOP_COLUMNS = 'NAME,BACK-MAJ:MIN,BACK-INO';

/** losetup(8) asks each device with an ioctl(2), LO_GET_STATUS64, which needs root. It pads the numbers of devices, and as `--raw` escapes the blanks. */
async function askLoops(): Promise<ReadonlyMap<string, string>> {
  const { stdout } = await probeCommand(['losetup', '--list', '--noheadings', '--raw', '--output', LOOP_COLUMNS]);
  const rows = stdout.split('\n').map((line) => line.replaceAll('\\x20', '').split(' '));
  return new Map(
    rows.flatMap(([name = '', device, inode]): [string, string][] =>
      device && inode && inode !== '0' ? [[name, `${device} ${inode}`]] : [],
    ),
  );
}

/** /sys and /proc write blanks and backslashes in paths as octal numbers: proc_pid_mountinfo(5). */
export function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_all, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}
