import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { listDownloads, packagePool } from '../../../src/rootfs/package-pool.ts';
import { collectRpms, sharedRpms, touchRpms, viewRpms } from '../../../src/rootfs/rpm-pool.ts';

let cache: string;
let pool: string;

beforeEach(() => {
  cache = mkdtempSync(join(tmpdir(), 'dib-rpms-'));
  pool = packagePool(cache, 'opensuse');
});
afterEach(() => rmSync(cache, { recursive: true, force: true }));

function write(path: string, text: string): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return path;
}

const files = (directory: string) =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1))
    .sort();

test('what one build downloads the next one sees, at the same place', () => {
  const first = viewRpms(pool, join(cache, 'first'));
  write(join(first.downloads, 'repo-oss/x86_64/bash-5-1.x86_64.rpm'), 'bash');
  write(join(first.downloads, 'repo-oss/x86_64/.bash-5-1.x86_64.rpm.part'), 'ba');
  write(join(first.downloads, 'hello-1-1.noarch.rpm'), 'hello');
  utimesSync(join(first.downloads, 'hello-1-1.noarch.rpm'), 1, 1);
  collectRpms(first, pool);
  collectRpms(first, pool);
  expect(files(pool)).toEqual(['hello-1-1.noarch.rpm', 'repo-oss/x86_64/bash-5-1.x86_64.rpm']);
  const second = viewRpms(pool, join(cache, 'second'));
  expect(files(join(second.directory, 'view'))).toEqual(['hello-1-1.noarch.rpm', 'repo-oss/x86_64/bash-5-1.x86_64.rpm']);
  // The mirror's time would have it pruned first.
  expect(statSync(join(pool, 'hello-1-1.noarch.rpm')).mtimeMs).toBeGreaterThan(Date.now() - 60_000);
});

test('a newer file takes the place of an older one, which views that have it keep', () => {
  write(join(pool, 'a-1-1.noarch.rpm'), 'old');
  const early = viewRpms(pool, join(cache, 'early'));
  write(join(early.downloads, 'a-1-1.noarch.rpm'), 'new');
  collectRpms(early, pool);
  expect(readFileSync(join(pool, 'a-1-1.noarch.rpm'), 'utf8')).toBe('new');
  expect(readFileSync(join(early.directory, 'view/a-1-1.noarch.rpm'), 'utf8')).toBe('old');
  expect(files(pool)).toEqual(['a-1-1.noarch.rpm']);
});

test('packages that are installed count as used, in whatever repository', () => {
  const paths = ['one/a-1-1.noarch.rpm', 'two/b-1-1.noarch.rpm'].map((path) => write(join(pool, path), 'x'));
  for (const path of paths) utimesSync(path, 1000, 1000);
  touchRpms(new Set(['a-1-1.noarch.rpm']), pool);
  expect(listDownloads(cache).map(({ path }) => path)).toEqual([paths[1], paths[0]]);
});

test('programs of the builder see it in a mount namespace of their own', () => {
  const shared = sharedRpms(viewRpms(pool, join(cache, 'view')), '/libexec');
  expect(shared.lend(['dnf', 'install']).join(' ')).toBe(
    `unshare --mount --propagation slave -- /libexec/dib-packages ${cache}/view ${shared.directory} -- dnf install`,
  );
});
