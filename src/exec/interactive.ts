import { searchPath } from './probe.ts';

/**
 * Runs a program on the user's terminal, to its end. Keyboard signals reach it as well as us, and are its business:
 * they do not end dib before it. Gives the exit status; 128 + 15 when it was ended by a signal, 127 when it could not be started.
 */
export async function runInteractive(
  argv: readonly string[],
  options: { readonly stdoutToStderr?: boolean; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<number> {
  const [file, ...args] = argv;
  if (file === undefined) throw new RangeError('a command needs a program');
  const { execa } = await import('execa');
  const ignore = () => {};
  process.on('SIGINT', ignore);
  try {
    const stdout = options.stdoutToStderr === true ? 2 : 'inherit';
    const env = { PATH: searchPath().join(':'), ...options.env };
    const result = await execa(file, args, { stdin: 'inherit', stdout, stderr: 'inherit', reject: false, env });
    return result.exitCode ?? (result.isTerminated ? 143 : 127);
  } finally {
    process.off('SIGINT', ignore);
  }
}
