import { vi } from 'vitest';
import { main } from '../../src/cli/main.ts';

/** What a run of dib printed, and the status that it set. */
export interface Run {
  readonly stdout: string;
  readonly stderr: string;
  readonly status: number | string | undefined | null;
}

/** Runs the command line in this process, where a test can look at both streams and stub the environment. */
export async function runHere(...args: readonly string[]): Promise<Run> {
  const printed = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    vi.spyOn(process[stream], 'write').mockImplementation((text) => {
      printed[stream] += String(text);
      return true;
    });
  }
  try {
    await main(['node', 'dib', '--color', 'never', ...args]);
    return { ...printed, status: process.exitCode };
  } finally {
    process.exitCode = undefined;
    // Each run listens anew, and this process has many.
    process.stdout.removeAllListeners('error');
    vi.restoreAllMocks();
  }
}
