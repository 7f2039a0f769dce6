import { describe, expect, it } from 'vitest';
import type { ImageConfig } from '../../../src/config/image.ts';
import type { SourceRange } from '../../../src/diagnostics/diagnostic.ts';
import { layerKind } from '../../../src/kinds/layer.ts';
import { layerResources } from '../../../src/kinds/layer-graph.ts';
import { load, makeTree, TOY_OS } from './fixture.ts';

const WEB = `summary: A web server
variables:
  DIB_WEB_ON: {type: boolean, description: Whether it starts.}
  DIB_WEB_PORT: {type: integer, description: Port.}
  DIB_WEB_SIZE: {type: size, description: Size of the cache.}
  DIB_WEB_URL: {type: url, description: Where from.}
  DIB_WEB_FLAVOUR: {type: string, enum: [small, large], description: Which one.}
  DIB_WEB_MODULES: {type: list, enum: [ssl, proxy], description: Modules.}
  DIB_WEB_KEY: {type: integer, secret: true, description: A key.}
  DIB_WEB_PASSWORD: {type: integer, description: A word.}
  DIB_WEB_OLD: {type: string, deprecated: Use DIB_WEB_URL., description: Old.}
  DIB_WEB_SITE_*: {type: url, description: A site.}
  WEB_ROOT: {type: string, description: Directory.}
`;
const FILES = { ...TOY_OS, 'elements/web/element.yaml': WEB };

/** Key and value of each variable stand in a line of their own, as in image.yaml. */
function locator(environment: Readonly<Record<string, string>>) {
  return (name: string, part: 'key' | 'value'): SourceRange | undefined => {
    const line = Object.keys(environment).indexOf(name) + 1;
    if (line === 0) return undefined;
    const column = part === 'key' ? 3 : 3 + name.length + 2;
    return { file: 'image.yaml', start: { line, column, offset: 0 }, end: { line, column: column + 1, offset: 1 } };
  };
}

async function judged(
  environment: Record<string, string>,
  files: Readonly<Record<string, string>> = FILES,
  names = ['toy-os', 'web'],
) {
  const { value, diagnostics } = await load(makeTree(files), names, { environment, locateVariable: locator(environment) });
  return { value, diagnostics };
}

describe('values of variables', () => {
  it.each([
    ['DIB_WEB_ON', ['0', '1', 'true', 'False', 'YES', 'no', '']],
    ['DIB_WEB_PORT', ['80', '-1', '']],
    ['DIB_WEB_SIZE', ['512MiB', '4 GB', '']],
    ['DIB_WEB_URL', ['https://example.org/x', 'file:///srv', '']],
    ['DIB_WEB_FLAVOUR', ['small', 'large', '']],
    ['DIB_WEB_MODULES', ['ssl', 'ssl,proxy', 'ssl  proxy', '']],
    ['DIB_WEB_SITE_A', ['https://a.example/']],
  ])('%s may be %j', async (name, values) => {
    for (const value of values) expect((await judged({ [name]: value })).diagnostics).toEqual([]);
  });

  it.each([
    ['DIB_WEB_ON', 'on', '`DIB_WEB_ON` must be a boolean: 0, 1, true, false, yes or no; `on` is not', 'See the element `web`.'],
    ['DIB_WEB_PORT', '80.5', '`DIB_WEB_PORT` must be a whole number; `80.5` is not', 'See the element `web`.'],
    ['DIB_WEB_SIZE', '4GX', '`DIB_WEB_SIZE` must be a size, such as 512MiB; `4GX` is not', 'See the element `web`.'],
    [
      'DIB_WEB_URL',
      'example.org',
      '`DIB_WEB_URL` must be a URL with its scheme, such as https://example.org/; `example.org` is not',
      'See the element `web`.',
    ],
    ['DIB_WEB_FLAVOUR', 'smal', '`DIB_WEB_FLAVOUR` must be one of `small` or `large`; `smal` is not', 'Did you mean `small`?'],
    ['DIB_WEB_MODULES', 'ssl, poxy', '`DIB_WEB_MODULES` must be one of `ssl` or `proxy`; `poxy` is not', 'Did you mean `proxy`?'],
    [
      'DIB_WEB_SITE_A',
      'a',
      '`DIB_WEB_SITE_A` must be a URL with its scheme, such as https://example.org/; `a` is not',
      'See the element `web`.',
    ],
  ])('%s may not be %j', async (name, value, summary, help) => {
    const { diagnostics } = await judged({ [name]: value });
    expect(diagnostics).toMatchObject([
      { code: 'DIB_ELEMENT_BAD_VALUE', severity: 'error', summary, help, range: { start: { line: 1, column: 5 + name.length } } },
    ]);
    expect(diagnostics[0]?.related).toMatchObject([
      { message: 'declared by the element `web`', range: { start: { column: 3 } } },
    ]);
  });

  it.each(['DIB_WEB_KEY', 'DIB_WEB_PASSWORD'])('%s is secret, and not shown', async (name) => {
    const { diagnostics } = await judged({ [name]: 'hunter2' });
    expect(diagnostics).toMatchObject([
      {
        code: 'DIB_ELEMENT_BAD_VALUE',
        summary: `\`${name}\` must be a whole number; the value is something else`,
        sensitive: true,
      },
    ]);
    expect(JSON.stringify(diagnostics)).not.toContain('hunter2');
  });

  it('are judged where they come from the environment of dib, too', async () => {
    const { diagnostics } = await load(makeTree(FILES), ['toy-os', 'web'], {
      environment: { DIB_WEB_PORT: 'x' },
      locateVariable: () => undefined,
    });
    expect(diagnostics).toMatchObject([
      { summary: '`DIB_WEB_PORT` (from the environment of dib) must be a whole number; `x` is not', range: undefined },
    ]);
  });
});

