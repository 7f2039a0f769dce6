import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

interface Entry {
  readonly version?: string;
  readonly resolved?: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const lock = JSON.parse(readFileSync(new URL('../../package-lock.json', import.meta.url), 'utf8')) as {
  packages: Record<string, Entry>;
};

// npm leaves out packages of other platforms that its registry does not serve; `npm ci` then refuses the file.
it('package-lock.json names every optional package of every platform, so that npm ci works', () => {
  const missing = Object.entries(lock.packages).flatMap(([path, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies).filter((name) =>
      [`${path}/node_modules/${name}`, `node_modules/${name}`].every((place) => lock.packages[place]?.version === undefined),
    ),
  );
  expect(missing).toEqual([]);
});

it('package-lock.json names no registry', () => {
  expect(Object.values(lock.packages).flatMap(({ resolved }) => resolved ?? [])).toEqual([]);
});
