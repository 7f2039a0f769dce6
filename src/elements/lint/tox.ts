import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The rules that `ignore` in section `[dib-lint]` of the nearest tox.ini, upwards from a directory, turns off. */
export function toxIgnores(directory: string): ReadonlySet<string> {
  for (let at = directory; ; at = dirname(at)) {
    const file = join(at, 'tox.ini');
    if (existsSync(file)) return ignoresOf(readFileSync(file, 'utf8'));
    if (dirname(at) === at) return new Set();
  }
}

/** Python's configparser: a value goes on in lines that are indented. */
function ignoresOf(text: string): ReadonlySet<string> {
  const section = /^\[dib-lint\][^\n]*\n((?:(?!\[)[^\n]*\n?)*)/mu.exec(text)?.[1] ?? '';
  const value = /^ignore[ \t]*[=:]([^\n]*(?:\n[ \t]+[^\n]*)*)/mu.exec(section)?.[1] ?? '';
  return new Set(value.split(/[\s,]+/u).filter((word) => word !== ''));
}
