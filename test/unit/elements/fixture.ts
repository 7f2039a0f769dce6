import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { type ElementsRequest, loadElements } from '../../../src/elements/load.ts';

/** Files by path relative to the fixture's directory; a path that has `.d/` or `bin/` in it and begins with `#!` is made executable. */
export type Files = Readonly<Record<string, string>>;

/** A temporary directory with `elements/` (a foreign tree), `builtin/` (in place of the shipped one) and whatever else is given. */
export function makeTree(files: Files): string {
  const directory = mkdtempSync(join(tmpdir(), 'dib-elements-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  mkdirSync(join(directory, 'elements'));
  mkdirSync(join(directory, 'builtin'));
  for (const [path, text] of Object.entries(files)) {
    const file = join(directory, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    if (text.startsWith('#!')) chmodSync(file, 0o755);
  }
  return directory;
}

/** Loads elements from a fixture. */
export function load(directory: string, names: readonly string[], request: Partial<ElementsRequest> = {}) {
  return loadElements({
    named: names.map((name, index) => ({
      name,
      range: {
        file: join(directory, 'image.yaml'),
        start: { line: index + 1, column: 5, offset: 0 },
        end: { line: index + 1, column: 5 + name.length, offset: 0 },
      },
    })),
    searchPath: [join(directory, 'elements')],
    imageDirectory: directory,
    arch: 'amd64',
    environment: {},
    packages: [],
    builtinDirectory: join(directory, 'builtin'),
    ...request,
  });
}

/** An operating system whose root.d does nothing. */
export const TOY_OS: Files = {
  'elements/toy-os/element-provides': 'operating-system\n',
  'elements/toy-os/root.d/10-toy': '#!/bin/bash\n',
};
