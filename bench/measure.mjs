// Timing of commands: wall clock, in seconds.
import { spawnSync } from 'node:child_process';
import { openSync } from 'node:fs';

/** Runs a command with its output in a log file; throws unless it ends with the expected status. Gives seconds. */
export function timed([file, ...args], { cwd, env, log, status = 0 } = {}) {
  const output = log === undefined ? 'ignore' : openSync(log, 'a');
  const started = process.hrtime.bigint();
  const result = spawnSync(file, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', output, output] });
  const seconds = Number(process.hrtime.bigint() - started) / 1e9;
  if (result.error) throw result.error;
  if (result.status !== status) {
    throw new Error(
      `${[file, ...args].join(' ')} ended with ${result.status ?? result.signal}, not ${status}: see ${log ?? 'it run alone'}`,
    );
  }
  return seconds;
}

/** Middle value; the mean of the two middle ones of an even number. */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Such as `0.041 s` or `38.2 s`. */
export function seconds(value) {
  return `${value < 1 ? value.toFixed(3) : value.toFixed(1)} s`;
}
