import { readdirSync, readFileSync } from 'node:fs';

/** Longest command line that is shown, in characters. */
const LONGEST = 200;

/** Command lines of the processes below one (proc_pid_stat(5), proc_pid_cmdline(5)), the latest last; of kernel threads and zombies nothing. */
export function commandsBelow(pid: number): string[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const parent = parentOf(name);
    if (parent !== undefined) children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const found: number[] = [];
  for (let level = [pid]; level.length > 0; ) {
    level = level.flatMap((each) => children.get(each) ?? []);
    found.push(...level);
  }
  return found.sort((a, b) => a - b).flatMap((each) => commandLine(each) ?? []);
}

function parentOf(pid: string): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return undefined;
  }
}

function commandLine(pid: number): string | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replace(/\0$/, '').replaceAll('\0', ' ');
    return text === '' ? undefined : text.slice(0, LONGEST);
  } catch {
    return undefined;
  }
}
