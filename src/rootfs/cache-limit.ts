import { GIB, parseSize } from '../blockdev/sizes.ts';
import { ExitCode, fail } from '../diagnostics/errors.ts';
import { quoted } from '../diagnostics/printable.ts';

const DEFAULT = 20 * GIB;

/**
 * Bytes that the cache may keep: DIB_CACHE_MAX_SIZE, a size such as `5GiB` or a number of GiB; by default 20.
 * Throws DIB_CACHE_MAX_SIZE for anything else: who limits the cache would not want it to grow to a default.
 */
export function cacheLimit(environment: NodeJS.ProcessEnv = process.env): number {
  const chosen = environment['DIB_CACHE_MAX_SIZE'] ?? '';
  if (chosen === '') return DEFAULT;
  const number = Number(chosen);
  if (number > 0 && Number.isFinite(number)) return Math.trunc(number * GIB);
  const size = parseSize(chosen);
  if ('bytes' in size && size.bytes > 0) return size.bytes;
  return fail(
    {
      code: 'DIB_CACHE_MAX_SIZE',
      summary: `\`DIB_CACHE_MAX_SIZE\` is ${quoted(chosen)}, which is no size above zero`,
      help: 'Write a number of GiB, or a size such as `5GiB` or `500MB`; leave it unset for 20GiB.',
    },
    ExitCode.Usage,
  );
}
