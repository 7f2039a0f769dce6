import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { keepReserve, withReserve } from '../../../src/state/reserve.ts';

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'dib-reserve-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

/** What is in the directory at each try of a write that fails the first time. */
async function tries(operation: string, code: string): Promise<string[][]> {
  const seen: string[][] = [];
  await withReserve(directory, operation, async () => {
    seen.push(readdirSync(directory).sort());
    if (seen.length === 1) throw Object.assign(new Error('cannot write'), { code });
  }).catch((error: Error) => seen.push([error.message]));
  return seen;
}

it('takes its room once, closed to others', async () => {
  await keepReserve(directory);
  const { ino, size, mode } = statSync(join(directory, 'reserve'));
  expect([size, mode & 0o777]).toEqual([1024 * 1024, 0o600]);
  await keepReserve(directory);
  expect(statSync(join(directory, 'reserve')).ino).toBe(ino);
});

it('is given up, with the copy of the state, for a destroy on a full disk alone', async () => {
  await keepReserve(directory);
  writeFileSync(join(directory, 'state.json.backup'), '{}');
  const both = ['reserve', 'state.json.backup'];
  expect(await tries('apply', 'ENOSPC')).toEqual([both, ['cannot write']]);
  expect(await tries('destroy', 'EROFS')).toEqual([both, ['cannot write']]);
  expect(existsSync(join(directory, 'reserve'))).toBe(true);
  expect(await tries('destroy', 'EDQUOT')).toEqual([both, []]);
});
