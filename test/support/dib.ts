import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const DIB = fileURLToPath(new URL('../../bin/dib.js', import.meta.url));

interface DibOptions {
  readonly cwd?: string;
  readonly status?: number;
  /** Variables besides those of this process. */
  readonly environment?: Readonly<Record<string, string>> | undefined;
  /** Arguments before those of Node: a program that runs the rest as somebody else. */
  readonly prefix?: readonly string[];
}

/** Runs the built command line as a user would; fails with all its output unless it ends with the expected status. Gives its stdout. */
export function dib(args: readonly string[], options: DibOptions = {}): string {
  const { cwd, status = 0, prefix = [], environment = {} } = options;
  const [command, ...rest] = [...prefix, process.execPath, DIB, ...args] as [string, ...string[]];
  const result = spawnSync(command, rest, {
    cwd,
    env: { ...process.env, ...environment },
    encoding: 'utf8',
    maxBuffer: 256 * 1024 * 1024,
  });
  if (result.status === status) return result.stdout;
  const how = result.signal ?? `exit status ${result.status}`;
  throw new Error(
    `dib ${args.join(' ')} ended with ${how}, not ${status}\n${result.stdout.slice(-20_000)}\n${result.stderr.slice(-20_000)}`,
  );
}
