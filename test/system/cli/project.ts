import { type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Ajv } from 'ajv';
import { expect } from 'vitest';
import { stringify } from 'yaml';
import { abandonedIn, CACHE } from '../../support/caches.ts';
import { TEST_ELEMENTS } from '../../support/elements.ts';
import { needRoot } from '../../support/privileges.ts';

const TOP = fileURLToPath(new URL('../../..', import.meta.url));
const DIB = join(TOP, 'bin/dib.js');

export interface Result {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** Expected exit status; default 0. */
  readonly status?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** Arguments before those of Node: a program that runs the rest. */
  readonly prefix?: readonly string[];
  readonly input?: string;
}

export interface EventLine {
  readonly type: string;
  readonly '@message': string;
  readonly hook?: { readonly resource: { readonly addr: string }; readonly action: string; readonly log?: string };
  readonly diagnostic?: { readonly code: string; readonly summary: string; readonly detail?: string; readonly help?: string };
  readonly changes?: { readonly add: number; readonly change: number; readonly remove: number };
}

export interface PlanChange {
  readonly address: string;
  readonly reason: string;
  readonly action_reason: string;
  readonly change: { readonly actions: readonly string[] };
  readonly commands: readonly { readonly argv: readonly string[] }[];
}

const isEvent = new Ajv({ strict: false, formats: { 'date-time': true } }).compile(
  JSON.parse(readFileSync(join(TOP, 'schemas/event.schema.json'), 'utf8')),
);

/** An image.yaml in a directory of its own, worked on through the command line alone. */
export class Project {
  readonly directory: string;
  readonly cache: string;
  #image: Record<string, unknown> = {};

  constructor(image: Record<string, unknown> = smallImage(), cache = CACHE) {
    needRoot();
    this.cache = cache;
    this.directory = mkdtempSync('/var/tmp/dib-test-cli-');
    this.write(image);
  }

  path(...parts: string[]): string {
    return join(this.directory, ...parts);
  }

  /** Replaces image.yaml. */
  write(image: Record<string, unknown>): void {
    this.#image = image;
    writeFileSync(this.path('image.yaml'), stringify(image));
  }