describe('names of variables', () => {
  it('deprecated ones are told, with what to use', async () => {
    const { value, diagnostics } = await judged({ DIB_WEB_OLD: 'x' });
    expect(value).toBeDefined();
    expect(diagnostics).toMatchObject([
      {
        code: 'DIB_ELEMENT_DEPRECATED_VARIABLE',
        severity: 'warning',
        summary: '`DIB_WEB_OLD` is deprecated',
        help: 'Use DIB_WEB_URL.',
        range: { start: { line: 1, column: 3 } },
      },
    ]);
  });

  it('misspelt ones are told, those of declared variables without DIB_ as well', async () => {
    const { diagnostics } = await judged({ DIB_WEB_FLAVOR: 'small', WEB_ROT: '/srv', LANGUAGE: 'de' });
    expect(diagnostics.map(({ code, summary, help }) => [code, summary, help])).toEqual([
      ['DIB_ELEMENT_UNKNOWN_VARIABLE', 'No element of the image reads `DIB_WEB_FLAVOR`', 'Did you mean `DIB_WEB_FLAVOUR`?'],
      ['DIB_ELEMENT_UNKNOWN_VARIABLE', 'No element of the image reads `WEB_ROT`', 'Did you mean `WEB_ROOT`?'],
    ]);
  });

  it('of elements without element.yaml are those that their files mention', async () => {
    const files = { ...TOY_OS, 'elements/web/install.d/50-web': '#!/bin/bash\necho "${DIB_WEB_TITLE:-}"\n' };
    expect((await judged({ DIB_WEB_TITLE: 'x' }, files)).diagnostics).toEqual([]);
    expect((await judged({ DIB_WEB_TITEL: 'x' }, files)).diagnostics).toMatchObject([{ help: 'Did you mean `DIB_WEB_TITLE`?' }]);
  });
});

describe('required variables', () => {
  const files = {
    ...TOY_OS,
    'elements/web/element.yaml': 'summary: x\nvariables:\n  DIB_KEY: {type: string, required: true, description: The key.}\n',
    'elements/site/element-deps': 'web\n',
  };
  it('are asked for, where image.yaml names the element that brings them', async () => {
    const { value, diagnostics } = await judged({}, files, ['toy-os', 'site']);
    expect(value).toBeUndefined();
    expect(diagnostics).toMatchObject([
      {
        code: 'DIB_ELEMENT_MISSING_VARIABLE',
        summary: 'The element `web` needs `DIB_KEY`, which is not set',
        detail: 'The key.',
        help: 'Set it in `environment` of image.yaml.',
        range: { start: { line: 2, column: 5 } },
      },
    ]);
    expect((await judged({ DIB_KEY: '' }, files)).diagnostics).toHaveLength(1);
  });

  it('can be set by image.yaml or by environment.d', async () => {
    expect((await judged({ DIB_KEY: 'x' }, files)).diagnostics).toEqual([]);
    const set = { ...files, 'elements/web/environment.d/10-key.bash': 'export DIB_KEY=x\n' };
    expect((await judged({}, set)).diagnostics).toEqual([]);
    const computed = { ...files, 'elements/web/environment.d/10-key.bash': 'DIB_KEY=$(uname)\nexport DIB_KEY\n' };
    expect((await judged({}, computed)).diagnostics).toEqual([]);
  });
});

