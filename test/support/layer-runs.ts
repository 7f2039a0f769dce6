import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Diagnostic } from '../../src/diagnostics/diagnostic.ts';
import type { KeyedLayerOutputs } from '../../src/kinds/layer.ts';
import { ORDINARY_USER } from './privileges.ts';

const TOP = fileURLToPath(new URL('../..', import.meta.url));
const NAMESPACES = ['--mount', '--propagation', 'private', '--pid', '--fork', '--kill-child=KILL', '--mount-proc'];

export interface DriverResult {
  readonly layers: Record<string, KeyedLayerOutputs>;
  readonly keys: Record<string, string>;
  readonly manifest?: Record<string, string>;
  /** Of the files that the request names in `read`. */
  readonly texts?: Record<string, string>;
  readonly pruned?: string[];
  readonly error?: Diagnostic[];
  readonly log: string;
}

/** A directory with everything that both root and the ordinary user can read: the program, elements, and a place for caches. */
export interface Bench {
  readonly directory: string;
  element(name: string, files: Readonly<Record<string, string>>): void;
  request(changes?: object): object;
  remove(): void;
}

/** Compiles the program to a directory of its own and prepares elements beside it. */
export function layerBench(): Bench {
  const directory = mkdtempSync('/var/tmp/dib-test-rootfs-');
  chmodSync(directory, 0o755);
  const tsc = join(TOP, 'node_modules/.bin/tsc');
  execFileSync(tsc, ['--noCheck', '--project', join(TOP, 'tsconfig.json'), '--outDir', join(directory, 'dist')], { cwd: TOP });
  cpSync(join(TOP, 'src/exec/tools.json'), join(directory, 'dist/exec/tools.json'));
  writeFileSync(join(directory, 'package.json'), '{"type":"module"}\n');
  symlinkSync(join(TOP, 'node_modules'), join(directory, 'node_modules'));
  for (const name of ['libexec', 'test/support']) cpSync(join(TOP, name), join(directory, name), { recursive: true });
  mkdirSync(join(directory, 'elements'));
  mkdirSync(join(directory, 'cache-of-user'));
  execFileSync('chown', [ORDINARY_USER, join(directory, 'cache-of-user')]);
  return {
    directory,
    element(name, files) {
      for (const [path, content] of Object.entries(files)) {
        const file = join(directory, 'elements', name, path);
        mkdirSync(dirname(file), { recursive: true });
        writeFileSync(file, content, { mode: 0o755 });
      }
    },
    request: (changes = {}) => ({
      dist: join(directory, 'dist'),
      libexec: join(directory, 'libexec'),
      searchPath: [],
      builtinDirectory: join(directory, 'elements'),
      skipBase: true,
      cache: join(directory, 'cache-of-root'),
      ...changes,
    }),
    // As root, files of subordinate users can be removed too.
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}

/** Starts the driver in the namespaces of a worker, as root or as the ordinary user. */
export function startDriver(bench: Bench, request: object, user: 'root' | 'ordinary' = 'root'): Running {
  const file = join(mkdtempSync(join(bench.directory, 'request-')), 'request.json');
  chmodSync(dirname(file), 0o755);
  writeFileSync(file, JSON.stringify(request));
  const driver = ['node', join(bench.directory, 'test/support/layer-driver.mjs'), file];
  const argv =
    user === 'root'
      ? ['unshare', ...NAMESPACES, ...driver]
      : [
          'runuser',
          '--user',
          ORDINARY_USER,
          '--',
          'unshare',
          '--user',
          '--map-auto',
          '--map-root-user',
          ...NAMESPACES,
          ...driver,
        ];
  const child = spawn(argv[0] as string, argv.slice(1), { stdio: ['pipe', 'pipe', 'inherit'] });
  const result = new Promise<DriverResult>((resolve, reject) => {
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (text.endsWith('\n')) resolve(JSON.parse(text) as DriverResult);
    });
    child.on('close', () => reject(new Error(`the driver ended without a result: ${text}`)));
  });
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()));
  return { child, result, ended };
}

export interface Running {
  readonly child: ChildProcess;
  readonly result: Promise<DriverResult>;
  readonly ended: Promise<void>;
}

/** Runs the driver to its end. */
export async function runDriver(bench: Bench, request: object, user: 'root' | 'ordinary' = 'root'): Promise<DriverResult> {
  const running = startDriver(bench, request, user);
  running.child.stdin?.end();
  const result = await running.result;
  await running.ended;
  return result;
}
