import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { abandonedIn } from '../../support/caches.ts';

/** What is done to a run: killed at a write of the state, or at a line of its events after some milliseconds. */
export interface Attack {
  /** `vm`: its virtual machine; the run itself goes on. */
  readonly victim?: 'front' | 'worker' | 'vm' | undefined;
  /** `before:N` or `after:N`; `each`: the run says `picture_now` at each, and waits until the file `pictured` has a line with its name. */
  readonly write?: string | undefined;
  /** Gets every line. */
  readonly onLine?: ((line: Line) => void) | undefined;
  /** The first line that it accepts is the signal to kill. */
  readonly at?: ((line: Line) => boolean) | undefined;
  /** Once the log of that line's action shows such a command. */
  readonly command?: RegExp | undefined;
  readonly after?: number | undefined;
  /** A program with arguments that becomes the front. */
  readonly prefix?: readonly string[] | undefined;
  /** Is done in place of a kill, with the process of the front. */
  readonly act?: ((pid: number) => void) | undefined;
}

export interface Line {
  readonly type: string;
  /** Of `picture_now`: the write. */
  readonly at?: string;
  readonly hook?: {
    readonly resource: { readonly addr: string };
    readonly action: string;
    readonly message?: string;
    readonly log?: string;
  };
  readonly diagnostic?: { readonly code: string; readonly summary: string; readonly detail?: string; readonly severity: string };
}

export interface Run {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly lines: readonly Line[];
  readonly stderr: string;
  /** The attack came to its kill. */
  readonly killed: boolean;
}

export interface RigOptions {
  /** Program of the front: bundleProduct(). */
  readonly front: string;
  /** The text of image.yaml. */
  readonly image: string;
  /** A cache to start with; it is copied. */
  readonly cache?: string | undefined;
  /** A cache to share with others. */
  readonly sharedCache?: string | undefined;
  /** Who runs the front; default root. */
  readonly user?: string | undefined;
  /** Texts of files beside image.yaml, which only their owner may read. */
  readonly files?: Readonly<Record<string, string>> | undefined;
  /** Variables of dib besides its own. */
  readonly environment?: Readonly<Record<string, string>> | undefined;
  /** The directory of the rig's own; default /var/tmp. */
  readonly parent?: string | undefined;
}

interface Started {
  readonly pid: number;
  readonly ended: Promise<Run>;
  readonly isOver: () => boolean;
}

interface Resource {
  readonly address: string;
  readonly status: string;
  readonly outputs: Readonly<Record<string, unknown>>;
  readonly attachment?: { readonly status: string; readonly boot_id: string; readonly outputs: Record<string, unknown> };
}

let kills = 0;

/** Processes that were killed so far. */
export const killCount = () => kills;

/** A directory with an image.yaml, a state and a cache, on which the whole product is run, and killed. */
export class ProductRig {
  readonly root: string;
  readonly cache: string;
  readonly #options: RigOptions;

  constructor(options: RigOptions) {
    this.#options = options;
    this.root = realpathSync(mkdtempSync(join(options.parent ?? '/var/tmp', 'dib-crash-')));
    chmodSync(this.root, 0o755);
    this.cache = options.sharedCache ?? join(this.root, 'cache');
    if (options.cache !== undefined) execFileSync('cp', ['--archive', '--reflink=auto', options.cache, this.cache]);
    writeFileSync(join(this.root, 'image.yaml'), options.image);
    for (const [name, text] of Object.entries(options.files ?? {})) writeFileSync(join(this.root, name), text, { mode: 0o600 });
    if (options.user !== undefined) execFileSync('chown', [options.user, this.root]);
  }

