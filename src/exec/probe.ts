/** What a command that only finds something out had to say. */
export interface ProbeResult {
  /** Absent when it could not be started, was killed, or ran out of time. */
  readonly exitCode?: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
  readonly notFound: boolean;
  readonly timedOut: boolean;
  readonly milliseconds: number;
}

/** Directories with programs that an ordinary user's PATH often lacks. */
const SYSTEM_DIRECTORIES = ['/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/bin', '/bin'];

/** PATH of this process, with the system's directories behind it. */
export function searchPath(): readonly string[] {
  const own = (process.env['PATH'] ?? '').split(':').filter((directory) => directory.startsWith('/'));
  return [...new Set([...own, ...SYSTEM_DIRECTORIES])];
}

/** Runs a command with a time limit in milliseconds, after which it is killed. Never throws: what happened is the result. */
export async function probeCommand(argv: readonly string[], timeout = 5000): Promise<ProbeResult> {
  const [file, ...args] = argv;
  if (file === undefined) throw new RangeError('a command needs a program');
  const { execa } = await import('execa');
  const result = await execa(file, args, {
    env: { PATH: searchPath().join(':'), LC_ALL: 'C' },
    stdin: 'ignore',
    reject: false,
    timeout,
    killSignal: 'SIGKILL',
  });
  return {
    exitCode: result.exitCode,
    stdout: result.stdout,
    stderr: result.stderr,
    notFound: result.code === 'ENOENT',
    timedOut: result.timedOut,
    milliseconds: Math.round(result.durationMs),
  };
}
