import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type HostFiles, hostFiles } from '../host/files.ts';
import { type OwnFiles, type StandingThing, standingOn } from '../host/standing.ts';
import { ownFiles } from '../plan/own-files.ts';

/** Something of an image that is still on this machine. */
export interface Remainder {
  readonly what: 'loop device' | 'mount' | 'swap area' | 'device mapping' | 'array' | 'device' | 'file';
  readonly name: string;
  readonly detail: string;
  /** Devices at the bottom of it that are not of this image. */
  readonly foreign: readonly string[];
}

/** What still uses files below the directories, with everything that stands on it, and what is left in them. Reads sysfs and proc only: needs no root. */
export async function findRemainders(directories: readonly string[], host?: HostFiles): Promise<Remainder[]> {
  const own = await Promise.all(directories.map((work) => ownFiles([], { work })));
  const all: OwnFiles = {
    files: [],
    directories: own.flatMap((each) => each.directories),
    numbers: new Map(own.flatMap((each) => [...each.numbers])),
  };
  const files = await Promise.all(all.directories.map(listFiles));
  return [
    ...(await findStanding(all, host)),
    ...files.flat().map((path): Remainder => ({ what: 'file', name: path, detail: 'not removed', foreign: [] })),
  ];
}

/** Of the same, what the kernel holds. */
export async function findStanding(own: OwnFiles, host: HostFiles = hostFiles()): Promise<Remainder[]> {
  const things = await standingOn(own, host);
  return things.map(({ what, name, detail, foreign }) => ({ what: NAMES[what], name, detail, foreign }));
}

const NAMES: Readonly<Record<StandingThing['what'], Remainder['what']>> = {
  mount: 'mount',
  swap: 'swap area',
  lvm: 'device mapping',
  luks: 'device mapping',
  dm: 'device mapping',
  md: 'array',
  loop: 'loop device',
  other: 'device',
};

async function listFiles(directory: string): Promise<string[]> {
  const entries = await readdir(directory).catch(() => []);
  return entries.sort().map((entry) => join(directory, entry));
}
