import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { writeHookTree } from '../../../src/rootfs/hook-tree.ts';
import { sha256 } from '../../../src/util/hash.ts';
import { load, makeTree, TOY_OS } from './fixture.ts';

const COPIES = {
  ...TOY_OS,
  'elements/copies/element.yaml':
    'summary: x\nvariables:\n  DIB_TREE: {type: path, description: x}\n  DIB_WORD: {type: string, description: x}\n',
};
const range = { file: 'image.yaml', start: { line: 3, column: 3, offset: 40 }, end: { line: 3, column: 9, offset: 46 } };

async function inputs(tree: string, value: string) {
  const { value: set, diagnostics } = await load(tree, ['toy-os', 'copies'], {
    environment: { DIB_TREE: value, DIB_WORD: 'none' },
    locateVariable: () => range,
  });
  return { set, inputs: set?.inputFiles, problems: diagnostics.filter(({ code }) => code === 'DIB_ELEMENT_INPUT_FILE') };
}

describe('public keys of devuser', () => {
  it('are in a file, hashed by content, or in the variable itself', async () => {
    const tree = makeTree({ ...TOY_OS, 'ssh-keys/ops.pub': 'ssh-ed25519 AAAA ops\n' });
    const keys = async (value: string) => load(tree, ['toy-os'], { environment: { DIB_DEV_USER_AUTHORIZED_KEYS: value } });
    expect((await keys('ssh-keys/ops.pub')).value?.inputFiles).toEqual({
      DIB_DEV_USER_AUTHORIZED_KEYS: { path: join(tree, 'ssh-keys/ops.pub'), sha256: sha256('ssh-ed25519 AAAA ops\n') },
    });
    expect((await keys('ssh-ed25519 AAAA ops')).value?.inputFiles).toEqual({});
    expect((await keys('none.pub')).diagnostics).toMatchObject([
      { summary: `\`DIB_DEV_USER_AUTHORIZED_KEYS\` names a file that cannot be read: \`${join(tree, 'none.pub')}\`` },
    ]);
  });
});

describe('variables of type path', () => {
  it('name files', async () => {
    const tree = makeTree({ ...COPIES, 'setup.sh': 'true\n' });
    const path = join(tree, 'setup.sh');
    expect((await inputs(tree, 'setup.sh')).inputs).toEqual({ DIB_TREE: { path, sha256: sha256('true\n') } });
    expect((await inputs(tree, path)).inputs).toEqual({ DIB_TREE: { path, sha256: sha256('true\n') } });
    expect((await inputs(tree, '')).inputs).toEqual({});
  });

  it('name directories, whose digest tells names, bytes, modes and links, and neither places nor what a umask decides', async () => {
    const digest = async (change: (directory: string) => void) => {
      const tree = makeTree({ ...COPIES, 'tree/etc/motd': 'hello\n', 'tree/usr/bin/tool': '#!/bin/sh\n' });
      mkdirSync(join(tree, 'tree/empty'));
      change(join(tree, 'tree'));
      const found = await inputs(tree, 'tree');
      expect(found.problems).toEqual([]);
      return found.inputs?.['DIB_TREE']?.sha256;
    };
    const first = await digest(() => {});
    expect(first).toMatch(/^[0-9a-f]{64}$/);
    expect(await digest((top) => chmodSync(join(top, 'etc/motd'), 0o664))).toBe(first);
    const changes: ((top: string) => void)[] = [
      (top) => writeFileSync(join(top, 'etc/motd'), 'hullo\n'),
      (top) => chmodSync(join(top, 'etc/motd'), 0o600),
      (top) => rmSync(join(top, 'empty'), { recursive: true }),
      (top) => symlinkSync('motd', join(top, 'etc/other')),
      (top) => symlinkSync('issue', join(top, 'etc/other')),
    ];
    const all = [first, ...(await Promise.all(changes.map(digest)))];
    expect(new Set(all).size).toBe(all.length);
  });

  it('are seen by hooks as copies in the hook tree', async () => {
    const tree = makeTree({ ...COPIES, 'tree/etc/motd': 'hello\n', 'tree/usr/bin/tool': '#!/bin/sh\n' });
    chmodSync(join(tree, 'tree/etc/motd'), 0o660);
    symlinkSync('/usr/bin/tool', join(tree, 'tree/etc/link'));
    const { set } = await inputs(tree, 'tree');
    const hooks = mkdtempSync(join(tmpdir(), 'dib-hook-tree-'));
    onTestFinished(() => rmSync(hooks, { recursive: true }));
    const libexec = join(tree, 'libexec');
    mkdirSync(join(libexec, 'guest'), { recursive: true });
    writeFileSync(join(libexec, 'guest/dib-run-parts'), '');
    if (set === undefined) throw new Error('no elements');
    writeHookTree(hooks, set, libexec, []);
    const copy = join(hooks, '.dib/inputs/DIB_TREE');
    expect(readFileSync(join(copy, 'etc/motd'), 'utf8')).toBe('hello\n');
    expect(statSync(join(copy, 'etc/motd')).mode & 0o7777).toBe(0o640);
    expect(statSync(join(copy, 'usr/bin/tool')).mode & 0o7777).toBe(0o755);
    expect(readlinkSync(join(copy, 'etc/link'))).toBe('/usr/bin/tool');
  });

  it('are told with their place when there is no such file', async () => {
    const tree = makeTree({ ...COPIES, 'setup.sh': 'true\n' });
    expect((await inputs(tree, 'setpu.sh')).problems).toMatchObject([
      {
        summary: `\`DIB_TREE\` names a file that cannot be read: \`${join(tree, 'setpu.sh')}\``,
        help: 'Did you mean `setup.sh`? A relative path starts from the directory of `image.yaml`.',
        range,
      },
    ]);
  });

  it('may not name what holds image.yaml, nor what is no file', async () => {
    const tree = makeTree(COPIES);
    expect((await inputs(tree, '.')).problems).toMatchObject([
      { summary: `\`DIB_TREE\` names a directory that holds \`image.yaml\` itself: \`${tree}\`` },
    ]);
    expect((await inputs(tree, '/')).problems).toHaveLength(1);
    mkdirSync(join(tree, 'tree'));
    execFileSync('mkfifo', [join(tree, 'tree/pipe')]);
    expect((await inputs(tree, 'tree')).problems[0]?.detail).toContain(
      `${join(tree, 'tree/pipe')} is neither a file nor a directory`,
    );
  });
});
