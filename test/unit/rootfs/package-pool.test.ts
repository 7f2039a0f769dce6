import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { collectPackages, listDownloads, packagePool, touchInstalled, viewPool } from '../../../src/rootfs/package-pool.ts';

let cache: string;
let root: string;
let downloads: string;
let pool: string;

beforeEach(() => {
  cache = mkdtempSync(join(tmpdir(), 'dib-pool-'));
  [root, downloads, pool] = [join(cache, 'root'), join(cache, 'archives'), packagePool(cache, 'debian')];
  for (const path of [join(root, 'var/lib/apt/lists'), join(root, 'var/lib/dpkg'), downloads, pool])
    mkdirSync(path, { recursive: true });
});
afterEach(() => rmSync(cache, { recursive: true, force: true }));

function listed(...contents: string[]): void {
  const digests = contents.map((content) => `Package: x\nSHA256: ${createHash('sha256').update(content).digest('hex')}\n`);
  writeFileSync(join(root, 'var/lib/apt/lists/mirror_main_binary-amd64_Packages'), digests.join('\n'));
}

test('what the lists of the mirror name is kept for others, what a hook made is not', () => {
  listed('curl');
  writeFileSync(join(downloads, 'curl_8.0_amd64.deb'), 'curl');
  writeFileSync(join(downloads, 'own_1.0_amd64.deb'), 'made by a hook');
  writeFileSync(join(downloads, 'lock'), '');
  utimesSync(join(downloads, 'curl_8.0_amd64.deb'), 1, 1);
  collectPackages(downloads, root, pool);
  expect(readdirSync(pool)).toEqual(['curl_8.0_amd64.deb']);
  // The mirror's time would have it pruned first.
  expect(statSync(join(pool, 'curl_8.0_amd64.deb')).mtimeMs).toBeGreaterThan(Date.now() - 60_000);
});

test('a view stays as it is while the pool changes', () => {
  listed('new');
  writeFileSync(join(pool, 'curl_8.0_amd64.deb'), 'curl');
  const view = join(cache, 'view');
  viewPool(pool, view);
  rmSync(join(pool, 'curl_8.0_amd64.deb'));
  writeFileSync(join(downloads, 'vim_9_amd64.deb'), 'new');
  collectPackages(downloads, root, pool);
  expect(readdirSync(view)).toEqual(['curl_8.0_amd64.deb']);
  expect(readFileSync(join(view, 'curl_8.0_amd64.deb'), 'utf8')).toBe('curl');
});

test('packages that are installed count as used, epochs and all', () => {
  const paths = ['vim_2%3a9.0-1_amd64.deb', 'gone_1_all.deb'].map((name) => join(pool, name));
  for (const path of paths) {
    writeFileSync(path, 'x');
    utimesSync(path, 1000, 1000);
  }
  writeFileSync(
    join(root, 'var/lib/dpkg/status'),
    'Package: vim\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2:9.0-1\n\nPackage: bare\nArchitecture: all\nVersion: 1\n',
  );
  touchInstalled(root, pool);
  expect(listDownloads(cache).map(({ path }) => path)).toEqual([paths[1], paths[0]]);
});
