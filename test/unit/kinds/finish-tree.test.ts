import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { purge } from '../../../src/kinds/finish-tree.ts';

let top: string;
let root: string;
beforeEach(() => {
  top = mkdtempSync(join(tmpdir(), 'dib-finish-'));
  root = join(top, 'tree');
});
afterEach(() => rmSync(top, { recursive: true, force: true }));

function write(path: string): void {
  const full = join(root, path);
  mkdirSync(dirname(full), { recursive: true });
  writeFileSync(full, 'text');
}

test('temporary files and logs of root’s go, other logs are emptied, all else stays', () => {
  const left = [
    'tmp/a/b',
    'var/tmp/.c',
    'run/d',
    'root/install.log',
    'root/deep/down/x.log',
    'var/lib/list/p',
    'var/lib/stamp.d',
  ];
  const kept = ['root/log', 'root/.bashrc', 'root/deep/x.log.txt', 'srv/x.log', '.hidden', 'var/lib/keep'];
  const emptied = ['var/log/dpkg.log', 'var/log/apt/history.log'];
  for (const path of [...left, ...kept, ...emptied]) write(path);
  purge(root, ['var/lib/list', 'var/lib/*.d']);
  const files = readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1));
  expect(files.sort()).toEqual([...kept, ...emptied].sort());
  for (const path of kept) expect(readFileSync(join(root, path), 'utf8')).toBe('text');
  for (const path of emptied) expect(readFileSync(join(root, path), 'utf8')).toBe('');
});

test('links lead to nothing of the builder’s', () => {
  mkdirSync(join(top, 'host'));
  writeFileSync(join(top, 'host/mine.log'), 'mine');
  mkdirSync(join(root, 'root'), { recursive: true });
  mkdirSync(join(root, 'var'));
  symlinkSync(join(top, 'host'), join(root, 'root/link'));
  symlinkSync(join(top, 'host/mine.log'), join(root, 'root/link.log'));
  symlinkSync(join(top, 'host'), join(root, 'var/log'));
  symlinkSync(join(top, 'host'), join(root, 'tmp'));
  purge(root, []);
  expect(readFileSync(join(top, 'host/mine.log'), 'utf8')).toBe('mine');
  expect(readdirSync(join(root, 'root')).sort()).toEqual(['link', 'link.log']);
});
