import { LayerCache } from '../rootfs/cache.ts';

// Runs inside a worker, because only the mapping that owns the cache may remove its files: argv is the cache, the size in bytes to keep, or `all`.
const [, , directory, limit] = process.argv;
if (directory === undefined || limit === undefined) {
  process.stderr.write('This program is started by dib, with a cache and a limit.\n');
  process.exitCode = 64;
} else {
  const cache = await LayerCache.open(directory);
  const removed = await cache.prune({ maxSize: limit === 'all' ? 0 : Number(limit), all: limit === 'all' });
  process.stdout.write(JSON.stringify(removed));
}
