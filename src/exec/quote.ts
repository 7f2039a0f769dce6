import type { Command } from './command.ts';

/** One word as a POSIX shell reads it back; control characters are kept as they are. */
export function quoteWord(word: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** An argument vector as a line for a POSIX shell. */
export function quoteArgv(argv: readonly string[]): string {
  return argv.map(quoteWord).join(' ');
}

/** A command with its directory and variables, to be pasted into a POSIX shell. */
export function quoteCommand(command: Command): string {
  const variables = Object.entries(command.env ?? {}).map(([name, value]) => `${name}=${quoteWord(value)}`);
  const line = [...(variables.length > 0 ? ['env', ...variables] : []), quoteArgv(command.argv)].join(' ');
  return command.cwd === undefined ? line : `cd ${quoteWord(command.cwd)} && ${line}`;
}
