import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { jsonDigest, sha256 } from '../util/hash.ts';
import { compareBytes } from './order.ts';

/** What has no part in making layers. */
const OTHER_PROGRAMS: readonly string[] = ['vm-agent', 'vm-qemu-disk', 'vm-qemu-init', 'uml-extended-state.c'];

/** SHA-256 over the names and contents of the shell helpers: another dib may make other layers of the same hooks. */
export function libexecDigest(directory: string): string {
  return jsonDigest(helpers(directory).map((path) => [path, sha256(readFileSync(join(directory, path)))]));
}

/** Variables of dib that the shell helpers name, sorted. */
export function libexecVariables(directory: string): string[] {
  const texts = helpers(directory).map((path) => readFileSync(join(directory, path), 'latin1'));
  return [...new Set(texts.flatMap((text) => text.match(/\bDIB_\w+/g) ?? []))].sort(compareBytes);
}

/** Paths below the directory, in the order of bytes. */
function helpers(directory: string, below = ''): string[] {
  return readdirSync(join(directory, below), { withFileTypes: true })
    .filter((entry) => !OTHER_PROGRAMS.includes(join(below, entry.name)))
    .sort((a, b) => compareBytes(a.name, b.name))
    .flatMap((entry) => {
      const path = join(below, entry.name);
      return entry.isDirectory() ? helpers(directory, path) : [path];
    });
}
