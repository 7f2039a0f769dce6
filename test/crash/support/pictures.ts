import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type Attack, childrenOf, moment, type ProductRig, type Run } from './product.ts';

const run = promisify(execFile);

/**
 * What a SIGKILL of a run leaves in its directory, without the kill: all processes of the run are stopped at an instant, the directory is copied, and
 * they go on. One run gives many, where each kill would need a run of its own up to its place. True where all that a run leaves is in its
 * directory: it attaches nothing to this machine.
 */
export interface Picture {
  readonly name: string;
  /** Equal for pictures from which whatever comes next goes on alike: names, recorded resources, and versions of files. */
  readonly digest: string;
  /** Equal for those in which a destroy finds the same: as `digest`, without the versions of work files. */
  readonly names: string;
  readonly directory: string;
}

/** A place of a run: a write of the state (`before:N`, `after:N`), or a moment in a command (`during` in stack-rigs.ts). */
export interface Place {
  readonly name: string;
  /** The command of a moment. */
  readonly during?: string | undefined;
  readonly attack: Pick<Attack, 'write' | 'at' | 'command' | 'after'>;
}

/** Files by which a rig and its run talk. */
const TALK = ['kill', 'killed', 'writes', 'pictured'];

/** The pictures of one run of a rig, and the way back to each. */
export class Album {
  readonly #rig: ProductRig;
  readonly #directory: string;
  readonly #taken: Pick<Picture, 'name' | 'directory'>[] = [];
  #last: Promise<unknown> = Promise.resolve();

  constructor(rig: ProductRig) {
    this.#rig = rig;
    this.#directory = mkdtempSync('/var/tmp/dib-crash-pictures-');
  }

  /** Runs `dib` to its end, with a picture at each place. */
  async take(
    args: readonly string[],
    places: readonly Place[],
  ): Promise<{ readonly run: Run; readonly pictures: readonly Picture[] }> {
    const writes = new Set(places.flatMap(({ attack }) => attack.write ?? []));
    const moments = places.filter(({ attack }) => attack.write === undefined);
    const begun = new Set<Place>();
    const started = this.#rig.start(args, {
      write: writes.size === 0 ? undefined : 'each',
      onLine: (line) => {
        if (line.type === 'picture_now' && line.at !== undefined) void this.#answer(line.at, writes, started.pid);
        for (const place of moments) {
          if (begun.has(place) || place.attack.at?.(line) !== true) continue;
          begun.add(place);
          void moment(place.attack, line, started.isOver).then(() => this.#add(place.name, started.pid));
        }
      },
    });
    const run = await started.ended;
    await this.#last;
    const pictures = this.#taken.map((taken) => ({ ...taken, ...digestsOf(taken.directory) }));
    return { run, pictures };
  }

  /** The run waits in front of a write, or behind it. */
  async #answer(place: string, wanted: ReadonlySet<string>, pid: number): Promise<void> {
    if (wanted.has(place)) await this.#add(place, pid);
    appendFileSync(join(this.#rig.root, 'pictured'), `${place}\n`);
  }

  #add(name: string, pid: number): Promise<void> {
    const added = this.#last.then(async () => {
      const directory = join(this.#directory, String(this.#taken.length));
      const stopped = await stopTree(pid);
      try {
        if (stopped.length > 0) await copy(this.#rig.root, directory);
      } finally {
        for (const each of stopped) signal(each, 'SIGCONT');
      }
      if (stopped.length === 0) return;
      for (const talk of TALK) rmSync(join(directory, talk), { force: true });
      this.#taken.push({ name, directory });
    });
    this.#last = added;
    return added;
  }

  /** Makes the rig's directory what it was. */
  async restore({ directory }: Picture): Promise<void> {
    const { root } = this.#rig;
    this.#rig.detachByHand();
    for (const name of readdirSync(root)) rmSync(join(root, name), { recursive: true });
    await copy(directory, root);
    renumber(root);
  }

  remove(): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

async function copy(from: string, to: string): Promise<void> {
  mkdirSync(to, { recursive: true });
  await run('cp', ['--archive', '--sparse=always', `${from}/.`, to]);
}

/** The state knows disk files by their inodes; copies have others. */
function renumber(root: string): void {
  const path = join(root, '.dib/state.json');
  if (!existsSync(path)) return;
  const state = JSON.parse(readFileSync(path, 'utf8')) as { resources: { outputs: { file?: string; ino?: number } }[] };
  for (const { outputs } of state.resources)
    if (outputs.ino !== undefined && existsSync(outputs.file ?? '')) outputs.ino = statSync(outputs.file ?? '').ino;
  writeFileSync(path, `${JSON.stringify(state, null, 2)}\n`);
}

function digestsOf(directory: string): Pick<Picture, 'digest' | 'names'> {
  const [whole, names] = [createHash('sha256'), createHash('sha256')];
  const both = (text: string) => {
    whole.update(text);
    names.update(text);
  };
  for (const entry of readdirSync(directory, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath, entry.name);
    const name = path.slice(directory.length + 1);
    // Logs are read by nobody, and layers are whole or not there.
    if (/^\.dib\/(logs|job)|^cache\/layers\/[^/]+\/[^/]+\//.test(name)) continue;
    both(`${name.replaceAll(/[0-9a-f-]{12,}|\d{4,}/g, '*')}\n`);
    if (!entry.isFile() || name.startsWith('cache/')) continue;
    if (name === '.dib/state.json') both(recorded(path));
    else if (!name.startsWith('.dib/')) both(version(path));
    else if (name.startsWith('.dib/work/')) whole.update(version(path));
  }
  return { digest: whole.digest('hex'), names: names.digest('hex') };
}

/** Equal in two copies of a file only when nothing was written to it in between. */
function version(path: string): string {
  const { size, mtimeNs } = statSync(path, { bigint: true });
  return `${size} ${mtimeNs}\n`;
}

/** The resources of a state, without times. */
function recorded(path: string): string {
  const { resources, worker, facts } = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
  return JSON.stringify([resources, worker, facts]).replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'T');
}

/** Stops a process and all below it, and gives them once each has stopped. */
async function stopTree(pid: number): Promise<readonly number[]> {
  const stopped = new Set<number>();
  for (let running = true; running; ) {
    const all = treeOf(pid);
    for (const each of all) {
      if (stopped.has(each)) continue;
      stopped.add(each);
      signal(each, 'SIGSTOP');
    }
    running = all.some((each) => !stopped.has(each) || !['T', 't', 'Z', 'X', undefined].includes(stateOf(each)));
    // One that was started meanwhile is in the next list.
    if (!running) running = treeOf(pid).some((each) => !stopped.has(each));
    if (running) await delay(1);
  }
  return [...stopped];
}

/** The processes below one, parents first. Those that another traces do nothing while that one does not: ptrace(2). */
function treeOf(pid: number): number[] {
  try {
    return [
      pid,
      ...childrenOf(pid)
        .filter((child) => !isTraced(child))
        .flatMap(treeOf),
    ];
  } catch {
    return [];
  }
}

function isTraced(pid: number): boolean {
  return statusOf(pid, 'TracerPid') !== '0';
}

function stateOf(pid: number): string | undefined {
  return statusOf(pid, 'State')?.[0];
}

/** A line of /proc/PID/status: proc_pid_status(5); undefined of a process that is gone. */
function statusOf(pid: number, name: string): string | undefined {
  try {
    return new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  } catch {
    return undefined;
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // One that ended meanwhile.
  }
}
