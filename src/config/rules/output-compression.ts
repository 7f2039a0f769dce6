import { quoted } from '../../diagnostics/printable.ts';
import { listOf } from '../../diagnostics/suggest.ts';
import { writtenOutputs } from './outputs.ts';
import type { Problem, Rule } from './rule.ts';

/** What each format can be compressed with. */
const COMPRESSIONS: Readonly<Record<string, readonly string[]>> = {
  raw: ['none'],
  qcow2: ['zstd', 'zlib', 'none'],
  tar: ['none', 'zstd', 'gzip'],
};

/** The compression is one that the format has. */
export const outputCompression: Rule = ({ root }) =>
  writtenOutputs(root).flatMap(({ format, compression, pointer }): Problem[] => {
    const able = format !== undefined && Object.hasOwn(COMPRESSIONS, format) ? COMPRESSIONS[format] : undefined;
    if (able === undefined || compression === undefined || able.includes(compression)) return [];
    return [
      {
        code: 'DIB_CONFIG_BAD_COMPRESSION',
        summary: `${quoted(format ?? 'this output')} cannot be compressed with ${quoted(compression)}`,
        help: format === 'raw' ? 'Remove `compression`, or write `qcow2`.' : `Write ${listOf(able, 'or')}.`,
        pointer: `${pointer}/compression`,
      },
    ];
  });
