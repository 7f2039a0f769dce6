import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { load, makeTree, TOY_OS } from './fixture.ts';

const names = (set: { readonly elements: readonly { readonly name: string }[] } | undefined) =>
  set?.elements.map((item) => item.name);

describe('resolution', () => {
  it('prepends base, follows dependencies, and orders them first', async () => {
    const tree = makeTree({
      ...TOY_OS,
      'builtin/base/element-deps': 'z\n',
      'elements/a/element-deps': 'z\n\ny\n',
      'elements/y/README.md': '',
      'elements/z/README.md': '',
    });
    const { value, diagnostics } = await load(tree, ['toy-os', 'a']);
    expect(diagnostics).toEqual([]);
    expect(names(value)).toEqual(['y', 'z', 'a', 'base', 'toy-os']);
    expect(value?.operatingSystem).toBe('toy-os');
    expect(names((await load(tree, ['toy-os', 'a'], { skipBase: true })).value)).not.toContain('base');
  });

  it('does not depend on the order of names, even when a virtual name is met before its provider', async () => {
    const tree = makeTree({
      ...TOY_OS,
      'elements/a/element-deps': 'vm\nb\n',
      'elements/b/element-deps': 'layout-x\n',
      'elements/layout-x/element-provides': 'block-device\n',
      'builtin/vm/element-deps': 'block-device\n',
      'builtin/block-device-mbr/element-provides': 'block-device\n',
    });
    const first = await load(tree, ['toy-os', 'a']);
    const second = await load(tree, ['a', 'toy-os']);
    expect(first.diagnostics).toEqual([]);
    expect(names(first.value)).toEqual(['layout-x', 'b', 'vm', 'a', 'toy-os']);
    expect(second.value?.digest).toBe(first.value?.digest);
  });

  it('adds block-device-mbr for vm (block-device-efi on arm64) unless the image has its own layout', async () => {
    const tree = makeTree({
      ...TOY_OS,
      'builtin/vm/element-deps': 'block-device\n',
      'builtin/block-device-mbr/element-provides': 'block-device\n',
      'builtin/block-device-mbr/block-device-default.yaml': '- local_loop: { name: image0 }\n',
      'builtin/block-device-efi/element-provides': 'block-device\n',
    });
    const mbr = (await load(tree, ['vm', 'toy-os'])).value;
    expect(names(mbr)).toEqual(['block-device-mbr', 'toy-os', 'vm']);
    expect(mbr?.blockDevice).toMatchObject({ element: 'block-device-mbr', text: '- local_loop: { name: image0 }\n' });
    expect(names((await load(tree, ['vm', 'toy-os'], { arch: 'arm64' })).value)).toContain('block-device-efi');
    const own = await load(tree, ['vm', 'toy-os'], { hasBlockDevice: true });
    expect(own.diagnostics).toEqual([]);
    expect(names(own.value)).toEqual(['toy-os', 'vm']);
  });

  it('accepts cycles, which it names, and elements that need themselves', async () => {
    const tree = makeTree({ ...TOY_OS, 'elements/a/element-deps': 'b\na\n', 'elements/b/element-deps': 'a\n' });
    const { value, diagnostics } = await load(tree, ['a', 'toy-os']);
    expect(names(value)).toEqual(['b', 'a', 'toy-os']);
    expect(diagnostics).toMatchObject([
      {
        code: 'DIB_ELEMENT_CYCLE',
        severity: 'warning',
        summary: 'Elements need each other in a circle: `a` -> `b` -> `a`',
        range: { start: { line: 1 } },
      },
    ]);
  });

  it('names the chain that needs an unknown element, and the nearest name', async () => {
    const tree = makeTree({
      ...TOY_OS,
      'elements/a/element-deps': 'b\n',
      'elements/b/element-deps': 'openssh-sever\n',
      'elements/openssh-server/README.md': '',
    });
    const { value, diagnostics } = await load(tree, ['toy-os', 'a', 'tyo-os']);
    expect(value).toBeUndefined();
    expect(diagnostics).toMatchObject([
      { summary: 'There is no element `tyo-os`', help: 'Did you mean `toy-os`?', range: { start: { line: 3 } } },
      {
        code: 'DIB_ELEMENT_NOT_FOUND',
        summary: 'There is no element `openssh-sever`',
        detail: 'It is needed by `b` <- `a`.',
        help: 'Did you mean `openssh-server`?',
        range: { start: { line: 2 } },
      },
    ]);
  });

  it('reports two providers of one name', async () => {
    const tree = makeTree({ ...TOY_OS, 'elements/other/element-provides': 'operating-system\n' });
    const { diagnostics } = await load(tree, ['toy-os', 'other']);
    expect(diagnostics).toMatchObject([
      {
        code: 'DIB_ELEMENT_PROVIDED_TWICE',
        summary: '`other` and `toy-os` both provide `operating-system`',
        detail: 'An image can have one of them only. `other` is named in the image. `toy-os` is named in the image.',
      },
    ]);
  });

  it('reports a named element that another provides, and drops one that is only depended on', async () => {
    const tree = makeTree({
      ...TOY_OS,
      'elements/init/README.md': '',
      'elements/better-init/element-provides': 'init\n',
      'elements/user/element-deps': 'init\n',
    });
    expect((await load(tree, ['toy-os', 'init', 'better-init'])).diagnostics).toMatchObject([
      { summary: 'The element `init` is named in the image and provided by `better-init` as well' },
    ]);
    expect(names((await load(tree, ['toy-os', 'user', 'better-init'])).value)).toEqual(['better-init', 'toy-os', 'user']);
  });

  it('asks for an operating system', async () => {
    const tree = makeTree({ 'elements/a/README.md': '' });
    expect((await load(tree, ['a'])).diagnostics).toMatchObject([
      { code: 'DIB_ELEMENT_NO_OPERATING_SYSTEM', summary: 'The image has no operating system' },
    ]);
  });

  it('finds elements by a path relative to the image, and refuses paths that leave it', async () => {
    const tree = makeTree({ ...TOY_OS, 'my/motd/install.d/10-motd': '#!/bin/bash\n' });
    expect(names((await load(tree, ['toy-os', './my/motd'])).value)).toEqual(['motd', 'toy-os']);
    expect((await load(tree, ['toy-os', './my/nothing'])).diagnostics).toMatchObject([
      { code: 'DIB_ELEMENT_NOT_FOUND', summary: 'There is no element directory `./my/nothing`' },
    ]);
    for (const path of ['../motd', './../motd', '/etc/motd', 'my/motd']) {
      expect((await load(tree, ['toy-os', path])).diagnostics).toMatchObject([{ code: 'DIB_ELEMENT_PATH_ESCAPES' }]);
    }
  });

  it('names a linked element after its target; an earlier directory wins, mechanisms excepted', async () => {
    const tree = makeTree({
      ...TOY_OS,
      'elsewhere/target/README.md': '',
      'builtin/base/environment.d/10-base': 'export FROM=builtin\n',
      'elements/base/environment.d/10-base': 'export FROM=foreign\n',
      'builtin/pkg-map/README.md': '',
      'elements/pkg-map/element-deps': 'missing\n',
    });
    symlinkSync(join(tree, 'elsewhere/target'), join(tree, 'elements/alias'));
    const { value, diagnostics } = await load(tree, ['toy-os', 'target', 'pkg-map']);
    expect(diagnostics).toEqual([]);
    expect(names(value)).toEqual(['base', 'pkg-map', 'target', 'toy-os']);
    expect(value?.environment['FROM']).toBe('foreign');
    expect(value?.elements.find((item) => item.name === 'pkg-map')?.builtin).toBe(true);
  });

  it('tells an unreadable search path', async () => {
    const tree = makeTree(TOY_OS);
    const { diagnostics } = await load(tree, ['toy-os'], { searchPath: [join(tree, 'elements'), join(tree, 'none')] });
    expect(diagnostics).toMatchObject([
      { code: 'DIB_ELEMENT_PATH', summary: `The element directory \`${tree}/none\` cannot be read` },
    ]);
  });
});

