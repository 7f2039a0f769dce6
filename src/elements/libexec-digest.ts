import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { jsonDigest, sha256 } from '../util/hash.ts';
import { compareBytes } from './order.ts';

/** What has no part in making layers. */
const OTHER_PROGRAMS: readonly string[] = ['vm-agent'];

/** SHA-256 over the names and contents of the shell helpers: another dib may make other layers of the same hooks. */
export function libexecDigest(directory: string): string {
  const files = (below: string): [string, string][] =>
    readdirSync(join(directory, below), { withFileTypes: true })
      .filter((entry) => !OTHER_PROGRAMS.includes(join(below, entry.name)))
      .sort((a, b) => compareBytes(a.name, b.name))
      .flatMap((entry): [string, string][] => {
        const path = join(below, entry.name);
        return entry.isDirectory() ? files(path) : [[path, sha256(readFileSync(join(directory, path)))]];
      });
  return jsonDigest(files(''));
}
