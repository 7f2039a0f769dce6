import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ImageConfig } from '../../../src/config/image.ts';
import { maskSecrets } from '../../../src/config/secrets.ts';
import { credentialsOf, isLocal, publicLocation } from '../../../src/elements/source-location.ts';
import { layerResources } from '../../../src/kinds/layer-graph.ts';
import { declaredRevision, sourceResources } from '../../../src/kinds/source-graph.ts';
import { type Files, load, makeTree, TOY_OS } from './fixture.ts';

const CARRIER: Files = { 'builtin/source-repositories/README.md': '' };
const IMAGE = { name: 'web', elements: [], packages: [], environment: {}, outputs: [] } as unknown as ImageConfig;

/** Loads an image whose element `a` declares these lines. */
async function read(lines: string, environment: Record<string, string> = {}, files: Files = {}) {
  const tree = makeTree({
    ...TOY_OS,
    ...CARRIER,
    'elements/a/element-deps': 'source-repositories\n',
    'elements/a/source-repository-a': lines,
    'elements/a/source-repository-old~': 'rubbish\n',
    ...files,
  });
  const { value, diagnostics } = await load(tree, ['toy-os', 'a'], { environment });
  const sources = value?.sources.map(({ range, element, ...source }) => source);
  return { tree, set: value, sources, diagnostics };
}

describe('source-repository files', () => {
  it('have default refs, comments, quotes and variables', async () => {
    const { sources, diagnostics } = await read(
      [
        '# a comment',
        '',
        'one git /opt/one/ https://example.org/one  # another',
        'two/2 tar "/opt/${WHERE:-two}" https://example.org/two-$VERSION.tar.gz',
        'three file /opt/three ftp://example.org/3',
        'four package',
      ].join('\n'),
      { VERSION: '1.2' },
    );
    expect(diagnostics).toEqual([]);
    expect(sources).toEqual([
      { name: 'one', type: 'git', location: 'https://example.org/one', ref: 'master', destinations: ['/opt/one'] },
      { name: 'three', type: 'file', location: 'ftp://example.org/3', ref: '', destinations: ['/opt/three'] },
      { name: 'two_2', type: 'tar', location: 'https://example.org/two-1.2.tar.gz', ref: '*', destinations: ['/opt/two'] },
    ]);
  });

  it('obey the variables of each source', async () => {
    const line = 'my-lib git /opt/lib https://example.org/~joe/lib.git main\n';
    const only = async (environment: Record<string, string>) => (await read(line, environment)).sources?.[0];
    expect(await only({ DIB_REPOREF_my_lib: 'v2' })).toMatchObject({ ref: 'v2' });
    expect(await only({ DIB_GITREPOBASE: 'https://mirror.example/' })).toMatchObject({
      location: 'https://mirror.example//lib.git',
    });
    expect(await only({ DIB_GITREPOBASE: 'https://mirror.example', DIB_REPOLOCATION_my_lib: 'git@host:lib' })).toMatchObject({
      location: 'git@host:lib',
    });
    expect(
      await only({ DIB_REPOTYPE_my_lib: 'tar', DIB_REPOREF_my_lib: '.', DIB_REPOSHA256_my_lib: 'AB'.repeat(32) }),
    ).toMatchObject({
      type: 'tar',
      ref: '.',
      sha256: 'ab'.repeat(32),
    });
    expect(await only({ DIB_REPOTYPE_my_lib: 'package' })).toBeUndefined();
    expect(await only({ DIB_INSTALLTYPE_my_lib: 'package' })).toBeUndefined();
    expect(await only({ DIB_DEFAULT_INSTALLTYPE: 'package', DIB_INSTALLTYPE_my_lib: 'source' })).toBeDefined();
    expect(await only({ NO_SOURCE_REPOSITORIES: '1' })).toBeUndefined();
  });

  it('may name local files, which are part of the key by their content', async () => {
    const digest = createHash('sha256').update('logo').digest('hex');
    const { tree, sources } = await read('logo file /logo ./logo.png\n', {}, { 'logo.png': 'logo' });
    expect(sources).toMatchObject([{ location: join(tree, 'logo.png'), sha256: digest }]);
    const wrong = await read('logo file /logo ./logo.png\n', { DIB_REPOSHA256_logo: 'f'.repeat(64) }, { 'logo.png': 'logo' });
    expect(wrong.diagnostics).toMatchObject([{ code: 'DIB_SOURCE_CHECKSUM', range: { start: { line: 1, column: 1 } } }]);
  });

  it.each([
    ['x', 'The source `x` has no type'],
    ['x gti /x http://e/x', '`gti` is no type of source'],
    ['x git', 'The source `x` has neither a destination nor a location'],
    ['x git /x', 'The source `x` has no location'],
    ['x git x http://e/x', 'The destination `x` of source `x` is no path in the image'],
    ['x git /x/../y http://e/x', 'The destination `/x/../y` of source `x` is no path in the image'],
    ['x git /x http://e/x a b', 'The source `x` has more than five fields: `b` means nothing'],
    ['x git /x http://e/$(id)', 'This line would have to be run to know the source'],
    ['x git /x http://e/x; reboot', 'This line would have to be run to know the source'],
    ['x git /x "http://e/x', 'A quote or a brace of this line is not closed'],
    ['x git /x http://e/$NOBODY', 'The line needs `NOBODY`, which is not set'],
    ['x git /x http://e/$COMPUTED', 'The line needs `COMPUTED`, which is computed by a script'],
    ['x file /x ./none', 'The source `x` is not there: '],
  ])('%s', async (line, summary) => {
    const files = { 'elements/a/environment.d/10-a': 'export COMPUTED=$(id -u)\n' };
    const { set, diagnostics } = await read(`# first\n  ${line}\n`, {}, files);
    expect(set).toBeUndefined();
    expect(diagnostics).toHaveLength(1);
    expect(diagnostics[0]?.summary).toContain(summary);
    expect(diagnostics[0]?.range).toMatchObject({ start: { line: 2, column: 3 }, end: { line: 2 } });
  });

  it('may say the same twice, and nothing that contradicts', async () => {
    const same = await read('x git /x http://e/x\nx git /y http://e/x\nx git /x http://e/x master\n');
    expect(same.sources).toMatchObject([{ destinations: ['/x', '/y'] }]);
    expect((await read('x git /x http://e/x\nx git /y http://e/x main\n')).diagnostics).toMatchObject([
      {
        code: 'DIB_ELEMENT_SOURCE_CONFLICT',
        summary: 'The source `x` is declared twice, and differently',
        range: { start: { line: 2 } },
        related: [{ range: { start: { line: 1 } } }],
      },
    ]);
    expect((await read('x git /x http://e/x\ny tar /x/ http://e/y\n')).diagnostics).toMatchObject([
      { summary: 'The sources `x` and `y` both go to `/x`' },
    ]);
    expect((await read('x tar /x http://e/x\ny tar /x http://e/y\n')).diagnostics).toEqual([]);
  });

  it('hide the places of lines with passwords', async () => {
    const { diagnostics } = await read('x gti /x http://me:secret@e/x\n');
    expect(diagnostics).toMatchObject([{ sensitive: true }]);
    expect(JSON.stringify(diagnostics)).not.toContain('secret');
  });
});