describe('distributions', () => {
  const files = {
    ...TOY_OS,
    'elements/toy-os/environment.d/10-name.bash': 'export DISTRO_NAME=ubuntu\n',
    'elements/site/element-deps': 'web\n',
  };
  const on = (distros: string) =>
    judged({}, { ...files, 'elements/web/element.yaml': `summary: x\ndistros: [${distros}]\n` }, ['toy-os', 'site']);

  it.each(['ubuntu', 'debian', 'fedora, debian'])('ubuntu is one of %s', async (distros) => {
    expect((await on(distros)).diagnostics).toEqual([]);
  });

  it('an element that is not made for the image is told, with who needs it', async () => {
    expect((await on('suse, fedora')).diagnostics).toMatchObject([
      {
        code: 'DIB_ELEMENT_UNSUPPORTED_DISTRO',
        severity: 'error',
        summary: 'The element `web` does not work on `ubuntu`',
        detail: 'It is made for `suse` and `fedora`. It is needed by `site`.',
        range: { start: { line: 2, column: 5 } },
        related: [{ message: 'declared here', range: { start: { line: 2, column: 1 } } }],
      },
    ]);
  });

  it('one that nobody knows is not judged', async () => {
    const unknown = {
      ...files,
      'elements/toy-os/environment.d/10-name.bash': 'export DISTRO_NAME=plan9\n',
      'elements/web/element.yaml': 'summary: x\ndistros: [suse]\n',
    };
    expect((await judged({}, unknown)).diagnostics).toEqual([]);
  });
});

describe('secret variables', () => {
  it('are named in the set, and only their fingerprints are in its digest', async () => {
    const { value } = await judged({ DIB_WEB_KEY: '42' });
    expect(value?.secretVariables).toEqual(['DIB_WEB_KEY']);
    const other = await judged({ DIB_WEB_KEY: '43' });
    expect(other.value?.digest).not.toBe(value?.digest);
  });

  it('element.yaml itself changes nothing', async () => {
    const { value } = await judged({});
    const more = await judged({}, { ...FILES, 'elements/web/element.yaml': 'summary: Another\n' });
    expect(more.value?.digest).toBe(value?.digest);
  });

  it('a broken element.yaml is an error with its place', async () => {
    const { value, diagnostics } = await judged({}, { ...TOY_OS, 'elements/web/element.yaml': 'summary: x\nvars: {}\n' });
    expect(value).toBeUndefined();
    expect(diagnostics).toMatchObject([{ code: 'DIB_ELEMENT_YAML_UNKNOWN_KEY', range: { start: { line: 2, column: 1 } } }]);
  });
});

it('hooks of an element that names the phases which need the network have none in others, and their steps and commands say so', async () => {
  const hook = '#!/bin/bash\nset -eu\n';
  const files = (network: string) => ({
    ...TOY_OS,
    'elements/web/element.yaml': `summary: x\n${network}`,
    'elements/web/install.d/10-web': hook,
    'elements/web/post-install.d/10-web': hook,
    'elements/silent/install.d/20-silent': hook,
  });
  const image = { name: 'i', elements: [], packages: [], outputs: [], environment: {} } as unknown as ImageConfig;
  const commands = async (network: string) => {
    const { value } = await load(makeTree(files(network)), ['toy-os', 'web', 'silent']);
    if (value === undefined) throw new Error('no set');
    const kind = layerKind();
    const layers = layerResources(value, image, { systemFiles: {}, initramfsFiles: [] });
    return Object.fromEntries(
      layers.map(({ name, inputs }) => {
        const tools = kind.requires(inputs).flatMap((each) => (each.need === 'tool' ? [each.name] : []));
        return [name, { commands: kind.commands(inputs).map(({ argv }) => argv.join(' ')), ip: tools.includes('ip') }];
      }),
    );
  };
  expect(await commands('network: [post-install.d]\n')).toMatchObject({
    install: { commands: ['unshare --net install.d/10-web', 'install.d/20-silent'], ip: true },
    'post-install': { commands: ['post-install.d/10-web'], ip: false },
  });
  expect(await commands('network: []\n')).toMatchObject({
    'post-install': { commands: ['unshare --net post-install.d/10-web'] },
  });
  expect(await commands('')).toMatchObject({ install: { commands: ['install.d/10-web', 'install.d/20-silent'], ip: false } });
});
