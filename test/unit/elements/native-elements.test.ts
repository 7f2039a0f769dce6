import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { load, makeTree, TOY_OS } from './fixture.ts';

const TREES = {
  ...TOY_OS,
  'builtin/dpkg/package-installs.yaml': 'ours:\n',
  'builtin/package-installs/README.md': '',
  'elements/dpkg/element-deps': 'install-bin\nnowhere\n',
  'elements/dpkg/finalise.d/90-theirs': '#!/bin/bash\n',
  'elements/install-bin/pre-install.d/01-bin': '#!/bin/bash\n',
  'elements/package-installs/install.d/01-package-installs': '#!/bin/bash\n',
  'elements/with-list/package-installs.yaml': 'theirs:\n',
};
const NAMES = ['toy-os', 'dpkg', 'package-installs', 'with-list'];

describe('elements of the same name in a foreign tree', () => {
  it("are replaced by dib's own, with what the foreign ones depend on, as far as that exists", async () => {
    const tree = makeTree(TREES);
    const { value, diagnostics } = await load(tree, NAMES, { skipBase: true });
    expect(diagnostics).toEqual([]);
    expect(value?.elements.flatMap(({ name, replaces }) => (replaces === undefined ? [] : [[name, replaces]]))).toEqual([
      ['dpkg', join(tree, 'elements/dpkg')],
      ['package-installs', join(tree, 'elements/package-installs')],
    ]);
    expect(value?.hooks['finalise.d']).toEqual([]);
    expect(value?.hooks['pre-install.d'].map((hook) => hook.element)).toEqual(['install-bin']);
    expect(value?.packages['install.d'].install.map((request) => request.name)).toEqual(['ours', 'theirs']);
  });

  it('run with `native_elements: false`, and read the package lists themselves', async () => {
    const tree = makeTree({ ...TREES, 'elements/nowhere/README.md': '' });
    const { value, diagnostics } = await load(tree, NAMES, { skipBase: true, nativeElements: false, packages: ['curl'] });
    expect(diagnostics).toEqual([]);
    expect(value?.elements.some(({ replaces }) => replaces !== undefined)).toBe(false);
    expect(value?.hooks['finalise.d'].map((hook) => hook.name)).toEqual(['90-theirs']);
    expect(value?.hooks['install.d'].map((hook) => hook.name)).toEqual(['01-package-installs']);
    expect(value?.packages['install.d'].install).toEqual([{ name: 'curl', requestedBy: ['image.yaml'] }]);
  });

  it('find the library of their tree', async () => {
    const tree = makeTree({ ...TOY_OS, 'lib/common-functions': 'a\n', 'lib/img-functions': '#!/bin/bash\n' });
    const { value } = await load(tree, ['toy-os'], { skipBase: true });
    expect(value?.files.map(({ path, executable }) => [path, executable])).toEqual([
      ['.dib/lib/common-functions', false],
      ['.dib/lib/img-functions', true],
    ]);
    const without = makeTree({ ...TOY_OS, 'lib/img-functions': '' });
    expect((await load(without, ['toy-os'], { skipBase: true })).value?.files).toEqual([]);
  });
});
