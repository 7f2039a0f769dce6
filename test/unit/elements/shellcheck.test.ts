import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { builtinElementsDirectory, libexecDirectory } from '../../../src/elements/locations.ts';

function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

const files = [...filesBelow(builtinElementsDirectory()), ...filesBelow(libexecDirectory())];
const scripts = files.filter((file) => readFileSync(file, 'utf8').startsWith('#!'));
const environmentFiles = files.filter((file) => file.includes('/environment.d/'));

describe('shell code', () => {
  it('satisfies shellcheck', () => {
    expect(scripts.length).toBeGreaterThan(20);
    const check = (args: readonly string[], list: readonly string[]) => {
      try {
        return execFileSync('shellcheck', ['--format=gcc', ...args, ...list]).toString();
      } catch (error) {
        return String((error as { stdout?: unknown }).stdout);
      }
    };
    // SC1007: `name= other=` is how variables are emptied.
    expect(check(['--exclude=SC1007'], scripts)).toBe('');
    expect(check(['--shell=bash'], environmentFiles)).toBe('');
  });

  it.each(scripts.filter((file) => file.startsWith(builtinElementsDirectory())))('%s is strict and executable', (file) => {
    const text = readFileSync(file, 'utf8');
    // There is no bash in an initramfs.
    const posix = file.includes('/initramfs/');
    expect(text).toMatch(posix ? /^#!\/bin\/sh\n/ : /^#!\/bin\/bash\n/);
    expect(text).toMatch(posix ? /^set -eu$/m : /^set -euo? (-o )?pipefail$/m);
    expect(statSync(file).mode & 0o111).toBe(0o111);
    expect(text.endsWith('\n')).toBe(true);
    expect(text).not.toMatch(/\r|\t[^ ]*\bthen\b/);
  });

  it.each(environmentFiles)('%s only exports, and is not executable', (file) => {
    expect(statSync(file).mode & 0o111).toBe(0);
    expect(readFileSync(file, 'utf8')).toMatch(/^(export [A-Z0-9_]+=.*\n)+$/);
  });
});