const DEBIAN = { name: 'debian', release: 'trixie', arch: 'amd64', components: ['main'], variant: 'minbase' };

describe('operating system', () => {
  it('is native for distro alone and for the shipped element', async () => {
    const tree = makeTree({});
    const shipped = { builtinDirectory: undefined };
    const byDistro = await load(tree, ['vm'], { ...shipped, distro: DEBIAN });
    expect(byDistro.diagnostics).toEqual([]);
    expect(byDistro.value?.native).toEqual({ name: 'debian', release: 'trixie' });
    expect(byDistro.value?.operatingSystem).toBeUndefined();
    const byElement = await load(tree, ['vm', 'debian-minimal'], { ...shipped, environment: { DIB_RELEASE: 'trixie' } });
    expect(byElement.value?.digest).toBe(byDistro.value?.digest);
    const both = await load(tree, ['vm', 'debian-minimal'], { ...shipped, distro: DEBIAN });
    expect(both.value?.digest).toBe(byDistro.value?.digest);
    expect((await load(tree, ['debian-minimal'], shipped)).value?.native).toEqual({ name: 'debian', release: 'bookworm' });
  });

  it('is foreign when an element brings its own root.d', async () => {
    const tree = makeTree(TOY_OS);
    const { value, diagnostics } = await load(tree, ['toy-os'], { distro: DEBIAN });
    expect(diagnostics).toEqual([]);
    expect(value?.operatingSystem).toBe('toy-os');
    expect(value?.native).toBeUndefined();
    expect(value?.environment).toMatchObject({ DISTRO_NAME: 'debian', DIB_RELEASE: 'trixie', ARCH: 'amd64' });
  });

  it('tells contradictions', async () => {
    const tree = makeTree({ 'elements/hollow/element-provides': 'operating-system\n' });
    expect((await load(tree, ['hollow'])).diagnostics).toMatchObject([{ code: 'DIB_ELEMENT_NO_ROOT' }]);
    const shipped = { builtinDirectory: undefined, distro: DEBIAN };
    expect((await load(tree, [], { ...shipped, environment: { DIB_RELEASE: 'bookworm' } })).diagnostics).toMatchObject([
      {
        code: 'DIB_ELEMENT_DISTRO_CONFLICT',
        summary: "The image's distro says release `trixie`, but `DIB_RELEASE` is `bookworm`",
      },
    ]);
    expect((await load(tree, [], { ...shipped, distro: { ...DEBIAN, name: 'plan9' } })).diagnostics).toMatchObject([
      {
        summary:
          'The distribution `plan9` is not one that dib can bootstrap, and no element of the image provides an operating system',
      },
    ]);
  });
});
