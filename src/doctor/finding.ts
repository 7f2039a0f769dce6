import { accessSync, constants, readFileSync } from 'node:fs';
import type { ProbeResult } from '../exec/probe.ts';

/** `unknown`: could not be tried by this user. */
export type FeatureState = 'found' | 'missing' | 'unknown';

/** What a probe found. */
export interface Finding {
  readonly state: FeatureState;
  /** What was seen. */
  readonly detail: string;
  /** How to get it, where it is missing. */
  readonly help?: string | undefined;
}

/** The first line that a failed command wrote, or how it ended. */
export function firstLine(result: ProbeResult): string {
  if (result.notFound) return 'the program to try it with is missing';
  if (result.timedOut) return `no answer in ${result.milliseconds} ms`;
  return result.stderr.split('\n')[0] || `exit status ${result.exitCode ?? 'unknown'}`;
}

/** Whether this process may read and write a file. */
export function isAccessible(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** A file's text without its last line end; absent when it cannot be read. */
export function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trimEnd();
  } catch {
    return undefined;
  }
}
