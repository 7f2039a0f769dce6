import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const SRC = join(import.meta.dirname, '../../src');

// The build puts code into dist/<directory>/ and dist/chunks/, so a path from the code is only right when it leaves its directory first.
it('files beside the code are found from one directory below src/, by paths that begin with ../', () => {
  const wrong = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && readFileSync(join(SRC, name), 'utf8').includes('import.meta'))
    .filter((name) => {
      const uses = readFileSync(join(SRC, name), 'utf8').match(/^.*import\.meta.*$/gm) ?? [];
      const leaves = uses.every((line) =>
        /new URL\('\.\.\/[^']+', import\.meta\.url\)|join\(import\.meta\.dirname, '\.\.', /.test(line),
      );
      return !leaves || name.split('/').length !== 2;
    });
  expect(wrong).toEqual([]);
});