it('knows public locations, credentials and local paths', () => {
  expect(publicLocation('https://token@example.org/x')).toBe('https://example.org/x');
  expect(publicLocation('ssh://git:pw@example.org/x')).toBe('ssh://git@example.org/x');
  expect(publicLocation('git@example.org:x')).toBe('git@example.org:x');
  expect(credentialsOf('https://me:pw@example.org/x')).toBe('me:pw');
  expect(['/a', './a', 'a/b:c', 'file:///a'].map(isLocal)).toEqual([true, true, true, true]);
  expect(['host:a', 'git@host:a', 'http://host/a'].map(isLocal)).toEqual([false, false, false]);
  const { A, B } = maskSecrets({ A: 'http://me:pw@e/x', B: 'ssh://git@e/x' });
  expect(A).toMatch(/^http:\/\/\(sensitive [0-9a-f]+\)@e\/x$/);
  expect(B).toBe('ssh://git@e/x');
});

it('gives resources that depend on nothing, and a layer that depends on them', async () => {
  const commit = 'a'.repeat(40);
  const { set } = await read(`x git /x http://me:pw@e/x ${commit}\ny git /y http://e/y\n`);
  if (set === undefined) throw new Error('no set');
  expect(set.sources.map(declaredRevision)).toEqual([commit, undefined]);
  const resources = sourceResources(set);
  expect(resources.map(({ address, dependsOn, inputs }) => ({ address, dependsOn, revision: inputs['revision'] }))).toEqual([
    { address: 'source.x', dependsOn: [], revision: commit },
    { address: 'source.y', dependsOn: [], revision: '(known after apply)' },
  ]);
  expect(JSON.stringify(resources)).not.toContain('pw');
  const layers = layerResources(set, IMAGE, { systemFiles: {}, initramfsFiles: [] });
  const receiving = layers.find(({ address }) => address === 'layer.pre-install');
  expect(receiving?.dependsOn).toEqual(['layer.root', 'source.x', 'source.y']);
  expect(receiving?.description).toBe('2 sources: x, y');
});
