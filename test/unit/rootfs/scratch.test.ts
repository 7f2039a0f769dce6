import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { acquireFileLock } from '../../../src/exec/file-lock.ts';
import { collectScratch, openScratch } from '../../../src/rootfs/scratch.ts';

let parent: string;

beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'dib-scratch-'));
});
afterEach(() => rmSync(parent, { recursive: true, force: true }));

test('a living run keeps its directory, and takes it along when it ends', async () => {
  const directory = join(parent, 'run');
  const scratch = await openScratch(directory);
  writeFileSync(join(directory, 'file'), '');
  await collectScratch(parent);
  expect(existsSync(join(directory, 'file'))).toBe(true);
  await scratch.close();
  expect([existsSync(directory), existsSync(`${directory}.lock`)]).toEqual([false, false]);
});

test('what a dead run left is collected', async () => {
  const directory = join(parent, 'dead');
  mkdirSync(join(directory, 'trees'), { recursive: true });
  writeFileSync(`${directory}.lock`, '');
  await collectScratch(parent);
  expect([existsSync(directory), existsSync(`${directory}.lock`)]).toEqual([false, false]);
});

test('a run that begins while another one collects waits for it', async () => {
  const directory = join(parent, 'run');
  const collector = await acquireFileLock(`${directory}.lock`);
  const opening = openScratch(directory);
  rmSync(`${directory}.lock`);
  await collector?.release();
  const scratch = await opening;
  expect(existsSync(directory)).toBe(true);
  await scratch.close();
});
