import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { findRemainders } from '../../../src/engine/clear.ts';
import { acquireFileLock } from '../../../src/exec/file-lock.ts';
import { pathsIn } from './image.ts';
import type { Spec } from './kinds.ts';

export interface RunOptions {
  readonly operation: 'apply' | 'destroy' | 'attach' | 'detach';
  readonly spec: Spec;
  /** `before:N` or `after:N`: the N-th write of the state. */
  readonly kill?: string | undefined;
  readonly victim?: 'front' | 'worker' | undefined;
  /** Called with each line; may signal the front. */
  readonly onLine?: ((line: FrontLine, pid: number) => void) | undefined;
}

export interface FrontLine {
  readonly type: string;
  readonly hook?: { readonly resource: { readonly addr: string }; readonly action: string };
  readonly diagnostic?: { readonly code: string; readonly summary: string };
  readonly message?: string;
  readonly outputs?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

export interface FrontRun {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly lines: readonly FrontLine[];
  readonly stderr: string;
}

/** A directory with an image, on which fronts are run as processes. */
export class Rig {
  readonly root = realpathSync(mkdtempSync('/var/tmp/dib-crash-'));
  readonly #support: string;
  readonly #user: string | undefined;

  /** `user`: who runs the fronts, in the worker `userns`; default: root, on the host. */
  constructor(support: string, user?: string) {
    this.#support = support;
    this.#user = user;
    if (user !== undefined) execFileSync('chown', [user, this.root]);
  }

  async run(options: RunOptions): Promise<FrontRun> {
    const args = [
      join(this.#support, 'front-under-test.js'),
      this.root,
      options.operation,
      JSON.stringify(options.spec),
      options.kill ?? '-',
    ];
    const worker = this.#user === undefined ? 'host' : 'userns';
    const front = [process.execPath, ...args, options.victim ?? 'front', worker];
    const [program = '', ...rest] = this.#user === undefined ? front : asUser(this.#user, front);
    const child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'pipe'] });
    const lines: FrontLine[] = [];
    let stderr = '';
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    createInterface({ input: child.stdout }).on('line', (text) => {
      const line = JSON.parse(text) as FrontLine;
      lines.push(line);
      options.onLine?.(line, child.pid ?? 0);
    });
    const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve) => {
      child.on('close', (...result) => resolve(result));
    });
    return { code, signal, lines, stderr };
  }

  /** Waits until no process has this directory in its command line: the kernel ends them one by one. */
  async processesEnd(): Promise<void> {
    while (this.processes().length > 0) await delay(5);
  }

  processes(): string[] {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
      .flatMap((name) => {
        try {
          const line = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ');
          return line.includes(this.root) ? [`${name} ${line}`] : [];
        } catch {
          return [];
        }
      });
  }

  /** What is left of the image outside the state: loops, mounts and work files. */
  async remainders(): Promise<string[]> {
    return (await findRemainders([pathsIn(this.root).work])).map(({ what, name }) => `${what} ${name}`);
  }

  state(): { resources: { address: string; status: string; attachment?: unknown }[]; serial: number } {
    if (!this.exists('.dib/state.json')) return { resources: [], serial: 0 };
    return JSON.parse(readFileSync(join(this.root, '.dib', 'state.json'), 'utf8'));
  }

  exists(name: string): boolean {
    return existsSync(join(this.root, name));
  }

  write(name: string, text: string): void {
    writeFileSync(join(this.root, name), text);
  }

  /** Whether the state can be locked. */
  async tryLock(): Promise<boolean> {
    const lock = await acquireFileLock(join(this.root, '.dib', 'state.lock'));
    await lock?.release();
    return lock !== undefined;
  }

  /** Removes everything, whatever a failed test left. */
  cleanUp(): void {
    const loops = JSON.parse(execFileSync('losetup', ['--json', '-O', 'NAME,BACK-FILE'], { encoding: 'utf8' }) || '{}') as {
      loopdevices?: { name: string; 'back-file': string | null }[];
    };
    for (const loop of loops.loopdevices ?? []) {
      if (loop['back-file']?.startsWith(this.root) === true) spawnSync('losetup', ['--detach', loop.name]);
    }
    rmSync(this.root, { recursive: true, force: true });
  }
}

/** The same process becomes the user, so that signals reach the front itself. */
function asUser(user: string, argv: readonly string[]): string[] {
  return ['setpriv', `--reuid=${user}`, `--regid=${user}`, '--init-groups', '--reset-env', ...argv];
}