  /** Starts `dib` with these arguments and gives its process; `ended` settles with what it said. */
  start(args: readonly string[], attack: Attack = {}): Started {
    writeFileSync(join(this.root, 'kill'), attack.write ?? '-');
    for (const name of ['killed', 'pictured']) rmSync(join(this.root, name), { force: true });
    const { front, user, environment } = this.#options;
    const become = user === undefined ? [] : ['setpriv', `--reuid=${user}`, `--regid=${user}`, '--init-groups'];
    const [command = '', action = '', ...rest] = [...(attack.prefix ?? []), ...become, process.execPath, front, ...args];
    const env = { PATH: process.env['PATH'], HOME: this.root, DIB_IMAGE_CACHE: this.cache, ...environment };
    const child = spawn(command, [action, ...rest], { cwd: this.root, env, stdio: ['ignore', 'pipe', 'pipe'] });
    const pid = child.pid ?? 0;
    const isOver = () => child.exitCode !== null;
    const lines: Line[] = [];
    let [stderr, killed, aimed] = ['', false, false];
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    const kill = () => {
      if (isOver()) return;
      if (attack.act !== undefined) return attack.act(pid);
      const victims = victimsOf(attack, pid);
      killed = victims.length > 0;
      this.kill(victims);
      // The worker, which asked for it, lives on.
      if (attack.victim === 'vm') writeFileSync(join(this.root, 'killed'), '');
    };
    createInterface({ input: child.stdout }).on('line', (text) => {
      const line = JSON.parse(text) as Line;
      lines.push(line);
      attack.onLine?.(line);
      if (aimed || (line.type !== 'kill_now' && attack.at?.(line) !== true)) return;
      aimed = true;
      if (attack.after === undefined && attack.command === undefined) kill();
      else void moment(attack, line, isOver).then(kill);
    });
    const ended = new Promise<Run>((resolve) => {
      child.on('close', (code, signal) => resolve({ code, signal, lines, stderr, killed }));
    });
    return { pid, ended, isOver };
  }

  async run(args: readonly string[], attack: Attack = {}): Promise<Run> {
    const run = await this.start(args, attack).ended;
    if (run.killed) await this.processesEnd();
    return run;
  }

  kill(pids: readonly number[]): void {
    for (const pid of pids) {
      kills += 1;
      process.kill(pid, 'SIGKILL');
    }
  }

  /** How many times the last worker wrote the state. */
  get writes(): number {
    return Number(readFileSync(join(this.root, 'writes'), 'utf8'));
  }

  get resources(): readonly Resource[] {
    const path = join(this.root, '.dib/state.json');
    return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as { resources: Resource[] }).resources : [];
  }

  /** Waits until no process works in this directory: the kernel ends them one by one. */
  async processesEnd(): Promise<void> {
    while (this.processes().length > 0) await delay(10);
  }

  /**
   * Processes of runs, with this directory in their command line or, when it is mounted in a namespace of theirs, among their mounts: what
   * descends from this process, or was left behind by it. Somebody else may look into the directory, too.
   */
  processes(): string[] {
    const own = readFileSync('/proc/self/mountinfo', 'utf8');
    const found = readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
      .flatMap((name): [number, string][] => {
        try {
          const line = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ');
          const mounts = own.includes(this.root) ? '' : readFileSync(`/proc/${name}/mountinfo`, 'utf8');
          return line.includes(this.root) || mounts.includes(this.root) ? [[Number(name), `${name} ${line}`]] : [];
        } catch {
          return [];
        }
      });
    const all = new Set(found.map(([pid]) => pid));
    const above = new Set(ancestorsOf(process.pid));
    const isOurs = (pid: number) => {
      const parents = ancestorsOf(pid);
      const left = parents.slice(
        0,
        parents.findIndex((parent) => above.has(parent)),
      );
      return parents.includes(process.pid) || left.every((parent) => all.has(parent));
    };
    return found.filter(([pid]) => isOurs(pid)).map(([, text]) => text);
  }

  loops(): string[] {
    const text = execFileSync('losetup', ['--json', '--list', '--output', 'NAME,BACK-FILE'], { encoding: 'utf8' }) || '{}';
    const { loopdevices = [] } = JSON.parse(text) as { loopdevices?: { name: string; 'back-file': string | null }[] };
    return loopdevices.filter((loop) => loop['back-file']?.startsWith(this.root) === true).map((loop) => loop.name);
  }

  mounts(): string[] {
    return readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .filter((line) => line.includes(this.root))
      .map((line) => line.split(' ')[4] ?? '');
  }

  /** Everything that is only there while something is under way. */
  remainders(): string[] {
    const names = (directory: string) => (existsSync(directory) ? readdirSync(directory) : []);
    const temporary = [
      ...names(this.root).filter((name) => name.includes('.partial')),
      ...names(join(this.root, '.dib')).filter((name) => name.endsWith('.tmp') || /^job|lock\.info/.test(name)),
      ...abandonedIn(this.cache),
      ...names(join(this.root, '.dib/work')).filter((name) => name.endsWith('.new')),
    ];
    return [
      ...this.loops(),
      ...this.mounts(),
      ...this.processes(),
      ...temporary,
      ...this.resources.filter((resource) => resource.attachment !== undefined).map((resource) => resource.address),
    ];
  }

  /** Names beside image.yaml that a build made. */
  products(): string[] {
    const files = Object.keys(this.#options.files ?? {});
    const ours = new Set(['image.yaml', 'kill', 'killed', 'pictured', 'writes', '.dib', 'cache', ...files]);
    return readdirSync(this.root)
      .filter((name) => !ours.has(name))
      .sort();
  }

  exists(name: string): boolean {
    return existsSync(join(this.root, name));
  }

  sha256(name: string): string {
    return createHash('sha256')
      .update(readFileSync(join(this.root, name)))
      .digest('hex');
  }

  /** Takes away mounts and loop devices behind dib's back. */
  detachByHand(): void {
    for (const target of this.mounts().reverse()) execFileSync('umount', [target]);
    for (const loop of this.loops()) execFileSync('losetup', ['--detach', loop]);
  }

  /** Removes everything, whatever a failed test left. */
  cleanUp(): void {
    this.detachByHand();
    rmSync(this.root, { recursive: true, force: true });
  }
}

