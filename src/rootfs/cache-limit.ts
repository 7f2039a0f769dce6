const DEFAULT_GIB = 20;

/** Bytes that the cache may keep: DIB_CACHE_MAX_SIZE in GiB, by default 20. */
export function cacheLimit(environment: NodeJS.ProcessEnv = process.env): number {
  const chosen = Number(environment['DIB_CACHE_MAX_SIZE'] ?? '');
  return (chosen > 0 ? chosen : DEFAULT_GIB) * 1024 ** 3;
}
