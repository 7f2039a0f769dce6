import { chmodSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { load, makeTree, TOY_OS } from './fixture.ts';

const SCRIPT = '#!/bin/bash\ntrue\n';

describe('hook collection', () => {
  it('orders hooks and environment files by number, then bytes, across elements', async () => {
    const tree = makeTree({
      ...TOY_OS,
      'elements/a/install.d/100-last': SCRIPT,
      'elements/a/install.d/9-first': SCRIPT,
      'elements/b/install.d/10-middle': SCRIPT,
      'elements/b/install.d/zz': SCRIPT,
      'elements/a/environment.d/100-c.bash': 'export X=$X-hundred\n',
      'elements/b/environment.d/9-a.bash': 'export X=nine\n',
      'elements/b/environment.d/10-b.bash': 'export X=$X-ten\n',
    });
    const { value, diagnostics } = await load(tree, ['toy-os', 'b', 'a']);
    expect(diagnostics).toEqual([]);
    expect(value?.hooks['install.d'].map((hook) => hook.name)).toEqual(['zz', '9-first', '10-middle', '100-last']);
    expect(value?.hooks['install.d'][1]).toEqual({
      phase: 'install.d',
      name: '9-first',
      element: 'a',
      path: join(tree, 'elements/a/install.d/9-first'),
      sha256: '1712a7a6ffa7507753f9e887b4f44a4db13eb120f3bddfdbac3c46301ad07392',
    });
    expect(value?.environmentFiles.map((file) => file.path)).toEqual([
      'environment.d/9-a.bash',
      'environment.d/10-b.bash',
      'environment.d/100-c.bash',
    ]);
    expect(value?.environment['X']).toBe('nine-ten-hundred');
  });

  it('warns about what would never run', async () => {
    const tree = makeTree({
      ...TOY_OS,
      'elements/a/install.d/10-dots.sh': SCRIPT,
      'elements/a/install.d/20-plain': 'echo not executable\n',
      'elements/a/install.d/README.md': 'for people\n',
      'elements/a/post_install.d/10-x': SCRIPT,
      'elements/a/block-device.d/10-x': SCRIPT,
      'elements/a/modprobe.d/blacklist.conf': 'data\n',
    });
    const { value, diagnostics } = await load(tree, ['toy-os', 'a']);
    expect(value?.hooks['install.d']).toEqual([]);
    expect(diagnostics.map(({ code, severity, summary, help }) => ({ code, severity, summary, help }))).toEqual([
      {
        code: 'DIB_ELEMENT_FOREIGN_PHASE',
        severity: 'warning',
        summary: 'The scripts in `block-device.d` of element `a` never run',
        help: undefined,
      },
      {
        code: 'DIB_ELEMENT_HOOK_NAME',
        severity: 'warning',
        summary: 'The hook `install.d/10-dots.sh` of element `a` never runs',
        help: 'Rename it to `10-dots`.',
      },
      {
        code: 'DIB_ELEMENT_HOOK_NOT_EXECUTABLE',
        severity: 'warning',
        summary: 'The hook `install.d/20-plain` of element `a` never runs',
        help: `Run \`chmod +x ${join(tree, 'elements/a/install.d/20-plain')}\`.`,
      },
      {
        code: 'DIB_ELEMENT_FOREIGN_PHASE',
        severity: 'warning',
        summary: 'The scripts in `post_install.d` of element `a` never run',
        help: 'Did you mean `post-install.d`?',
      },
    ]);
    expect(value?.files.map((file) => file.path)).toContain('modprobe.d/blacklist.conf');
  });

  it('refuses scripts that the kernel would refuse', async () => {
    const tree = makeTree({
      ...TOY_OS,
      'elements/a/install.d/10-crlf': '#!/bin/bash\r\necho\r\n',
      'elements/a/install.d/20-bare': 'echo hello\n',
    });
    chmodSync(join(tree, 'elements/a/install.d/20-bare'), 0o755);
    const { value, diagnostics } = await load(tree, ['toy-os', 'a']);
    expect(value).toBeUndefined();
    expect(diagnostics.map((item) => [item.code, item.summary])).toEqual([
      ['DIB_ELEMENT_HOOK_CRLF', 'The hook `install.d/10-crlf` of element `a` has Windows line ends'],
      ['DIB_ELEMENT_HOOK_NO_SHEBANG', 'The hook `install.d/20-bare` of element `a` does not say what runs it'],
    ]);
  });

  it('accepts programs', async () => {
    const tree = makeTree({ ...TOY_OS, 'elements/a/install.d/10-x': SCRIPT });
    writeFileSync(join(tree, 'elements/a/install.d/10-x'), Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1]));
    expect((await load(tree, ['toy-os', 'a'])).diagnostics).toEqual([]);
  });

  it('names both files of a duplicate, whatever their directory', async () => {
    const tree = makeTree({
      ...TOY_OS,
      'elements/a/install.d/10-x': SCRIPT,
      'elements/b/install.d/10-x': SCRIPT,
      'elements/a/environment.d/10-e': '',
      'elements/b/environment.d/10-e': '',
      'elements/a/bin/tool': SCRIPT,
      'elements/b/bin/tool': SCRIPT,
    });
    const { value, diagnostics } = await load(tree, ['toy-os', 'a', 'b']);
    expect(value).toBeUndefined();
    expect(diagnostics.map((item) => item.summary)).toEqual([
      'The elements `a` and `b` both have `bin/tool`',
      'The elements `a` and `b` both have `environment.d/10-e`',
      'The elements `a` and `b` both have `install.d/10-x`',
    ]);
    expect(diagnostics[2]).toMatchObject({
      code: 'DIB_ELEMENT_DUPLICATE_HOOK',
      detail: `All elements share one directory per phase, so one of the two would be lost: \`${tree}/elements/a/install.d/10-x\` and \`${tree}/elements/b/install.d/10-x\`.`,
      range: { file: `${tree}/elements/b/install.d/10-x` },
      related: [{ range: { file: `${tree}/elements/a/install.d/10-x` } }],
    });
  });

  it('lets a dependent replace nested files of what it depends on, and says so', async () => {
    const tree = makeTree({
      ...TOY_OS,
      'elements/a/static/etc/x': 'a\n',
      'elements/a/static/etc/same': 'same\n',
      'elements/b/element-deps': 'a\n',
      'elements/b/static/etc/x': 'b\n',
      'elements/b/static/etc/same': 'same\n',
    });
    const { value, diagnostics } = await load(tree, ['toy-os', 'b']);
    expect(diagnostics).toMatchObject([
      {
        code: 'DIB_ELEMENT_FILE_REPLACED',
        severity: 'warning',
        summary: 'The element `b` replaces `static/etc/x` of element `a`',
      },
    ]);
    expect(value?.files.find((file) => file.path === 'static/etc/x')?.element).toBe('b');
  });

  it('keeps links below static, follows those inside the tree, refuses those that lead out of it', async () => {
    const tree = makeTree({
      ...TOY_OS,
      'elements/a/static/etc/x': 'x\n',
      'elements/a/install.d/10-x': SCRIPT,
      'elsewhere/20-y': SCRIPT,
    });
    symlinkSync('/usr/share/zoneinfo/UTC', join(tree, 'elements/a/static/etc/localtime'));
    symlinkSync('10-x', join(tree, 'elements/a/install.d/15-again'));
    const good = await load(tree, ['toy-os', 'a']);
    expect(good.diagnostics).toEqual([]);
    expect(good.value?.files.find((file) => file.path === 'static/etc/localtime')?.link).toBe('/usr/share/zoneinfo/UTC');
    expect(good.value?.hooks['install.d'].map((hook) => hook.name)).toEqual(['10-x', '15-again']);
    symlinkSync(join(tree, 'elsewhere/20-y'), join(tree, 'elements/a/install.d/20-y'));
    symlinkSync('nowhere', join(tree, 'elements/a/install.d/30-z'));
    expect((await load(tree, ['toy-os', 'a'])).diagnostics.map((item) => item.code)).toEqual([
      'DIB_ELEMENT_LINK_ESCAPES',
      'DIB_ELEMENT_DANGLING_LINK',
    ]);
  });

  it('chooses scripts by install type', async () => {
    const tree = makeTree({
      ...TOY_OS,
      'elements/a/install.d/my-tool-source-install/10-from-source': SCRIPT,
      'elements/a/install.d/my-tool-package-install/10-from-package': SCRIPT,
    });
    const hooks = async (environment: Record<string, string>) =>
      (await load(tree, ['toy-os', 'a'], { environment })).value?.hooks['install.d'].map((hook) => hook.name);
    expect(await hooks({})).toEqual(['10-from-source']);
    expect(await hooks({ DIB_INSTALLTYPE_my_tool: 'package' })).toEqual(['10-from-package']);
    expect(await hooks({ DIB_DEFAULT_INSTALLTYPE: 'package' })).toEqual(['10-from-package']);
  });

  it('has a digest of content, not of places, readmes or tests', async () => {
    const files = { ...TOY_OS, 'elements/a/install.d/10-x': SCRIPT };
    const digest = async (extra: Record<string, string>) =>
      (await load(makeTree({ ...files, ...extra }), ['toy-os', 'a'])).value?.digest;
    const first = await digest({});
    expect(first).toMatch(/^[0-9a-f]{64}$/);
    expect(await digest({})).toBe(first);
    expect(
      await digest({ 'elements/a/README.md': 'x', 'elements/a/tests/t': 'x', 'elements/a/test-elements/b/install.d/1': SCRIPT }),
    ).toBe(first);
    expect(await digest({ 'elements/a/install.d/10-x': `${SCRIPT}true\n` })).not.toBe(first);
    expect(await digest({ 'elements/a/data/x': 'x' })).not.toBe(first);
  });
});