/** Waits until the log of the line's action shows the command, and then some milliseconds; not longer than the run. */
export async function moment({ command, after = 0 }: Attack, { hook }: Line, isOver: () => boolean): Promise<void> {
  const log = hook?.log ?? '';
  const isShown = () => command === undefined || (existsSync(log) && command.test(readFileSync(log, 'utf8')));
  while (!isShown() && !isOver()) await delay(2);
  await delay(after);
}

function victimsOf({ victim }: Attack, pid: number): number[] {
  if (victim === 'vm') return virtualMachines(pid);
  return victim === 'worker' ? childrenOf(pid) : [pid];
}

/** The kernels of user-mode Linux below a process, without the processes in them. */
function virtualMachines(pid: number): number[] {
  try {
    return childrenOf(pid).flatMap((child) => {
      const line = readFileSync(`/proc/${child}/cmdline`, 'utf8');
      return line.startsWith('linux.uml') ? [child] : virtualMachines(child);
    });
  } catch {
    // One that ended meanwhile.
    return [];
  }
}

/** The parent of a process, its parent, and so on. */
function ancestorsOf(pid: number): number[] {
  try {
    const parent = Number(/^PPid:\s*(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
    return parent > 0 ? [parent, ...ancestorsOf(parent)] : [];
  } catch {
    return [];
  }
}

export function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return text.trim().split(' ').filter(Boolean).map(Number);
}

/** The partition table and, of each ext file system, its check and the digest of all that is in it: two disks that say the same are the same. */
export function describeDisk(disk: string): string {
  const table = execFileSync('sfdisk', ['--json', disk], { encoding: 'utf8' });
  const { partitiontable } = JSON.parse(table) as { partitiontable: { partitions: { start: number }[] } };
  const filesystems = partitiontable.partitions.map(({ start }) => {
    const image = `${disk}?offset=${start * 512}`;
    // Exit status 0: nothing to mend.
    execFileSync('e2fsck', ['-f', '-n', image], { stdio: 'pipe' });
    const copy = mkdtempSync('/var/tmp/dib-crash-tree-');
    try {
      execFileSync('debugfs', ['-R', `rdump / ${copy}`, image], { stdio: 'pipe' });
      const archive = execFileSync('tar', ['--create', '--sort=name', '--mtime=@0', '--exclude=./lost+found', '.'], {
        cwd: copy,
        maxBuffer: 2 ** 30,
      });
      return createHash('sha256').update(archive).digest('hex');
    } finally {
      rmSync(copy, { recursive: true });
    }
  });
  return [table.replaceAll(disk, basename(disk)), ...filesystems].join('\n');
}

/** Does something for each item, some at a time. */
export async function forEach<T>(items: readonly T[], atOnce: number, body: (item: T) => Promise<void>): Promise<void> {
  const queue = [...items];
  const next = async (): Promise<void> => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await body(item);
  };
  // After a failure the others end first: nothing may run any more when the test is over.
  const ended = await Promise.allSettled(Array.from({ length: atOnce }, next));
  for (const result of ended) if (result.status === 'rejected') throw result.reason;
}
