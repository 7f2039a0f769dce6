import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { DibError, ExitCode } from '../diagnostics/errors.ts';

/**
 * Asks on the terminal and gives the answer. Throws DIB_CLI_CANCELLED with the exit status of an interrupt when there is none: ^C, ^D.
 * `hidden`: what is typed is not shown.
 */
export async function ask(question: string, { hidden = false } = {}): Promise<string> {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const output = hidden ? { output: nowhere, terminal: true, historySize: 0 } : { output: process.stderr };
  const terminal = createInterface({ input: process.stdin, ...output });
  const cancelled = new Promise<never>((_, reject) => {
    const error = { code: 'DIB_CLI_CANCELLED', severity: 'error', summary: 'Cancelled', detail: 'Nothing was changed.' } as const;
    for (const event of ['SIGINT', 'close']) terminal.once(event, () => reject(new DibError(error, ExitCode.Interrupted)));
  });
  if (hidden) process.stderr.write(question);
  try {
    // It is rejected in words of its own when the terminal is closed.
    const answer = terminal.question(hidden ? '' : question).catch(() => cancelled);
    return await Promise.race([cancelled, answer]);
  } finally {
    cancelled.catch(() => {});
    if (hidden) process.stderr.write('\n');
    terminal.close();
  }
}