  /** Changes some of the keys of image.yaml. */
  change(keys: Record<string, unknown>): void {
    this.write({ ...this.#image, ...keys });
  }

  /** Writes an executable hook of an element below elements/. */
  hook(element: string, name: string, ...lines: string[]): string {
    const path = this.path('elements', element, name);
    mkdirSync(dirname(path), { recursive: true });
    // Of this run alone: the cache must not have its layers from an earlier one.
    writeFileSync(path, `${['#!/bin/bash', `# ${this.directory}`, 'set -eu', ...lines].join('\n')}\n`, { mode: 0o755 });
    return path;
  }

  env(more: Readonly<Record<string, string>> = {}): Record<string, string> {
    return {
      PATH: process.env['PATH'] ?? '',
      HOME: process.env['HOME'] ?? '/root',
      LC_ALL: 'C',
      DIB_IMAGE_CACHE: this.cache,
      ...more,
    };
  }

  run(args: readonly string[], options: RunOptions = {}): Result {
    const { status = 0, prefix = [], env, input } = options;
    const [program, ...rest] = [...prefix, process.execPath, DIB, ...args] as [string, ...string[]];
    const spawned: SpawnSyncReturns<string> = spawnSync(program, rest, {
      cwd: this.directory,
      env: this.env(env),
      encoding: 'utf8',
      ...(input === undefined ? { stdio: ['ignore', 'pipe', 'pipe'] } : { input }),
      maxBuffer: 1 << 28,
    });
    const result = { status: spawned.status, stdout: spawned.stdout, stderr: unquoted(spawned.stderr) };
    if (result.status === status) return result;
    const how = spawned.signal ?? `exit status ${result.status}`;
    throw new Error(`dib ${args.join(' ')} ended with ${how}, not ${status}\n${result.stdout}\n${result.stderr}`);
  }

  apply(args: readonly string[] = [], options: RunOptions = {}): Result {
    return this.run(['apply', '--auto-approve', ...args], options);
  }

  destroy(args: readonly string[] = [], options: RunOptions = {}): Result {
    return this.run(['destroy', '--auto-approve', ...args], options);
  }

  /** Runs a command with --json: every line of its output must be an event of the schema. */
  events(args: readonly string[], options: RunOptions = {}): EventLine[] {
    const { stdout } = this.run([...args, '--json'], options);
    return stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => {
        const event = JSON.parse(line) as EventLine;
        if (!isEvent(event)) throw new Error(`not an event: ${line}\n${JSON.stringify(isEvent.errors)}`);
        return event;
      });
  }

  changes(args: readonly string[] = []): PlanChange[] {
    const { stdout } = this.run(['plan', '--json', ...args]);
    return (JSON.parse(stdout) as { resource_changes: PlanChange[] }).resource_changes;
  }

  /** `address: actions` of all that a plan would do. */
  planned(args: readonly string[] = []): string[] {
    return this.changes(args)
      .filter(({ change }) => change.actions[0] !== 'no-op')
      .map(({ address, change }) => `${address}: ${change.actions.join(' ')}`);
  }

  reason(address: string, args: readonly string[] = []): string {
    return this.changes(args).find((change) => change.address === address)?.reason ?? `${address} is not in the plan`;
  }

  /** A dib that runs beside the test, with what it has printed so far. */
  start(args: readonly string[], options: Pick<RunOptions, 'env' | 'prefix'> = {}) {
    const [program, ...rest] = [...(options.prefix ?? []), process.execPath, DIB, ...args] as [string, ...string[]];
    const child = spawn(program, rest, { cwd: this.directory, env: this.env(options.env), stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    let wake = () => {};
    const grow = (chunk: Buffer) => {
      output += chunk.toString();
      wake();
    };
    child.stdout.on('data', grow);
    child.stderr.on('data', grow);
    const ended = new Promise<{ status: number | null; output: string }>((resolve) => {
      child.on('close', (status) => {
        resolve({ status, output: unquoted(output) });
        wake();
      });
    });
    let over = false;
    void ended.then(() => {
      over = true;
    });
    return {
      pid: child.pid as number,
      ended,
      signal: (name: NodeJS.Signals) => child.kill(name),
      /** Waits until something is printed. */
      async until(pattern: RegExp): Promise<void> {
        while (!pattern.test(output)) {
          if (over) throw new Error(`dib ended without printing ${pattern}:\n${output}`);
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      },
    };
  }

  /** Nothing of it is attached, mounted, running, or half-made in the cache. */
  expectNothingLeft(): void {
    expect(leftOf(this.directory, this.cache)).toEqual({ loops: [], mounts: [], processes: [], abandoned: [], work: [] });
  }

  /** Tears everything down, checks that nothing is left, and removes the directory. */
  remove(): void {
    if (existsSync(this.path('.dib/state.json'))) this.destroy(['--outputs']);
    this.expectNothingLeft();
    rmSync(this.directory, { recursive: true });
  }
}

/** What is quoted is the matter of the tests of messages; these ask what is said. */
function unquoted(text: string): string {
  return text.replaceAll('`', '');
}

function lines(text: string, pattern: string): string[] {
  return text.split('\n').filter((line) => line.includes(pattern));
}

function leftOf(directory: string, cache: string) {
  const run = (program: string, ...args: string[]) => spawnSync(program, args, { encoding: 'utf8' }).stdout;
  const listed = (path: string) => (existsSync(path) ? readdirSync(path) : []);
  return {
    loops: lines(run('losetup', '--all'), directory),
    mounts: lines(readFileSync('/proc/self/mountinfo', 'utf8'), directory),
    processes: lines(run('ps', '-eo', 'pid,args'), directory),
    abandoned: abandonedIn(cache),
    work: listed(join(directory, '.dib/work')).filter((name) => !existsSync(join(directory, '.dib/state.json')) && name !== ''),
  };
}

/** Debian without a kernel on one ext4 partition: made in seconds once the base is in the cache. */
export function smallImage(more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    apiVersion: 'dib/v1',
    name: 'small',
    distro: { name: 'debian', release: 'bookworm' },
    elements: [],
    environment: { DIB_DEBIAN_KERNEL: 'none' },
    block_device: disk('512MiB', [rootPartition()]),
    outputs: ['raw'],
    ...more,
  };
}

/** A few files and a shell on one ext4 partition: for what has nothing to do with what is in the tree, or with how large it is. */
export function tinyImage(more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    apiVersion: 'dib/v1',
    name: 'small',
    skip_base: true,
    elements_path: [TEST_ELEMENTS],
    elements: ['tiny-system'],
    block_device: disk('64MiB', [rootPartition()]),
    outputs: ['raw'],
    ...more,
  };
}

export function rootPartition(type = 'ext4'): Record<string, unknown> {
  return { name: 'root', size: '100%', mkfs: { type, mount: { mount_point: '/', fstab: { options: 'defaults' } } } };
}

export function disk(size: string | undefined, partitions: readonly object[], more: Record<string, unknown> = {}): object[] {
  const { label = 'gpt', ...loop } = more;
  return [
    { local_loop: { name: 'image0', ...(size === undefined ? {} : { size }), ...loop } },
    { partitioning: { base: 'image0', label, partitions } },
  ];
}

/** What the hook of oddFiles needs. */
export const ODD_PACKAGES = ['acl', 'attr', 'libcap2-bin'];

/** Files of every sort that a tree can hold. */
export function oddFiles(of: Project): void {
  of.hook(
    'odd',
    'install.d/50-odd',
    'mkdir -p /srv/odd && cd /srv/odd',
    'echo content > file && ln file hard-link && ln -s file soft-link && ln -s /nowhere dangling',
    'install -m 4755 /bin/true setuid && install -m 2750 -o 4711 -g 815 /bin/true setgid && mkdir -m 1777 sticky',
    'chown 60000:60001 file && chmod 0604 file',
    'truncate -s 20M sparse && echo end >> sparse',
    'mkfifo pipe && touch "name with blanks, : and \\\\ back" .hidden',
    'printf "x%.0s" {1..200} | xargs touch',
    'setcap cap_net_raw+ep /bin/ping 2>/dev/null || true',
    'cp /bin/true capable && setcap cap_net_bind_service+ep capable',
    'touch with-acl && setfacl -m u:4242:rw,g:99:r with-acl && mkdir dir-acl && setfacl -d -m u:4242:rwx dir-acl',
    'touch with-xattr && setfattr -n user.dib -v "a value" with-xattr',
    'touch -d "1999-12-31 23:59:58 UTC" old',
  );
}
