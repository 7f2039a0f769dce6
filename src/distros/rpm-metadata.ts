import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sha256 } from '../util/hash.ts';
import type { BootstrapResult } from './distro.ts';

/** The index of a repository, relative to where a package manager keeps what it knows of it. */
const INDEX = 'repodata/repomd.xml';

/**
 * What a tree was made from, by the indexes (repomd.xml) in a package manager's cache: digest over them all, whatever the mirror is called, and
 * the newest date in them.
 */
export function metadataResult(cache: string): BootstrapResult {
  const indexes = existsSync(cache)
    ? readdirSync(cache)
        .map((name) => join(cache, name, INDEX))
        .filter((file) => existsSync(file))
    : [];
  if (indexes.length === 0) throw new Error(`no repomd.xml in ${cache}`);
  const texts = indexes.map((file) => readFileSync(file, 'utf8'));
  return {
    mirrorDigest: sha256(
      texts
        .map((text) => sha256(text))
        .sort()
        .join('\n'),
    ),
    epoch: newestDate(texts),
  };
}

/** Seconds since 1970 of the newest file that the indexes name. */
function newestDate(texts: readonly string[]): number {
  const dates = texts.flatMap((text) => [...text.matchAll(/<timestamp>(\d+)/g)].map((match) => Number(match[1])));
  if (dates.length === 0) throw new Error('no date in any repomd.xml');
  return Math.max(...dates);
}
